import assert from "node:assert/strict";
import { notBelieved, shownSubject, tlsFailure } from "../../src/transport/tls-error.js";

const facts = { subject: "O=game\nCN=1.2.1", validFrom: "Jan  1 00:00:00 2020 GMT", validTo: "Jan  1 00:00:00 2021 GMT" };
const openssl = (code: string): Error => Object.assign(new Error("801C6C45F97F0000:error:0A0000EB:SSL routines:..."), { code });

suite("what goes wrong with TLS, in words", () => {
  test("a certificate that is not believed, is told by whose it is, its subject and the reason", () => {
    const said = (code: string): string => notBelieved("dialer", code, facts).message;
    assert.equal(said("CERT_HAS_EXPIRED"), 'the certificate of the dialer ("O=game, CN=1.2.1") expired at 2021-01-01T00:00:00Z');
    assert.equal(said("CERT_NOT_YET_VALID"), 'the certificate of the dialer ("O=game, CN=1.2.1") is not valid before 2020-01-01T00:00:00Z');
    assert.match(said("UNABLE_TO_VERIFY_LEAF_SIGNATURE"), /is of an authority that is not in tls.ca$/);
    assert.match(said("DEPTH_ZERO_SELF_SIGNED_CERT"), /is signed by nobody but itself$/);
    assert.match(said("CERT_REVOKED_NEXT_YEAR"), /is not believed: cert revoked next year$/);
    assert.equal(notBelieved("acceptor", "UNSPECIFIED", undefined).message, "the node at that endpoint presents no certificate");
  });

  test("a subject, is one short line whatever it holds", () => {
    assert.equal(shownSubject("CN=a\u001b[2J\u2028b"), "CN=a, [2J, b");
    assert.equal(shownSubject("x".repeat(1_000)).length, 123);
  });

  test("an alert, is named as in RFC 8446, and is about a certificate or about the protocol", () => {
    const kinds: readonly [string, string, string][] = [
      ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "certificate", "certificate required"],
      ["ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED", "certificate", "certificate expired"],
      ["ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE", "certificate", "bad certificate"],
      ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "certificate", "unknown ca"],
      ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", "protocol", "protocol version"],
      ["ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", "protocol", "handshake failure"],
    ];
    for (const [code, kind, name] of kinds) {
      const error = tlsFailure("acceptor", openssl(code));
      assert.deepEqual([error?.kind, error?.message], [kind, `the peer ended the TLS handshake: ${name}`]);
    }
  });

  test("other failures of OpenSSL, are told; one that has no words yet keeps its name", () => {
    const plain = ["ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_PACKET_LENGTH_TOO_LONG"].map((code) => tlsFailure("acceptor", openssl(code)));
    for (const error of plain)
      assert.deepEqual([error?.kind, error?.message], ["plainText", "the node at that endpoint does not speak TLS"]);
    assert.equal(
      tlsFailure("acceptor", openssl("ERR_SSL_NO_SHARED_CIPHER"))?.message,
      "the node at that endpoint has no cipher in common with this node",
    );
    assert.equal(tlsFailure("acceptor", openssl("ERR_SSL_BAD_RECORD_TYPE"))?.message, "the TLS handshake failed: bad record type");
  });

  test("a lost connection, is none of TLS", () => {
    assert.equal(tlsFailure("acceptor", openssl("ECONNRESET")), undefined);
    assert.equal(tlsFailure("acceptor", new Error("socket hang up")), undefined);
  });
});
