import assert from "node:assert/strict";
import fc from "fast-check";
import { BinaryReader, MessageDecodeError } from "../../src/protobuf/binary-reader.js";
import { Everything, Lists, Maps, Tree } from "./fixture/gen/everything.js";
import { everything, lists, tree } from "./support/arbitraries.js";

/** Behind every message, to show that it is never read: a varint that goes on, or lengths and text. */
const BEHIND = 16;

const source = new BinaryReader(new Uint8Array(0));

/** Decodes from the middle of a larger buffer. What comes behind is `filler`; a decoder that reads it gives other results. */
function decodeWithin(bytes: Uint8Array, filler: number, codec: { decode(input: BinaryReader): unknown }): unknown {
  const buf = Buffer.alloc(1 + bytes.length + BEHIND, filler);
  buf.set(bytes, 1);
  try {
    const message = codec.decode(source.attach(buf, 1, 1 + bytes.length));
    assert.ok(source.pos <= 1 + bytes.length, "read behind the end");
    return message;
  } catch (error) {
    if (!(error instanceof MessageDecodeError)) throw error;
    assert.ok(error.offset >= 0 && error.offset <= bytes.length, error.message);
    return error.message;
  }
}

/** A message or a {@link MessageDecodeError}, and the same whatever comes behind. */
function isSafe(bytes: Uint8Array): void {
  for (const codec of [Everything, Tree, Maps, Lists]) {
    assert.deepEqual(decodeWithin(bytes, 0x00, codec), decodeWithin(bytes, 0xff, codec));
  }
}

type Mutation = { readonly at: number; readonly kind: "set" | "insert" | "remove"; readonly byte: number };

const mutations: fc.Arbitrary<Mutation[]> = fc.array(
  fc.record({
    at: fc.nat(),
    kind: fc.constantFrom("set", "insert", "remove"),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 0x7f, 0x80, 0xff)),
  }),
  { minLength: 1, maxLength: 4 },
);

function mutated(bytes: Uint8Array, changes: readonly Mutation[]): Uint8Array {
  const result = Array.from(bytes);
  for (const { at, kind, byte } of changes) {
    const index = at % (result.length + 1);
    if (kind === "set") result[index] = byte;
    else if (kind === "insert") result.splice(index, 0, byte);
    else result.splice(index, 1);
  }
  return new Uint8Array(result);
}

suite("hostile bytes", () => {
  test("any bytes are decoded or refused", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), isSafe), { numRuns: 1000 });
  });

  test("any sequence of fields of the schema, with any content, is decoded or refused", () => {
    const tag = fc.tuple(fc.integer({ min: 0, max: 17 }), fc.nat(7)).map(([fieldNo, wireType]) => fieldNo * 8 + wireType);
    const field = fc.tuple(
      tag,
      fc.oneof(
        fc.uint8Array({ maxLength: 12 }),
        fc.uint8Array({ maxLength: 20 }).map((content) => new Uint8Array([content.length, ...content])),
      ),
    );
    const fields = fc
      .array(field, { maxLength: 12 })
      .map(
        (parts) =>
          new Uint8Array(parts.flatMap(([number, content]) => [...(number > 127 ? [(number & 0x7f) | 0x80, 1] : [number]), ...content])),
      );
    fc.assert(fc.property(fields, isSafe), { numRuns: 1000 });
  });

  test("a valid message with a few bytes changed is decoded or refused", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          everything.map((message) => Everything.encode(message).finish()),
          tree.map((message) => Tree.encode(message).finish()),
        ),
        mutations,
        (bytes, changes) => isSafe(mutated(bytes, changes)),
      ),
      { numRuns: 500 },
    );
  });

  test("a valid message cut anywhere is refused, or is that message up to the cut", () => {
    fc.assert(
      fc.property(lists, (message) => {
        const bytes = Lists.encode(message).finish();
        for (let length = 0; length < bytes.length; length += 1 + (bytes.length >> 6)) {
          const result = decodeWithin(bytes.subarray(0, length), 0xff, Lists);
          if (typeof result === "string") continue;
          assert.deepEqual(Lists.encode(result as Lists).finish(), bytes.subarray(0, length));
        }
      }),
      { numRuns: 50 },
    );
  });

  test("lengths and counts that promise gigabytes allocate nothing", () => {
    const huge = [0xff, 0xff, 0xff, 0xff, 0x07];
    const messages = [
      ...Array.from({ length: 16 }, (_, i) => [...(i < 15 ? [(i + 1) * 8 + 2] : [0x82, 0x01]), ...huge]),
      [0x62, ...huge, 1, 2, 3, 4, 5, 6, 7, 8],
    ];
    for (const message of messages) {
      const bytes = new Uint8Array(message);
      const before = process.memoryUsage();
      assert.throws(() => Lists.decode(bytes), MessageDecodeError);
      const after = process.memoryUsage();
      assert.ok(after.arrayBuffers - before.arrayBuffers < 1 << 20 && after.heapUsed - before.heapUsed < 1 << 24);
    }
  });

  test("a megabyte of the shortest nested messages, deepest nesting and unknown groups ends soon", () => {
    const start = performance.now();
    const size = 1 << 20;
    const children = new Uint8Array(size).map((_, i) => (i % 2 === 0 ? 0x1a : 0));
    assert.equal(Tree.decode(children).children.length, size / 2);
    const groups = new Uint8Array(size).map((_, i) => (i % 200 < 100 ? 0x7b : 0x7c));
    assert.throws(() => Tree.decode(groups.subarray(0, size - 1)), MessageDecodeError);
    const nested = new Uint8Array(size).map((_, i) => (i % 2 === 0 ? 0x12 : 0x7f));
    assert.throws(() => Tree.decode(nested), MessageDecodeError);
    assert.ok(performance.now() - start < 5000);
  });
});
