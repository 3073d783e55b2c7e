import assert from "node:assert/strict";
import fc from "fast-check";
import { ANONYMOUS, harborAddress, makeAddress } from "../../src/addr/logical-address.js";
import type { HandshakeError } from "../../src/link/handshake-error.js";
import { SecretKey } from "../../src/link/keyring.js";
import { encodeRecord, PURPOSE, RECORD } from "../../src/wire/hello.js";
import { PREFACE } from "../../src/wire/limits.js";
import {
  ACCEPTED,
  ACCEPTOR,
  answerOf,
  DIALER,
  feedAcceptor,
  feedDialer,
  helloOf,
  keyId,
  MALFORMED,
  makeAcceptor,
  makeDialer,
  NEW,
  NO_PROOF,
  OLD,
  open,
  outcomeOf,
  PREFACE_BYTES,
  type Setting,
} from "./support/openings.js";

suite("opening: who gets in", () => {
  test("two nodes without a secret on one machine, know each other", () => {
    const outcome = open({ dialer: { maxPayloadBytes: 10, software: "one" }, acceptor: { maxPayloadBytes: 20, software: "other" } });
    assert.ok(outcome.type === "open");
    const common = { purpose: PURPOSE.messages, version: 1 };
    assert.deepEqual(outcome.dialerSees, { ...common, address: ACCEPTOR, incarnation: 7n, maxPayloadBytes: 20, software: "other" });
    assert.deepEqual(outcome.acceptorSees, { ...common, address: DIALER, incarnation: 5n, maxPayloadBytes: 10, software: "one" });
  });

  test("any secrets on either side in any order, open when one is common; the acceptor chooses its first", () => {
    const third = "a third secret of this cluster, 32 bytes or more";
    const lists = fc.shuffledSubarray([OLD, NEW, third]);
    fc.assert(
      fc.property(lists, lists, (dialerSecrets, acceptorSecrets) => {
        const common = acceptorSecrets.filter((secret) => dialerSecrets.includes(secret));
        const none = dialerSecrets.length === 0 && acceptorSecrets.length === 0;
        assert.equal(outcomeOf({ dialerSecrets, acceptorSecrets }), none || common.length > 0 ? "open" : "acceptor: noCommonKey");
        if (common.length === 0) return;
        const { sent } = feedAcceptor(makeAcceptor({ acceptorSecrets }), makeDialer({ dialerSecrets }).start());
        assert.ok(sent.includes(keyId(common[0]!)));
        for (const other of [OLD, NEW, third].filter((secret) => secret !== common[0])) assert.ok(!sent.includes(keyId(other)));
      }),
    );
  });

  test("one side without a secret, and the text says which", () => {
    const textOf = (setting: Setting): string => {
      const outcome = open(setting);
      return outcome.type === "open" ? "open" : outcome.error.message;
    };
    assert.equal(textOf({ dialerSecrets: [OLD] }), "1.2.1 uses a secret, 1.3.7 has none");
    assert.equal(textOf({ acceptorSecrets: [OLD] }), "1.3.7 uses a secret, 1.2.1 has none");
    assert.equal(textOf({ dialerSecrets: [OLD], acceptorSecrets: [NEW] }), "1.2.1 and 1.3.7 have no secret in common");
  });

  test("an acceptor that pretends to need no secret, or names one that the dialer has not, is refused by the dialer", () => {
    const refuses = (keyIds: readonly Uint8Array[], dialerSecrets: readonly string[]): void => {
      assert.throws(() => feedDialer(makeDialer({ dialerSecrets }), PREFACE_BYTES, answerOf({ keyIds })), {
        name: "HandshakeError",
        reason: "noCommonKey",
        byPeer: false,
      });
    };
    refuses([], [OLD]);
    refuses([keyId(NEW)], [OLD]);
    refuses([keyId(NEW)], []);
    assert.throws(
      () => feedDialer(makeDialer({ dialerSecrets: [OLD, NEW] }), PREFACE_BYTES, answerOf({ keyIds: [keyId(OLD), keyId(NEW)] })),
      MALFORMED,
    );
  });

  test("without a secret from another machine, only when told so or with a certificate", () => {
    const far = { isLoopback: false };
    const channelBinding = new Uint8Array(32).fill(1);
    const identity = { uris: ["clusterts://default/1.2.1"], subject: "CN=1.2.1" };
    assert.equal(outcomeOf({ acceptorFacts: far }), "acceptor: insecure");
    assert.equal(outcomeOf({ acceptorFacts: far, terms: { insecure: true } }), "open");
    assert.equal(outcomeOf({ acceptorFacts: { ...far, channelBinding }, dialerFacts: { channelBinding } }), "acceptor: insecure");
    assert.equal(outcomeOf({ acceptorFacts: { ...far, channelBinding, identity }, dialerFacts: { channelBinding } }), "open");
    assert.equal(outcomeOf({ acceptorFacts: far, dialerSecrets: [OLD], acceptorSecrets: [OLD] }), "open");
  });

  test("another cluster, address or purpose, and the acceptor says which", () => {
    const insecure = { insecure: true };
    assert.equal(outcomeOf({ dialer: { cluster: "other" } }), "acceptor: cluster");
    assert.equal(outcomeOf({ target: makeAddress(1, 3, 8) }), "acceptor: wrongAddress");
    assert.equal(outcomeOf({ purpose: PURPOSE.streams }), "acceptor: purpose");
    assert.equal(outcomeOf({ purpose: PURPOSE.streams, terms: { ...insecure, purposes: [PURPOSE.streams] } }), "open");
  });

  test("somebody without the secret, does not learn the cluster's name or the node's address by guessing", () => {
    const guesses: Setting[] = [{ dialer: { cluster: "other" } }, { target: makeAddress(1, 3, 8) }, { purpose: PURPOSE.streams }];
    for (const guess of guesses) {
      assert.equal(outcomeOf({ ...guess, acceptorSecrets: [OLD] }), "acceptor: noCommonKey");
      assert.equal(outcomeOf({ ...guess, acceptorSecrets: [OLD], dialerSecrets: [NEW] }), "acceptor: noCommonKey");
      const outcome = open({ ...guess, target: makeAddress(1, 3, 8), acceptorSecrets: [OLD] });
      assert.ok(outcome.type !== "open");
      assert.equal(outcome.error.message, "1.3.8 uses a secret, 1.2.1 has none", "in the dialer's own words");
    }
  });

  test("the own address as the dialer's, is refused; a probe for it is taken", () => {
    const dialer = { address: ACCEPTOR };
    assert.equal(outcomeOf({ dialer }), "acceptor: wrongAddress");
    assert.equal(outcomeOf({ dialer, purpose: PURPOSE.probe }), "open");
    assert.equal(outcomeOf({ purpose: PURPOSE.probe }), "open");
  });

  test("an anonymous tool, may open for messages only", () => {
    const terms = { purposes: [PURPOSE.messages, PURPOSE.streams, PURPOSE.probe] };
    const dialer = { address: ANONYMOUS };
    const outcome = open({ dialer, terms });
    assert.ok(outcome.type === "open");
    assert.equal(outcome.acceptorSees.address, ANONYMOUS);
    assert.equal(outcomeOf({ dialer, terms, purpose: PURPOSE.probe }), "acceptor: malformed");
    assert.equal(outcomeOf({ dialer, terms, purpose: PURPOSE.streams }), "acceptor: malformed");
  });

  test("a harbor, may open; a number that is no address may not", () => {
    assert.equal(outcomeOf({ dialer: { address: harborAddress(2, 1) } }), "open");
    for (const from of [1, 0x000f_ffff, 0x0010_0000, 0xffff_0fff & 0xfff0_0fff]) {
      assert.throws(() => feedAcceptor(makeAcceptor(), PREFACE_BYTES, helloOf({ from: from >>> 0 })), {
        reason: "malformed",
        message: /is no logical address/,
      });
    }
  });

  test("another layout of addresses, is refused by either side", () => {
    for (const layout of [
      [14, 8, 10],
      [12, 8, 13],
      [0, 0, 0],
    ] as const) {
      assert.throws(() => feedAcceptor(makeAcceptor(), PREFACE_BYTES, helloOf({ layout })), { reason: "layout" });
      assert.throws(() => feedDialer(makeDialer(), PREFACE_BYTES, answerOf({ layout })), { reason: "layout" });
    }
  });

  test("ranges of versions that overlap, agree on the highest common one; others are refused by either side", () => {
    for (const [minVersion, maxVersion] of [
      [1, 1],
      [0, 1],
      [1, 255],
      [0, 255],
    ] as const) {
      assert.equal(feedAcceptor(makeAcceptor(), PREFACE_BYTES, helloOf({ minVersion, maxVersion }), NO_PROOF).peer?.version, 1);
    }
    for (const [minVersion, maxVersion] of [
      [2, 2],
      [2, 255],
      [0, 0],
      [255, 0],
    ] as const) {
      assert.throws(() => feedAcceptor(makeAcceptor(), PREFACE_BYTES, helloOf({ minVersion, maxVersion })), { reason: "version" });
      assert.throws(() => feedDialer(makeDialer(), PREFACE_BYTES, answerOf({ minVersion, maxVersion })), { reason: "version" });
    }
  });

  test("somebody else who answers, or an answer to another hello, is refused by the dialer", () => {
    const reasonOf = (answer: Buffer): unknown => {
      try {
        return feedDialer(makeDialer(), PREFACE_BYTES, answer);
      } catch (error) {
        return (error as HandshakeError).reason;
      }
    };
    assert.equal(reasonOf(answerOf({ from: makeAddress(1, 3, 8) })), "wrongAddress");
    assert.equal(reasonOf(answerOf({ cluster: "other" })), "cluster");
    assert.equal(reasonOf(answerOf({ to: makeAddress(1, 2, 2) })), "malformed");
    assert.equal(reasonOf(answerOf({ purpose: PURPOSE.probe })), "malformed");
  });

  test("fields of newer peers, are ignored on both sides and signed all the same", () => {
    const unknown = Buffer.from([0x01, 0x00, 0, 3, 1, 2, 3]);
    assert.equal(feedAcceptor(makeAcceptor(), PREFACE_BYTES, helloOf({}, unknown), NO_PROOF).peer?.address, DIALER);
    assert.equal(feedDialer(makeDialer(), PREFACE_BYTES, answerOf({}, unknown), NO_PROOF, ACCEPTED).steps.at(-1)?.type, "accepted");
    const hello = helloOf({ keyIds: [keyId(OLD)] }, unknown);
    const acceptor = makeAcceptor({ acceptorSecrets: [OLD] });
    const answer = feedAcceptor(acceptor, PREFACE_BYTES, hello).sent.subarray(PREFACE.length);
    const proof = new SecretKey(OLD).prove("dialer", PURPOSE.messages, hello, answer, undefined);
    assert.equal(feedAcceptor(acceptor, encodeRecord(RECORD.proof, proof)).peer?.address, DIALER);
  });
});
