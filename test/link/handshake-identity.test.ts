import assert from "node:assert/strict";
import fc from "fast-check";
import {
  ANONYMOUS,
  formatAddress,
  harborAddress,
  type LogicalAddress,
  makeAddress,
  parseAnyAddress,
} from "../../src/addr/logical-address.js";
import { addressUri, identityFault, namesAddress, parseAddressUri } from "../../src/link/handshake-identity.js";
import { encodeRecord, encodeRefusal, PURPOSE, RECORD, REFUSAL } from "../../src/wire/hello.js";
import type { Setting } from "./support/openings.js";
import { ACCEPTOR, DIALER, feedAcceptor, HELLO, makeAcceptor, makeDialer, OLD, outcomeOf, PREFACE_BYTES } from "./support/openings.js";

const at = (text: string): LogicalAddress => (text === "0.0.0" ? ANONYMOUS : parseAnyAddress(text));
const names = (uri: string, address: string, cluster = "default"): boolean => namesAddress([uri], cluster, at(address));

suite("addresses in certificates", () => {
  test("the URI of an address, is for it and for no other one", () => {
    const address = fc.oneof(
      fc
        .tuple(fc.integer({ min: 1, max: 4095 }), fc.integer({ min: 1, max: 254 }), fc.integer({ min: 0, max: 4095 }))
        .map((f) => makeAddress(...f)),
      fc.tuple(fc.integer({ min: 1, max: 4095 }), fc.integer({ min: 0, max: 4095 })).map((f) => harborAddress(...f)),
      fc.constant(ANONYMOUS),
    );
    fc.assert(
      fc.property(address, address, (one, other) => {
        assert.equal(namesAddress([addressUri("default", one)], "default", one), true);
        assert.equal(namesAddress([addressUri("default", one)], "default", other), one === other);
        assert.equal(namesAddress([addressUri("default", one)], "blue", one), false);
      }),
    );
  });

  test("a wildcard, stands for every value of its part and for nothing beside it", () => {
    assert.equal(names("clusterts://default/1.2.*", "1.2.0"), true);
    assert.equal(names("clusterts://default/1.2.*", "1.2.4095"), true);
    assert.equal(names("clusterts://default/1.2.*", "1.3.1"), false);
    assert.equal(names("clusterts://default/1.*.*", "1.254.7"), true);
    assert.equal(names("clusterts://default/1.*.*", "2.1.1"), false);
    assert.equal(names("clusterts://default/*.2.7", "9.2.7"), true);
    assert.equal(names("clusterts://default/*.2.7", "9.2.8"), false);
  });

  test("a wildcard for types, is for no harbor: that is to be named", () => {
    assert.equal(names("clusterts://default/1.*.*", "1.255.1"), false);
    assert.equal(names("clusterts://default/*.*.*", "1.255.1"), false);
    assert.equal(names("clusterts://default/*.255.*", "1.255.1"), true);
    assert.equal(names("clusterts://default/1.255.1", "1.255.1"), true);
    assert.equal(names("clusterts://default/*.255.*", "1.2.1"), false);
  });

  test("a tool without an address, is named as such and by no wildcard", () => {
    assert.equal(names("clusterts://default/0.0.0", "0.0.0"), true);
    assert.equal(names("clusterts://default/*.*.*", "0.0.0"), false);
    assert.equal(names("clusterts://default/0.0.0", "1.2.1"), false);
  });

  test("one of several names, is enough", () => {
    const uris = ["https://example.com", "clusterts://blue/1.2.1", "clusterts://default/1.3.*", "clusterts://default/1.2.1"];
    assert.equal(namesAddress(uris, "default", at("1.2.1")), true);
    assert.equal(namesAddress(uris, "default", at("1.2.2")), false);
    assert.equal(namesAddress([], "default", at("1.2.1")), false);
  });

  test("a cluster's name, is taken byte for byte; it may have a slash or a star in it", () => {
    assert.equal(names("clusterts://a/b/1.2.1", "1.2.1", "a/b"), true);
    assert.equal(names("clusterts://a/b/1.2.1", "1.2.1", "a"), false);
    assert.equal(names("clusterts://*/1.2.1", "1.2.1"), false);
    assert.equal(names("clusterts://*/1.2.1", "1.2.1", "*"), true);
    assert.equal(names("clusterts://Default/1.2.1", "1.2.1"), false);
    assert.equal(names("clusterts://%64efault/1.2.1", "1.2.1"), false);
  });

  const wrong = [
    "",
    "clusterts://default/1.2",
    "clusterts://default/1.2.3.4",
    "clusterts://default/1.2.3/",
    "clusterts://default/1.2.3 ",
    " clusterts://default/1.2.3",
    "clusterts://default/01.2.3",
    "clusterts://default/1.2.03",
    "clusterts://default/1.2.4096",
    "clusterts://default/1.256.1",
    "clusterts://default/4096.1.1",
    "clusterts://default/0.1.1",
    "clusterts://default/1.0.1",
    "clusterts://default/*.0.0",
    "clusterts://default/0.*.*",
    "clusterts://default/1.2.1*",
    "clusterts://default/1.2.**",
    "clusterts://default/1.2.?",
    "clusterts://default/-1.2.3",
    "clusterts://default/1.2.3\n",
    "clusterts://default/1.2.3?x",
    "clusterts://default/1.2.3#x",
    "clusterts:///1.2.3",
    "clusterts:/default/1.2.3",
    "CLUSTERTS://default/1.2.3",
    "xclusterts://default/1.2.3",
    "https://default/1.2.3",
    "clusterts://default/١.٢.٣",
    `clusterts://${"x".repeat(65)}/1.2.3`,
  ];
  for (const uri of wrong) test(`${JSON.stringify(uri)}, is no such URI`, () => assert.equal(parseAddressUri(uri), undefined));

  test("any text, is such a URI or none, and never throws", () => {
    fc.assert(fc.property(fc.string(), (text) => void parseAddressUri(`clusterts://${text}`)));
  });

  test("what is wrong, is told with what is named, three names at most and only such URIs", () => {
    const identity = (...uris: string[]) => ({ subject: "CN=x", uris });
    assert.equal(identityFault(identity("clusterts://default/1.2.1"), "default", at("1.2.1")), undefined);
    assert.equal(
      identityFault(identity("https://example.com"), "default", at("1.2.1")),
      'the certificate of 1.2.1 ("CN=x") is not for clusterts://default/1.2.1; it names no address',
    );
    const many = [1, 2, 3, 4, 5].map((id) => `clusterts://default/1.3.${id}`);
    assert.match(
      identityFault(identity(...many), "default", at("1.2.1"))!,
      /; it names "clusterts:\/\/default\/1.3.1", "clusterts:\/\/default\/1.3.2", "clusterts:\/\/default\/1.3.3" and 2 more$/,
    );
  });
});

