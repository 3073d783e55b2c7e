import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeHeader, encodeFrame, FLAGS, getU32, KIND, nextSeq, putU32, seqBefore } from "../../src/wire/header.js";

const u32 = fc.nat(0xffff_ffff);

suite("frame header", () => {
  test("any 32 bits, are written and read as an unsigned number", () => {
    fc.assert(
      fc.property(u32, fc.nat(5), (value, at) => {
        const bytes = Buffer.alloc(10, 0xa5);
        putU32(bytes, at, value);
        assert.equal(bytes.readUInt32BE(at), value);
        assert.equal(getU32(bytes, at), value);
        assert.equal(bytes.filter((byte) => byte === 0xa5).length >= 6, true, "nothing else is touched");
      }),
    );
  });

  test("any header at any place, comes back", () => {
    const u8 = fc.nat(0xff);
    const header = fc.record(
      { kind: u8, flags: u8, hops: u8, to: u32, from: u32, epoch: u32, seq: u32, remainingMs: u32 },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 9 }), fc.nat(5), (fields, body, before) => {
        const bytes = Buffer.concat([Buffer.alloc(before), encodeFrame(fields, body)]);
        assert.deepEqual(decodeHeader(bytes, before), fields);
        assert.equal(getU32(bytes, before), 24 + body.length);
        assert.equal(bytes[before + 7], 0);
      }),
    );
  });

  test("kinds and flags, have one meaning each", () => {
    assert.equal(new Set(Object.values(KIND)).size, Object.keys(KIND).length);
    assert.equal(
      Object.values(FLAGS).reduce((all: number, flag) => all | flag, 0),
      0x83,
    );
  });
});

suite("sequence numbers", () => {
  test("the number after the last one, is 1: 0 is never used", () => {
    assert.equal(nextSeq(0), 1);
    assert.equal(nextSeq(0x7fff_ffff), 0x8000_0000);
    assert.equal(nextSeq(0xffff_ffff), 1);
    fc.assert(fc.property(u32, (seq) => nextSeq(seq) !== 0 && seqBefore(seq, nextSeq(seq)) && !seqBefore(nextSeq(seq), seq)));
  });

  test("within half the circle, before is the way of the clock, also over its top", () => {
    fc.assert(
      fc.property(u32, fc.integer({ min: 1, max: 2 ** 31 - 1 }), (seq, ahead) => {
        const later = (seq + ahead) >>> 0;
        assert.equal(seqBefore(seq, later), true);
        assert.equal(seqBefore(later, seq), false);
        assert.equal(seqBefore(seq, seq), false);
      }),
    );
  });
});
