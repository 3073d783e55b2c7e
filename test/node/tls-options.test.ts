import assert from "node:assert/strict";
import { memory } from "../../src/discovery/memory.js";
import { InvalidOptionsError } from "../../src/errors.js";
import { connectAnonymously } from "../../src/node/anonymous-caller.js";
import { createNode } from "../../src/node/node.js";
import type { NodeOptions } from "../../src/node/options.js";
import { TcpTransport } from "../../src/transport/tcp.js";
import type { TlsOptions } from "../../src/transport/tls-options.js";
import { AUTHORITY, certified, keyPair } from "../support/certificates.js";

const SECRET = "0123456789abcdef0123456789abcdef";

function faultsOf(tls: unknown, rest: Partial<NodeOptions> = {}): readonly string[] {
  try {
    createNode({ address: "1.2.1", discovery: memory(), tls: tls as TlsOptions, logger: false, ...rest });
    return [];
  } catch (error) {
    assert.ok(error instanceof InvalidOptionsError);
    return error.faults;
  }
}

suite("options for TLS", () => {
  test("PEM as text or bytes, with an encrypted key, several authorities: are taken", () => {
    assert.deepEqual(faultsOf(certified("1.2.1")), []);
    const { cert, key } = keyPair("1.2.1");
    assert.deepEqual(faultsOf({ ca: [new TextEncoder().encode(AUTHORITY)], cert: Buffer.from(cert), key: Buffer.from(key) }), []);
    assert.deepEqual(faultsOf(certified("encrypted-key", { passphrase: "open" })), []);
    assert.deepEqual(faultsOf(certified("group-1", { ca: [AUTHORITY, AUTHORITY] })), []);
  });

  test("what is no PEM, a key of another certificate or one without its passphrase, are named", () => {
    const { cert, key } = keyPair("1.2.1");
    const noKey = "tls.key: expected a private key as PEM, and its passphrase where it has one";
    const noCertificate = "expected a certificate as PEM, with -----BEGIN CERTIFICATE-----";
    assert.deepEqual(faultsOf({ ca: "x", cert: "x", key: "x" }), [`tls.ca: ${noCertificate}`, `tls.cert: ${noCertificate}`]);
    assert.deepEqual(faultsOf({ ca: [AUTHORITY, "x"], cert, key: "x" }), [`tls.ca.1: ${noCertificate}`, noKey]);
    assert.deepEqual(faultsOf({ ca: AUTHORITY, cert, key: keyPair("1.3.1").key }), ["tls.key: it is not the key of cert"]);
    assert.deepEqual(faultsOf(certified("encrypted-key")), [noKey]);
    assert.deepEqual(faultsOf(certified("encrypted-key", { passphrase: "wrong" })), [noKey]);
    assert.deepEqual(faultsOf({ ca: AUTHORITY, cert }), ["tls.key: it is missing beside cert"]);
    assert.deepEqual(faultsOf({ ca: AUTHORITY, key }), ["tls.cert: it is missing beside key"]);
    assert.deepEqual(faultsOf({ ca: cert, cert, key }), [
      "tls.ca: this certificate is no authority's: it lacks CA:TRUE in its basic constraints",
    ]);
    assert.deepEqual(faultsOf({ ca: [], cert, key }), ["tls.ca: an empty list believes nobody; leave it out, or name an authority"]);
  });

  test("a certificate for another address or cluster, is named before peers refuse it", () => {
    assert.deepEqual(faultsOf(certified("1.3.1")), [
      "tls.cert: it does not name clusterts://default/1.2.1 among its subject alternative names",
    ]);
    assert.deepEqual(faultsOf(certified("1.2.1"), { cluster: "green" }), [
      "tls.cert: it does not name clusterts://green/1.2.1 among its subject alternative names",
    ]);
    assert.deepEqual(faultsOf(keyPair("1.3.1"), { secrets: [SECRET] }), []);
  });

  test("a node without a certificate, and what would let anybody in, are named", () => {
    assert.deepEqual(faultsOf({ ca: AUTHORITY }), ["tls.cert: a node is dialed, and must present a certificate; give cert and key"]);
    const nobody = "tls: without ca no certificate is checked, so secrets must prove who is there; give ca, or secrets";
    assert.deepEqual(faultsOf(keyPair("1.2.1")), [nobody]);
    assert.deepEqual(faultsOf(certified("1.2.1", { mutual: false })), [
      "tls: without mutual nobody knows who dials; give secrets, or leave mutual out",
    ]);
    assert.deepEqual(faultsOf(keyPair("1.2.1"), { insecure: true }), []);
    assert.throws(() => connectAnonymously({ to: "1.3.1", endpoint: "127.0.0.1:1", tls: {}, logger: false }), { faults: [nobody] });
  });

  test("what cannot go together, and options that are none, are named", () => {
    assert.deepEqual(faultsOf({ ...keyPair("1.2.1"), mutual: true }, { secrets: [SECRET] }), [
      "tls.mutual: without ca there is nobody whose certificates could be believed",
    ]);
    assert.deepEqual(faultsOf({ ...keyPair("1.2.1"), checkHostNames: true }, { secrets: [SECRET] }), [
      "tls.checkHostNames: without ca certificates are not checked",
    ]);
    assert.deepEqual(faultsOf(certified("1.2.1"), { transport: new TcpTransport() }), [
      "tls: a transport of your own is given, and it has to do this itself",
    ]);
    assert.deepEqual(faultsOf({ ...certified("1.2.1"), certificate: "x" }), ['tls: there is no option "certificate"']);
    assert.deepEqual(faultsOf({ ...certified("1.2.1"), keys: "x" }), ['tls: there is no option "keys" (did you mean "key"?)']);
    assert.deepEqual(faultsOf({ ...certified("1.2.1"), ca: 7 }), ["tls.ca: expected PEM, or a list of such"]);
  });
});