suite("opening: certificates", () => {
  const identity = (address: string, cluster = "default") => ({ subject: "CN=x", uris: [`clusterts://${cluster}/${address}`] });
  const remote = { isLoopback: false, channelBinding: new Uint8Array(32).fill(7) };
  const mutual = (dialer: string, acceptor: string): Setting => ({
    dialerFacts: { ...remote, identity: identity(acceptor) },
    acceptorFacts: { ...remote, identity: identity(dialer) },
  });

  test("both name their addresses, opens without a secret between two machines", () => {
    assert.equal(outcomeOf(mutual(formatAddress(DIALER), formatAddress(ACCEPTOR))), "open");
  });

  test("the dialer's names another address, the acceptor refuses; the acceptor's does, the dialer does", () => {
    assert.equal(outcomeOf(mutual("1.2.2", formatAddress(ACCEPTOR))), "acceptor: identity");
    assert.equal(outcomeOf(mutual(formatAddress(DIALER), "1.3.8")), "dialer: identity");
  });

  test("a certificate that names the address, does not stand for a secret that the other side asks for", () => {
    const setting = { ...mutual(formatAddress(DIALER), formatAddress(ACCEPTOR)), acceptorSecrets: [OLD] };
    assert.equal(outcomeOf(setting), "acceptor: noCommonKey");
  });

  test("TLS that knows nothing of the dialer, and no secret: only from this machine, or when told to take all", () => {
    const setting = (isLoopback: boolean, insecure: boolean): Setting => ({
      terms: { insecure },
      dialerFacts: { ...remote, isLoopback },
      acceptorFacts: { ...remote, isLoopback },
    });
    assert.equal(outcomeOf(setting(false, false)), "acceptor: insecure");
    assert.equal(outcomeOf(setting(true, false)), "open");
    assert.equal(outcomeOf(setting(false, true)), "open");
  });

  test("a probe for one's own address, needs a certificate for it", () => {
    const probe = (names: string): Setting => ({
      ...mutual(names, formatAddress(ACCEPTOR)),
      dialer: { address: ACCEPTOR },
      purpose: PURPOSE.probe,
    });
    assert.equal(outcomeOf(probe(formatAddress(ACCEPTOR))), "open");
    assert.equal(outcomeOf(probe("1.3.8")), "acceptor: identity");
  });

  test("an anonymous tool, needs one for 0.0.0", () => {
    const tool = (names: string): Setting => ({ ...mutual(names, formatAddress(ACCEPTOR)), dialer: { address: ANONYMOUS } });
    assert.equal(outcomeOf(tool("0.0.0")), "open");
    assert.equal(outcomeOf(tool("*.*.*")), "acceptor: identity");
  });

  test("the dialer says why it goes, the acceptor takes it for what it is: in place of the hello, or of the proof", () => {
    const why = encodeRecord(RECORD.refused, encodeRefusal(REFUSAL.identity, "why\u0007"));
    const expected = { name: "HandshakeError", reason: "identity", message: "the dialer refused: why ", byPeer: true, proven: false };
    assert.throws(() => feedAcceptor(makeAcceptor(), PREFACE_BYTES, why), expected);
    assert.throws(() => feedAcceptor(makeAcceptor(), HELLO, why), expected);
    assert.equal(
      Buffer.from(makeDialer().refuse("identity", "why")).equals(encodeRecord(RECORD.refused, encodeRefusal(REFUSAL.identity, "why"))),
      true,
    );
  });
});
