import assert from "node:assert/strict";
import { HandshakeError } from "../../src/link/handshake-error.js";
import { encodeRecord, encodeRefusal, RECORD, REFUSAL } from "../../src/wire/hello.js";
import {
  ANSWER,
  feedAcceptor,
  feedDialer,
  HELLO,
  MALFORMED,
  makeAcceptor,
  makeDialer,
  NO_PROOF,
  OLD,
  PREFACE_BYTES,
} from "./support/openings.js";

const refusal = (number: number, text = "why"): Buffer => Buffer.from(encodeRecord(RECORD.refused, encodeRefusal(number, text)));
const wait = (ms: number): Buffer => Buffer.from(encodeRecord(RECORD.wait, Buffer.from([ms >>> 24, ms >>> 16, ms >>> 8, ms])));

suite("opening: waiting and refusals", () => {
  test("wait, comes with the acceptor's proof; the decision follows without a second one", () => {
    const setting = { dialerSecrets: [OLD], acceptorSecrets: [OLD] };
    for (const decide of ["accept", "refuse"] as const) {
      const dialer = makeDialer(setting);
      const acceptor = makeAcceptor(setting);
      feedAcceptor(acceptor, feedDialer(dialer, feedAcceptor(acceptor, dialer.start()).sent).sent);
      const first = acceptor.wait(5_000);
      assert.equal(first[0], RECORD.proof);
      assert.deepEqual(feedDialer(dialer, first, acceptor.wait(0xffff_ffff)).steps, [
        { type: "wait", ms: 5_000 },
        { type: "wait", ms: 0xffff_ffff },
      ]);
      if (decide === "accept") assert.equal(feedDialer(dialer, acceptor.accept()).steps.at(-1)?.type, "accepted");
      else {
        const expected = { name: "HandshakeError", reason: "replaced", byPeer: true, proven: true, message: "incarnation 9 is alive" };
        assert.throws(() => feedDialer(dialer, acceptor.refuse("replaced", "incarnation 9 is alive")), expected);
      }
    }
  });

  test("wait without end, is malformed; so is one without 4 bytes", () => {
    const dialer = makeDialer();
    assert.equal(feedDialer(dialer, ANSWER, NO_PROOF, ...Array.from({ length: 8 }, () => wait(1))).steps.length, 9);
    assert.throws(() => feedDialer(dialer, wait(1)), { ...MALFORMED, message: /more than 8 times/ });
    for (const length of [0, 3, 5])
      assert.throws(() => feedDialer(makeDialer(), ANSWER, NO_PROOF, encodeRecord(RECORD.wait, Buffer.alloc(length))), MALFORMED);
  });

  test("a refusal before the acceptor's proof, is known not to be proven; behind it, that it is", () => {
    const proven = (...chunks: Uint8Array[]): unknown => {
      try {
        return feedDialer(makeDialer(), ...chunks);
      } catch (error) {
        assert.ok(error instanceof HandshakeError && error.byPeer);
        assert.deepEqual([error.reason, error.message], ["replaced", "why"]);
        return error.proven;
      }
    };
    assert.equal(proven(PREFACE_BYTES, refusal(REFUSAL.replaced)), false);
    assert.equal(proven(ANSWER, refusal(REFUSAL.replaced)), false);
    assert.equal(proven(ANSWER, NO_PROOF, refusal(REFUSAL.replaced)), true);
    assert.equal(proven(ANSWER, NO_PROOF, wait(1), refusal(REFUSAL.replaced)), true);
  });

  test("every reason, arrives by its number with its text; a number of next year keeps both and is told apart", () => {
    for (const [name, number] of Object.entries(REFUSAL)) {
      assert.throws(() => feedDialer(makeDialer(), PREFACE_BYTES, refusal(number, "größer")), {
        reason: name,
        message: "größer",
        byPeer: true,
      });
    }
    assert.equal(new Set(Object.values(REFUSAL)).size, Object.keys(REFUSAL).length);
    assert.throws(() => feedDialer(makeDialer(), PREFACE_BYTES, refusal(600, "too late")), {
      reason: "other",
      message: "reason 600: too late",
      byPeer: true,
    });
  });

  test("a refusal's text, cannot move the cursor or begin a line of a log", () => {
    const text = "a\r\nb\u001b[2Jc\u0085d\u2028e\u007ff";
    assert.throws(() => feedDialer(makeDialer(), PREFACE_BYTES, refusal(1, text)), { message: "a  b [2Jc d e f" });
  });

  test("a refusal that is cut off, is malformed and not the peer's word", () => {
    assert.throws(() => feedDialer(makeDialer(), PREFACE_BYTES, encodeRecord(RECORD.refused, Buffer.alloc(1))), MALFORMED);
  });

  test("an acceptor that refuses before its hello, begins with the preface; behind it, it has sent that already", () => {
    assert.ok(Buffer.from(makeAcceptor().refuseUnproven("malformed", "why")).equals(Buffer.concat([PREFACE_BYTES, refusal(1)])));
    const acceptor = makeAcceptor();
    feedAcceptor(acceptor, HELLO);
    assert.ok(Buffer.from(acceptor.refuseUnproven("badProof", "why")).equals(refusal(6)));
  });
});
