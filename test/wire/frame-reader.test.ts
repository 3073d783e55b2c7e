import assert from "node:assert/strict";
import fc from "fast-check";
import { FrameReader } from "../../src/wire/frame-reader.js";
import { encodeFrame } from "../../src/wire/header.js";
import { HEADER_BYTES, MAX_FRAME_BODY_BYTES } from "../../src/wire/limits.js";
import { ProtocolError } from "../../src/wire/protocol-error.js";
import { cutAt } from "./support/cuts.js";
import { toHex } from "./support/golden.js";

const u8 = fc.nat(0xff);
const u32 = fc.nat(0xffff_ffff);
const header = fc.record({ kind: u8, flags: u8, hops: u8, to: u32, from: u32, epoch: u32, seq: u32, remainingMs: u32 });
const frame = fc.tuple(header, fc.uint8Array({ maxLength: 60 })).map(([fields, body]) => Buffer.from(encodeFrame(fields, body)));

/** What the bytes are, read in the plainest way: whole frames from the front, and whether what follows can be one. */
function naively(bytes: Buffer): { frames: string[]; rest: number; broken: boolean } {
  const frames: string[] = [];
  let at = 0;
  while (bytes.length - at >= 4) {
    const length = bytes.readUInt32BE(at);
    if (length < HEADER_BYTES - 4 || length > HEADER_BYTES - 4 + MAX_FRAME_BODY_BYTES)
      return { frames, rest: bytes.length - at, broken: true };
    if (at + 4 + length > bytes.length) break;
    frames.push(toHex(bytes.subarray(at, at + 4 + length)));
    at += 4 + length;
  }
  return { frames, rest: bytes.length - at, broken: false };
}

/** `bytes` in chunks, at places that fast-check chooses. */
const inChunks = (bytes: Buffer): fc.Arbitrary<readonly Buffer[]> =>
  fc.array(fc.nat(bytes.length), { maxLength: 12 }).map((places) => cutAt(bytes, ...places));

const whole = (): Buffer =>
  Buffer.from(encodeFrame({ kind: 9, flags: 0, hops: 0, to: 1, from: 2, epoch: 3, seq: 4, remainingMs: 5 }, Buffer.from("body")));

