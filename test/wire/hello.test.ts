import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeHello, encodeHello, type Hello } from "../../src/wire/hello.js";
import { hex, vectors } from "./support/golden.js";

suite("hellos", () => {
  const body = (): Buffer => hex(vectors.hellos[2]!.hex).subarray(3);
  const field = (tag: number, value: Uint8Array): Buffer =>
    Buffer.concat([Buffer.from([tag >>> 8, tag, value.length >>> 8, value.length]), value]);
  const without = (tag: number): Buffer => {
    const bytes = body();
    const kept = [bytes.subarray(0, 2)];
    for (let at = 2; at < bytes.length; ) {
      const end = at + 4 + bytes.readUInt16BE(at + 2);
      if (bytes.readUInt16BE(at) !== tag) kept.push(bytes.subarray(at, end));
      at = end;
    }
    return Buffer.concat(kept);
  };

  test("fields of newer peers, are ignored wherever they stand, also twice and empty", () => {
    const unknown = [field(12, Buffer.from("new")), field(0xffff, Buffer.alloc(0)), field(12, Buffer.alloc(300))];
    const bytes = Buffer.concat([body().subarray(0, 2), ...unknown, body().subarray(2), ...unknown]);
    assert.deepEqual(decodeHello(bytes), decodeHello(body()));
  });

  test("a known field that comes twice, is an error also when both say the same", () => {
    for (let tag = 1; tag <= 11; tag++) {
      const only = Buffer.concat([without(tag), field(tag, Buffer.alloc(4))]);
      const again = Buffer.concat([body(), only.subarray(-8)]);
      assert.throws(() => decodeHello(again), { name: "ProtocolError", message: `the hello has its field ${tag} twice` });
    }
  });

  test("a field that is missing, is an error; the last one is for people and may be missing", () => {
    for (let tag = 1; tag <= 10; tag++)
      assert.throws(() => decodeHello(without(tag)), { name: "ProtocolError", message: /lacks its field/ });
    assert.equal(decodeHello(without(11)).software, "");
  });

  test("fields in any order, say the same", () => {
    const fields: Buffer[] = [];
    for (let at = 2; at < body().length; ) {
      const end = at + 4 + body().readUInt16BE(at + 2);
      fields.push(body().subarray(at, end));
      at = end;
    }
    fc.assert(
      fc.property(fc.shuffledSubarray(fields, { minLength: fields.length }), (shuffled) => {
        assert.deepEqual(decodeHello(Buffer.concat([body().subarray(0, 2), ...shuffled])), decodeHello(body()));
      }),
    );
  });

  test("sizes at and beyond their limits", () => {
    const sizes: readonly [tag: number, good: readonly number[], bad: readonly number[]][] = [
      [1, [3], [0, 2, 4]],
      [2, [1, 64], [0, 65]],
      [3, [4], [3, 5]],
      [4, [4], [3, 5]],
      [5, [8], [7, 9]],
      [6, [8], [7, 9]],
      [7, [1], [0, 2]],
      [8, [16, 64], [0, 15, 65]],
      [9, [0, 8, 64], [7, 9, 63, 65, 72]],
      [10, [4], [3, 5]],
      [11, [0, 64], [65]],
    ];
    for (const [tag, good, bad] of sizes) {
      for (const size of good) decodeHello(Buffer.concat([without(tag), field(tag, Buffer.alloc(size, 0x61))]));
      for (const size of bad) {
        assert.throws(
          () => decodeHello(Buffer.concat([without(tag), field(tag, Buffer.alloc(size, 0x61))])),
          { name: "ProtocolError" },
          `${tag}: ${size}`,
        );
      }
    }
  });

  test("a cluster's name that is no UTF-8, is an error and not the same as another one that is none", () => {
    assert.throws(() => decodeHello(Buffer.concat([without(2), field(2, Buffer.from([0x61, 0xff]))])), {
      name: "ProtocolError",
      message: /no UTF-8/,
    });
    assert.equal(
      decodeHello(Buffer.concat([without(2), field(2, Buffer.from("\ufeffc"))])).cluster,
      "\ufeffc",
      "also at its first character",
    );
  });

  test("a name of the software that is long and not ASCII, does not make the hello invalid", () => {
    const hello: Hello = { ...decodeHello(body()), software: "größter 🎲".repeat(20) };
    const { software } = decodeHello(encodeHello(hello));
    assert.ok(hello.software.startsWith(software));
    assert.ok(Buffer.byteLength(software) > 60 && Buffer.byteLength(software) <= 64);
  });

  test("an incarnation that has no 64 bits, is not sent as another one", () => {
    for (const fromIncarnation of [-1n, 2n ** 64n])
      assert.throws(() => encodeHello({ ...decodeHello(body()), fromIncarnation }), RangeError);
  });
});
