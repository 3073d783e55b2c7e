/** Frames of streaming calls: whatever pieces they come in, and what is no frame. */
import assert from "node:assert/strict";
import { type CallFrame, decodeCall, encodeCall, encodeFrame, FRAME, FrameAssembler } from "../../../src/rpc/streaming/call-frames.js";
import { ProtocolError } from "../../../src/wire/protocol-error.js";

const frames: readonly CallFrame[] = [
  { kind: FRAME.message, body: Buffer.from("hello") },
  { kind: FRAME.message, body: Buffer.alloc(0) },
  { kind: FRAME.message, body: Buffer.alloc(300, 7) },
  { kind: FRAME.status, body: Buffer.from("x") },
];
const bytes = Buffer.concat([
  encodeCall({ methodId: 0x27685f91, remainingMs: 60_000 }),
  ...frames.map(({ kind, body }) => encodeFrame(kind, body)),
]);

function all(assembler: FrameAssembler): CallFrame[] {
  const found: CallFrame[] = [];
  for (let frame = assembler.next(); frame !== undefined; frame = assembler.next()) found.push(frame);
  return found;
}

function assertAll([call, ...rest]: CallFrame[]): void {
  assert.deepEqual(decodeCall(call!), { methodId: 0x27685f91, remainingMs: 60_000 });
  assert.deepEqual(
    rest.map(({ kind, body }) => ({ kind, body: body.toString("hex") })),
    frames.map(({ kind, body }) => ({ kind, body: body.toString("hex") })),
  );
}

suite("frames of streaming calls", () => {
  test("cut in two at any byte, or into single ones, come out as they were sent", () => {
    for (let at = 0; at <= bytes.length; at++) {
      const assembler = new FrameAssembler(300);
      assembler.push(bytes.subarray(0, at));
      const found = all(assembler);
      assembler.push(bytes.subarray(at));
      assertAll([...found, ...all(assembler)]);
      assert.equal(assembler.isInFrame, false);
    }
    const assembler = new FrameAssembler(300);
    const found: CallFrame[] = [];
    for (const byte of bytes) {
      assembler.push(Uint8Array.of(byte));
      found.push(...all(assembler));
    }
    assertAll(found);
  });

  test("the bytes of a head, written out", () => {
    assert.equal(encodeCall({ methodId: 0x27685f91, remainingMs: 60_000 }).toString("hex"), "010000000827685f910000ea60");
    assert.equal(encodeFrame(FRAME.message, Uint8Array.of(1, 2)).toString("hex"), "02000000020102");
  });

  test("a message over the limit, a status without end, or an unknown kind, is an error before any of it is kept", () => {
    for (const [head, text] of [
      ["02ffffffff", /kind 2 has 4294967295 bytes, more than 300/],
      ["030000ffff", /kind 3 has 65535 bytes/],
      ["0400000000", /unknown kind 4/],
    ] as const) {
      const assembler = new FrameAssembler(300);
      assembler.push(Buffer.from(head, "hex"));
      assert.throws(
        () => assembler.next(),
        (error) => error instanceof ProtocolError && text.test(error.message),
      );
    }
  });

  test("a kind that may be ignored, is skipped", () => {
    const assembler = new FrameAssembler(300);
    assembler.push(Buffer.concat([encodeFrame(0x85, Uint8Array.of(1, 2, 3)), encodeFrame(FRAME.status, new Uint8Array(0))]));
    assert.deepEqual(
      all(assembler).map(({ kind }) => kind),
      [FRAME.status],
    );
  });

  test("a call with more in its head than is known, is read; with less, or another first frame, it is none", () => {
    const body = Buffer.from("27685f910000ea60ff", "hex");
    assert.equal(decodeCall({ kind: FRAME.call, body }).remainingMs, 60_000);
    assert.throws(() => decodeCall({ kind: FRAME.call, body: body.subarray(0, 7) }), /has 7 bytes/);
    assert.throws(() => decodeCall({ kind: FRAME.message, body }), /begins with a frame of kind 2/);
  });
});