suite("frame reader", () => {
  test("any frames, cut anywhere, are read as a naive reader reads them", () => {
    const arbitrary = fc.array(frame, { maxLength: 8 }).chain((frames) => fc.tuple(fc.constant(frames), inChunks(Buffer.concat(frames))));
    fc.assert(
      fc.property(arbitrary, ([frames, chunks]) => {
        const seen: string[] = [];
        const reader = new FrameReader((buffer, start, end) => seen.push(toHex(buffer.subarray(start, end))));
        let pushed = Buffer.alloc(0);
        for (const chunk of chunks) {
          reader.push(chunk);
          pushed = Buffer.concat([pushed, chunk]);
          const expected = naively(pushed);
          assert.deepEqual(seen, expected.frames, "no frame waits for more than its own bytes");
          assert.equal(reader.heldBytes, expected.rest);
        }
        assert.deepEqual(seen, frames.map(toHex));
      }),
      { numRuns: 300 },
    );
  });

  test("any bytes, are frames or a protocol error, and never more is held than one frame", () => {
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      // Nearly right: frames of which some bytes were changed.
      fc
        .tuple(fc.array(frame, { minLength: 1, maxLength: 4 }), fc.array(fc.tuple(fc.nat(), u8), { minLength: 1, maxLength: 3 }))
        .map(([frames, changes]) => {
          const bytes = Buffer.concat(frames);
          for (const [place, value] of changes) bytes[place % bytes.length] = value;
          return bytes;
        }),
    );
    fc.assert(
      fc.property(
        hostile.map((bytes) => Buffer.from(bytes)).chain((bytes) => fc.tuple(fc.constant(bytes), inChunks(bytes))),
        ([bytes, chunks]) => {
          const seen: string[] = [];
          const reader = new FrameReader((buffer, start, end) => seen.push(toHex(buffer.subarray(start, end))));
          const expected = naively(bytes);
          let broken = false;
          for (const chunk of chunks) {
            try {
              reader.push(chunk);
            } catch (error) {
              assert.ok(error instanceof ProtocolError);
              broken = true;
            }
            assert.ok(reader.heldBytes <= HEADER_BYTES + MAX_FRAME_BODY_BYTES);
          }
          assert.deepEqual(seen, expected.frames);
          assert.equal(broken, expected.broken);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("the largest body, is taken in many chunks; one byte more is refused by its announcement alone", () => {
    const largest = Buffer.from(
      encodeFrame({ kind: 1, flags: 0, hops: 4, to: 1, from: 2, epoch: 3, seq: 4, remainingMs: 0 }, Buffer.alloc(MAX_FRAME_BODY_BYTES, 7)),
    );
    let seen = 0;
    const reader = new FrameReader((buffer, start, end) => {
      assert.ok(largest.equals(buffer.subarray(start, end)));
      seen++;
    });
    for (let at = 0; at < largest.length; at += 1_000) reader.push(largest.subarray(at, at + 1_000));
    assert.equal(seen, 1);
    const announcement = Buffer.alloc(4);
    announcement.writeUInt32BE(HEADER_BYTES - 4 + MAX_FRAME_BODY_BYTES + 1);
    for (const byte of announcement.subarray(0, 3)) reader.push(Buffer.of(byte));
    assert.throws(() => reader.push(announcement.subarray(3)), { name: "ProtocolError" });
  });

  test("a frame that lies whole in a chunk, is handed out in place; its bytes are not copied", () => {
    const chunk = Buffer.concat([whole(), whole()]);
    const places: [boolean, number, number][] = [];
    new FrameReader((buffer, start, end) => places.push([buffer === chunk, start, end])).push(chunk);
    assert.deepEqual(places, [
      [true, 0, 32],
      [true, 32, 64],
    ]);
  });

  test("views of a frame that crossed chunks, stay as they are when the next one comes", () => {
    const views: Buffer[] = [];
    const reader = new FrameReader((buffer, start, end) => views.push(buffer.subarray(start, end)));
    const other = whole();
    other[31] = 0xff;
    for (const chunk of cutAt(Buffer.concat([whole(), other]), 5, 40)) reader.push(chunk);
    assert.deepEqual(views.map(toHex), [toHex(whole()), toHex(other)]);
  });

  test("stop from within the sink, nothing more is handed out, of this chunk and of later ones", () => {
    let seen = 0;
    const reader = new FrameReader(() => {
      seen++;
      reader.stop();
    });
    reader.push(Buffer.concat([whole(), whole(), whole().subarray(0, 9)]));
    reader.push(whole());
    assert.deepEqual([seen, reader.heldBytes], [1, 0]);
  });

  test("a wrong length, and nothing that comes behind it is taken for a frame", () => {
    for (const place of [1, 3, 4, 5]) {
      let seen = 0;
      const reader = new FrameReader(() => seen++);
      const bad = Buffer.concat([Buffer.from([0, 0, 0, 1]), whole()]);
      const [first, second] = cutAt(bad, place);
      assert.throws(
        () => {
          reader.push(first!);
          reader.push(second!);
        },
        { name: "ProtocolError" },
      );
      reader.push(whole());
      assert.deepEqual([seen, reader.heldBytes], [0, 0]);
    }
  });

  test("a sink that throws, and what follows in the chunk is not misread later", () => {
    const seen: string[] = [];
    const reader = new FrameReader((buffer, start, end) => {
      seen.push(toHex(buffer.subarray(start, end)));
      throw new Error("the sink's own");
    });
    assert.throws(() => reader.push(Buffer.concat([whole(), whole().subarray(0, 9)])), /the sink's own/);
    reader.push(whole());
    assert.deepEqual(seen, [toHex(whole())]);
  });
});
