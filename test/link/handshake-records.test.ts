import assert from "node:assert/strict";
import fc from "fast-check";
import { HandshakeError } from "../../src/link/handshake-error.js";
import { encodeRecord, RECORD } from "../../src/wire/hello.js";
import { MAX_OPENING_BYTES } from "../../src/wire/limits.js";
import { cutAt } from "../wire/support/cuts.js";
import { hex, vectors } from "../wire/support/golden.js";
import {
  ACCEPTED,
  ANSWER,
  answerOf,
  DIALER,
  feedAcceptor,
  feedDialer,
  HELLO,
  helloOf,
  MALFORMED,
  makeAcceptor,
  makeDialer,
  NO_PROOF,
  PREFACE_BYTES,
  settingOf,
} from "./support/openings.js";

suite("opening: order and size of what is said", () => {
  test("a record of any other type in place of the expected one, is malformed on both sides", () => {
    const others = (expected: number): number[] => [0, 1, 2, 3, 4, 5, 6, 255].filter((type) => type !== expected);
    const record = (type: number): Buffer => Buffer.from(encodeRecord(type, Buffer.alloc(0)));
    for (const type of others(RECORD.hello)) {
      assert.throws(() => feedAcceptor(makeAcceptor(), PREFACE_BYTES, record(type)), MALFORMED);
      if (type !== RECORD.refused) assert.throws(() => feedDialer(makeDialer(), PREFACE_BYTES, record(type)), MALFORMED);
    }
    for (const type of others(RECORD.proof)) {
      assert.throws(() => feedAcceptor(makeAcceptor(), HELLO, record(type)), MALFORMED);
      if (type !== RECORD.refused) assert.throws(() => feedDialer(makeDialer(), ANSWER, record(type)), MALFORMED);
    }
    for (const type of [0, RECORD.hello, RECORD.proof, 6, 255])
      assert.throws(() => feedDialer(makeDialer(), ANSWER, NO_PROOF, record(type)), { ...MALFORMED, message: `unexpected record ${type}` });
  });

  test("bytes behind the dialer's proof before it was accepted, are malformed", () => {
    assert.throws(() => feedAcceptor(makeAcceptor(), HELLO, Buffer.concat([NO_PROOF, Buffer.from("x")])), {
      ...MALFORMED,
      message: /before it was accepted/,
    });
    assert.throws(() => feedAcceptor(makeAcceptor(), Buffer.concat([HELLO, NO_PROOF, NO_PROOF])), MALFORMED);
  });

  test("bytes behind accepted, are handed on; also much more than 1 KiB in one chunk with the proof", () => {
    const frames = Buffer.alloc(50_000, 7);
    const chunk = Buffer.concat([NO_PROOF, ACCEPTED, frames]);
    for (const chunks of [[ANSWER, chunk], [Buffer.concat([ANSWER, chunk])], [Buffer.concat([ANSWER, NO_PROOF]), ACCEPTED, frames]]) {
      const accepted = feedDialer(makeDialer(), ...chunks).steps.at(-1);
      assert.ok(accepted?.type === "accepted");
      assert.ok(frames.equals(accepted.rest));
    }
  });

  test("what accepted contains, is left to newer peers", () => {
    const accepted = encodeRecord(RECORD.accepted, Buffer.alloc(2_000));
    assert.equal(feedDialer(makeDialer(), ANSWER, NO_PROOF, accepted).steps.at(-1)?.type, "accepted");
  });

  /** An unknown field that fills a record up to `size` bytes. */
  const filler = (size: number): Buffer =>
    Buffer.concat([Buffer.from([0x7f, 0xff, (size - 4) >>> 8, (size - 4) & 0xff]), Buffer.alloc(size - 4)]);

  test("an opening of exactly 1 KiB up to the proof, is taken; of one byte more is refused: at the acceptor and at the dialer", () => {
    const room = (bytes: Buffer): number => MAX_OPENING_BYTES - bytes.length - NO_PROOF.length;
    const hello = (more: number): Buffer => Buffer.concat([PREFACE_BYTES, helloOf({}, filler(room(HELLO) + more)), NO_PROOF]);
    assert.equal(hello(0).length, MAX_OPENING_BYTES);
    const answer = (more: number): Buffer => Buffer.concat([PREFACE_BYTES, answerOf({}, filler(room(ANSWER) + more)), NO_PROOF, ACCEPTED]);
    for (const cut of [
      (bytes: Buffer) => [bytes],
      (bytes: Buffer) => cutAt(bytes, 8, 900),
      (bytes: Buffer) => cutAt(bytes, ...bytes.keys()).slice(1),
    ]) {
      assert.equal(feedAcceptor(makeAcceptor(), ...cut(hello(0))).peer?.address, DIALER);
      assert.throws(() => feedAcceptor(makeAcceptor(), ...cut(hello(1))), { ...MALFORMED, message: /more than 1024 bytes/ });
      assert.equal(feedDialer(makeDialer(), ...cut(answer(0))).steps.at(-1)?.type, "accepted");
      assert.throws(() => feedDialer(makeDialer(), ...cut(answer(1))), { ...MALFORMED, message: /more than 1024 bytes/ });
    }
  });

  test("a record that announces more than 1 KiB, is refused by its announcement alone", () => {
    for (const [machine, size] of [
      [makeAcceptor(), 0xffff],
      [makeDialer(), 1024 - 8 - 3 + 1],
    ] as const) {
      machine.push(Buffer.concat([PREFACE_BYTES, Buffer.from([RECORD.hello, size >>> 8])]));
      assert.equal(machine.next().type, "more");
      machine.push(Buffer.from([size & 0xff]));
      assert.throws(() => machine.next(), { ...MALFORMED, message: /more than 1024 bytes/ });
    }
  });

  test("any bytes, are an opening or a handshake error and nothing else, on both sides", () => {
    const secured = vectors.openings[1]!;
    const change = fc.tuple(fc.nat(1_000), fc.nat(0xff));
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 5 }),
        fc.array(fc.nat(700), { maxLength: 4 }),
        fc.boolean(),
        (changes, places, toDialer) => {
          const valid = toDialer
            ? secured.acceptorHello + secured.acceptorProof + secured.accepted
            : secured.dialerHello + secured.dialerProof;
          const bytes = hex(valid);
          for (const [place, value] of changes) bytes[place % bytes.length] = value;
          const chunks = cutAt(bytes, ...places.map((place) => place % bytes.length));
          try {
            if (toDialer) feedDialer(makeDialer(settingOf(secured)), ...chunks);
            else feedAcceptor(makeAcceptor(settingOf(secured)), ...chunks.filter((chunk) => chunk.length > 0));
          } catch (error) {
            assert.ok(error instanceof HandshakeError, String(error));
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
