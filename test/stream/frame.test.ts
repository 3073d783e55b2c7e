import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeFrame, encodeFrame, FLAG, TYPE } from "../../src/stream/frame.js";
import { FrameReader } from "../../src/stream/frame-reader.js";
import { ProtocolError } from "../../src/wire/protocol-error.js";
import { cutAt, everyCut, everyTwoCuts } from "../wire/support/cuts.js";

const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffff_ffff);

/** Frames as text, payload joined, however it was cut. */
class Seen {
  readonly frames: string[] = [];
  readonly reader = new FrameReader({
    onFrame: (type, flags, streamId, length) => {
      this.frames.push(`${type} ${flags} ${streamId} ${length}`);
      if (type === TYPE.data && length > 0) this.frames.push("");
    },
    onPayload: (chunk, start, end, isLast) => {
      this.frames.push(`${this.frames.pop()}${chunk.toString("hex", start, end)}${isLast ? "." : ""}`);
    },
  });
}

function readAll(chunks: readonly Buffer[]): string[] {
  const seen = new Seen();
  for (const chunk of chunks) seen.reader.push(chunk);
  return seen.frames;
}

/** What {@link readAll} is to give, from the fields of frames. */
function expected(frames: readonly { type: number; flags: number; streamId: number; payload: Uint8Array }[]): string[] {
  return frames.flatMap(({ type, flags, streamId, payload }) => {
    const head = `${type} ${flags} ${streamId} ${type === TYPE.data ? payload.length : 7}`;
    return type === TYPE.data && payload.length > 0 ? [head, `${Buffer.from(payload).toString("hex")}.`] : [head];
  });
}

const frame = fc.record({ type: fc.constantFrom(0, 1, 2, 3), flags: u16, streamId: u32, payload: fc.uint8Array({ maxLength: 40 }) });
const encodeAll = (frames: readonly { type: number; flags: number; streamId: number; payload: Uint8Array }[]): Buffer =>
  Buffer.concat(frames.map((one) => encodeFrame(one.type, one.flags, one.streamId, 7, one.type === TYPE.data ? one.payload : undefined)));

suite("yamux frames", () => {
  test("the bytes of the specification, are what is written", () => {
    const frame = encodeFrame(TYPE.data, FLAG.syn | FLAG.fin, 0x0102_0304, 0, Buffer.from("hi"));
    assert.equal(Buffer.from(frame).toString("hex"), "0000000501020304000000026869");
    assert.equal(Buffer.from(encodeFrame(TYPE.goAway, 0, 0, 2)).toString("hex"), "000300000000000000000002");
  });

  test("any header, is decoded to what was encoded", () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 1, 2, 3), u16, u32, u32, (type, flags, streamId, length) => {
        assert.deepEqual(decodeFrame(encodeFrame(type, flags, streamId, length)), { version: 0, type, flags, streamId, length });
      }),
    );
  });

  test("three frames cut at every one and every two places, are read the same", () => {
    const frames = [
      { type: TYPE.windowUpdate, flags: FLAG.syn, streamId: 1, payload: Buffer.alloc(0) },
      { type: TYPE.data, flags: FLAG.fin, streamId: 1, payload: Buffer.from("abcdefg") },
      { type: TYPE.data, flags: 0, streamId: 3, payload: Buffer.alloc(0) },
      { type: TYPE.ping, flags: FLAG.syn, streamId: 0, payload: Buffer.alloc(0) },
    ];
    const bytes = encodeAll(frames);
    for (const chunks of everyCut(bytes)) assert.deepEqual(readAll(chunks), expected(frames));
    for (const chunks of everyTwoCuts(bytes)) assert.deepEqual(readAll(chunks), expected(frames));
  });

  test("any frames cut anywhere, are read as they were written", () => {
    const arbitrary = fc.array(frame, { maxLength: 10 }).chain((frames) => {
      const bytes = encodeAll(frames);
      return fc.tuple(
        fc.constant(frames),
        fc.array(fc.nat(bytes.length), { maxLength: 12 }).map((places) => cutAt(bytes, ...places)),
      );
    });
    fc.assert(fc.property(arbitrary, ([frames, chunks]) => assert.deepEqual(readAll(chunks), expected(frames))));
  });

  test("payload, is handed out in place and not copied", () => {
    const bytes = Buffer.from(encodeFrame(TYPE.data, 0, 1, 0, Buffer.from("payload")));
    let from: Buffer | undefined;
    const onPayload = (chunk: Buffer): void => {
      from = chunk;
    };
    const reader = new FrameReader({ onFrame: () => undefined, onPayload });
    reader.push(bytes);
    assert.equal(from, bytes);
  });

  for (const [what, at, value, says] of [
    ["version 1", 0, 1, /version 1, not 0/],
    ["type 4", 1, 4, /type 4, which does not exist/],
  ] as const) {
    test(`a frame of ${what}, is against the protocol and the last thing that is read`, () => {
      const bytes = Buffer.from(encodeFrame(TYPE.ping, FLAG.syn, 0, 1));
      bytes[at] = value;
      const seen = new Seen();
      assert.throws(
        () => seen.reader.push(bytes),
        (error) => error instanceof ProtocolError && says.test(error.message),
      );
      seen.reader.push(Buffer.from(encodeFrame(TYPE.ping, FLAG.syn, 0, 1)));
      assert.deepEqual(seen.frames, []);
    });
  }
});
