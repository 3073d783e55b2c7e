import assert from "node:assert/strict";
import { Keyring } from "../../src/link/keyring.js";
import { encodeRecord, RECORD } from "../../src/wire/hello.js";
import {
  ANSWER,
  answerOf,
  DIALER,
  feedAcceptor,
  feedDialer,
  HELLO,
  keyId,
  makeAcceptor,
  makeDialer,
  NEW,
  OLD,
  open,
  outcomeOf,
  PREFACE_BYTES,
  type Setting,
} from "./support/openings.js";

suite("opening: proofs", () => {
  const secured: Setting = { dialerSecrets: [OLD], acceptorSecrets: [OLD] };

  test("any byte of either hello or of a proof that is changed in transit, and nobody gets in", () => {
    const sizes = { hello: 0, answer: 0, proof: 0 };
    open(secured, (bytes, step) => {
      sizes[step] = bytes.length;
      return bytes;
    });
    for (const step of ["hello", "answer", "proof"] as const) {
      for (let place = 0; place < sizes[step]; place++) {
        const outcome = (() => {
          try {
            return open(secured, (bytes, at) => {
              if (at === step) bytes[place]! ^= 0x01;
              return bytes;
            }).type;
          } catch (error) {
            return (error as Error).message; // a length that announces more: one side waits
          }
        })();
        assert.notEqual(outcome, "open", `${step} ${place}`);
      }
    }
  });

  test("a dialer's bytes that are replayed to a fresh nonce, prove nothing", () => {
    const dialer = makeDialer(secured);
    const hello = dialer.start();
    const { sent } = feedDialer(dialer, feedAcceptor(makeAcceptor(secured), hello).sent);
    const fresh = (fill: number) => makeAcceptor({ ...secured, acceptorFacts: { nonce: new Uint8Array(32).fill(fill) } });
    assert.throws(() => feedAcceptor(fresh(1), hello, sent), { reason: "badProof", message: /^1.2.1 does not have the secret/ });
    assert.equal(feedAcceptor(fresh(0xac), hello, sent).peer?.address, DIALER, "with the same nonce it would");
  });

  test("an acceptor's bytes that are replayed to a fresh nonce, prove nothing", () => {
    const acceptor = makeAcceptor(secured);
    const dialer = makeDialer(secured);
    const answer = feedAcceptor(acceptor, dialer.start()).sent;
    feedAcceptor(acceptor, feedDialer(dialer, answer).sent);
    const fresh = makeDialer({ ...secured, dialerFacts: { nonce: new Uint8Array(32).fill(1) } });
    assert.throws(() => feedDialer(fresh, answer, acceptor.accept()), { reason: "badProof", message: /^1.3.7 does not have the secret/ });
  });

  test("a dialer's proof that is sent back to it, is none of the acceptor's; nor its hello an answer", () => {
    const dialer = makeDialer(secured);
    const hello = dialer.start();
    const { sent: proof } = feedDialer(dialer, feedAcceptor(makeAcceptor(secured), hello).sent);
    assert.throws(() => feedDialer(dialer, proof), { reason: "badProof" });
    assert.throws(() => feedDialer(makeDialer(secured), hello), { reason: "wrongAddress" });
    // Even an answer that repeats the dialer's own nonce does not make the two proofs alike.
    const answer = answerOf({ keyIds: [keyId(OLD)], nonce: new Uint8Array(32).fill(0xd1) });
    const other = makeDialer(secured);
    const reflected = feedDialer(other, PREFACE_BYTES, answer).sent;
    assert.throws(() => feedDialer(other, reflected), { reason: "badProof" });
  });

  test("a proof of no byte, too short or too long, proves nothing where a secret is used; nor any where none is", () => {
    for (const length of [0, 31, 33]) {
      const acceptor = makeAcceptor(secured);
      feedAcceptor(acceptor, makeDialer(secured).start());
      assert.throws(() => feedAcceptor(acceptor, encodeRecord(RECORD.proof, Buffer.alloc(length))), { reason: "badProof" });
      const dialer = makeDialer(secured);
      feedDialer(dialer, PREFACE_BYTES, answerOf({ keyIds: [keyId(OLD)] }));
      assert.throws(() => feedDialer(dialer, encodeRecord(RECORD.proof, Buffer.alloc(length))), { reason: "badProof" });
    }
    assert.throws(() => feedAcceptor(makeAcceptor(), HELLO, encodeRecord(RECORD.proof, Buffer.alloc(32))), { reason: "badProof" });
    assert.throws(() => feedDialer(makeDialer(), ANSWER, encodeRecord(RECORD.proof, Buffer.alloc(32))), { reason: "badProof" });
  });

  test("a connection that was spliced out of two, under TLS, proves nothing", () => {
    const channelBinding = (fill: number) => ({ channelBinding: new Uint8Array(32).fill(fill) });
    assert.equal(outcomeOf({ ...secured, dialerFacts: channelBinding(1), acceptorFacts: channelBinding(1) }), "open");
    assert.equal(outcomeOf({ ...secured, dialerFacts: channelBinding(1), acceptorFacts: channelBinding(2) }), "acceptor: badProof");
    assert.equal(outcomeOf({ ...secured, dialerFacts: channelBinding(1) }), "acceptor: badProof");
  });

  test("keys that the acceptor exchanges during the opening, do not disturb it", () => {
    const acceptorKeyring = new Keyring([OLD]);
    const setting = { dialerSecrets: [OLD, NEW], acceptorKeyring };
    const acceptor = makeAcceptor(setting);
    const dialer = makeDialer(setting);
    const answer = feedAcceptor(acceptor, dialer.start()).sent;
    acceptorKeyring.replace([NEW]);
    assert.equal(feedAcceptor(acceptor, feedDialer(dialer, answer).sent).peer?.address, DIALER);
    assert.ok(feedAcceptor(makeAcceptor(setting), makeDialer(setting).start()).sent.includes(keyId(NEW)));
  });

  test("a nonce of another length, is not sent", () => {
    assert.throws(() => makeDialer({ dialerFacts: { nonce: new Uint8Array(16) } }), /a nonce has 32 bytes/);
  });
});
