import assert from "node:assert/strict";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { BinaryReader } from "../../src/protobuf/binary-reader.js";
import { BinaryWriter, MessageTooLargeError } from "../../src/protobuf/binary-writer.js";
import type { Codec } from "../../src/rpc/index.js";
import { Everything, Lists, Optionals, Scalars, Tree } from "./fixture/gen/everything.js";
import { everything, int64, sparse, uint64 } from "./support/arbitraries.js";

suite("BinaryWriter", () => {
  suite("in a buffer of the caller's", () => {
    test("a message that fits is written in place, and nothing around it is touched", () => {
      const buf = Buffer.alloc(100, 0xee);
      const writer = new BinaryWriter().attach(buf, 10, 100);
      writer.uint32(10).string("hello");
      assert.equal(writer.buf, buf);
      assert.equal(writer.pos, 17);
      assert.deepEqual(Array.from(buf.subarray(9, 18)), [0xee, 10, 5, 104, 101, 108, 108, 111, 0xee]);
    });

    test("a plain Uint8Array is written in place too", () => {
      const memory = new Uint8Array(64).fill(0xee);
      const writer = new BinaryWriter().attach(memory.subarray(8, 40), 2, 32);
      writer.uint32(10).string("é").fixed32(1);
      assert.deepEqual(Array.from(memory.subarray(9, 19)), [0xee, 10, 2, 0xc3, 0xa9, 1, 0, 0, 0, 0xee]);
      assert.equal(writer.buf.buffer, memory.buffer);
    });

    test("a message that does not fit moves to a buffer at least twice as large, with what came before it", () => {
      const buf = Buffer.from([1, 2, 3, 4]);
      const writer = new BinaryWriter().attach(buf, 3, 1000);
      writer.bytes(new Uint8Array([7, 8]));
      assert.notEqual(writer.buf, buf);
      assert.ok(writer.buf.length >= 8);
      assert.equal(writer.pos, 6);
      assert.deepEqual(Array.from(writer.buf.subarray(0, 6)), [1, 2, 3, 2, 7, 8]);
      assert.deepEqual(Array.from(buf.subarray(0, 3)), [1, 2, 3]);
    });

    test("any message through any room: the bytes are those of a writer with memory of its own", () => {
      fc.assert(
        fc.property(everything, fc.nat(200), (message, room) => {
          const expected = Everything.encode(message).finish();
          const writer = new BinaryWriter().attach(Buffer.alloc(room), 0, 1 << 24);
          Everything.encode(message, writer);
          assert.deepEqual(new Uint8Array(writer.buf.subarray(0, writer.pos)), expected);
        }),
      );
    });
  });

  suite("the limit", () => {
    for (const [name, codec, messages] of [
      ["small", Optionals as Codec<Optionals>, sparse],
      ["large", Everything as Codec<Everything>, everything],
    ] as [string, Codec<object>, fc.Arbitrary<object>][]) {
      test(`exact to the byte for ${name} messages, however large the buffer`, () => {
        fc.assert(
          fc.property(messages, fc.nat(100), fc.constantFrom(0, 50, 100_000), (message, start, spare) => {
            const size = codec.encode(message).finish().length;
            fc.pre(size > 0);
            const buf = Buffer.alloc(start + spare);
            const writer = new BinaryWriter();
            codec.encode(message, writer.attach(buf, start, start + size));
            assert.equal(writer.pos, start + size);
            assert.throws(() => codec.encode(message, writer.attach(buf, start, start + size - 1)), {
              name: "MessageTooLargeError",
              limitBytes: size - 1,
            });
            assert.ok(writer.pos < start + size);
          }),
        );
      });
    }

    test("a number needs no more room than its bytes take, at every size", () => {
      const writer = new BinaryWriter();
      for (let bits = 0n; bits < 64n; bits++) {
        for (const value of [2n ** bits - 1n, 2n ** bits]) {
          for (const method of ["uint64", "uint32", "int32"] as const) {
            if (method !== "uint64" && value >= 2n ** (method === "uint32" ? 32n : 31n)) continue;
            const write = (room: number): BinaryWriter => writer.attach(Buffer.alloc(100), 0, room)[method](Number(value) as never);
            if (method === "uint64" && BigInt(Number(value)) !== value) continue;
            const size = new BinaryWriter().uint64(value).finish().length;
            assert.equal(write(size).pos, size);
            assert.throws(() => write(size - 1), MessageTooLargeError);
          }
        }
      }
    });

    for (const [what, write] of Object.entries<(writer: BinaryWriter) => unknown>({
      "a long string": (writer) => writer.string("x".repeat(1 << 26)),
      "long bytes": (writer) => writer.bytes(new Uint8Array(1 << 26)),
    })) {
      test(`${what} past it: an error before memory is allocated`, () => {
        const buf = Buffer.alloc(64);
        const writer = new BinaryWriter().attach(buf, 0, 1 << 20);
        assert.throws(
          () => write(writer),
          (error) => error instanceof MessageTooLargeError && error instanceof RangeError,
        );
        assert.equal(writer.buf, buf);
      });
    }

    test("growing stays within twice what is needed", () => {
      const writer = new BinaryWriter().attach(Buffer.alloc(16), 0, 1 << 20);
      writer.raw(new Uint8Array(100_000)).raw(new Uint8Array(100_000));
      assert.ok(writer.buf.length <= 400_000, `${writer.buf.length}`);
    });
  });

  suite("after an error in the middle of a message", () => {
    const tree: Tree = { name: "a", left: undefined, children: [], content: undefined, last: 0 };
    const broken = { ...tree, left: { ...tree, children: [{ ...tree, last: Number.NaN }] } };

    test("attached again, the writer writes the next message as if nothing had been", () => {
      const writer = new BinaryWriter();
      const buf = Buffer.alloc(1000);
      assert.throws(() => Tree.encode(broken, writer.attach(buf, 0, 1000)), RangeError);
      assert.throws(() => Tree.encode({ ...tree, left: tree }, writer.attach(buf, 0, 4)), MessageTooLargeError);
      Tree.encode({ ...tree, left: tree }, writer.attach(buf, 0, 1000));
      assert.deepEqual(writer.finish(), Tree.encode({ ...tree, left: tree }).finish());
      assert.throws(() => writer.attach(buf, 0, 1000).join(), /join\(\) without fork\(\)/);
    });

    test("a writer of its own does not spoil the next one", () => {
      assert.throws(() => Tree.encode(broken), RangeError);
      assert.deepEqual(Tree.decode(Tree.encode(tree).finish()), tree);
    });
  });

  suite("with memory of its own", () => {
    test("finish gives a copy that later messages do not change", () => {
      const first = new BinaryWriter().string("first").finish();
      const second = new BinaryWriter().string("other").finish();
      assert.deepEqual(first, new Uint8Array([5, ...Buffer.from("first")]));
      assert.deepEqual(second, new Uint8Array([5, ...Buffer.from("other")]));
      assert.equal(Object.getPrototypeOf(first), Uint8Array.prototype);
      assert.equal(first.buffer.byteLength, 6);
    });

    test("two writers at the same time do not share memory", () => {
      new BinaryWriter().bool(true).finish();
      const one = new BinaryWriter().uint32(1);
      const two = new BinaryWriter().uint32(2);
      one.uint32(11);
      two.uint32(22);
      assert.deepEqual([one.finish(), two.finish()], [new Uint8Array([1, 11]), new Uint8Array([2, 22])]);
    });

    test("finished, it starts over", () => {
      const writer = new BinaryWriter();
      writer.uint32(1).finish();
      assert.deepEqual(writer.uint32(2).finish(), new Uint8Array([2]));
      assert.deepEqual(writer.finish(), new Uint8Array(0));
    });

    test("finished before join, it says so", () => {
      assert.throws(() => new BinaryWriter().fork().finish(), /1 fork\(\) without join\(\)/);
    });
  });

  test("lengths of every size come in front of nested messages and text", () => {
    for (const length of [0, 1, 41, 42, 43, 126, 127, 128, 129, 16_382, 16_383, 16_384, 2_097_151, 2_097_152]) {
      const writer = new BinaryWriter().fork();
      for (let left = length; left > 0; left -= 1000) writer.raw(new Uint8Array(Math.min(left, 1000)).fill(length));
      const reader = new BinaryReader(writer.join().string("x".repeat(length)).string("é".repeat(length)).finish());
      assert.equal(reader.uint32(), length);
      assert.ok(reader.buf.subarray(reader.pos, reader.pos + length).every((byte) => byte === (length & 0xff)));
      reader.pos += length;
      assert.equal(reader.string(), "x".repeat(length));
      assert.equal(reader.string(), "é".repeat(length));
      reader.expectEnd();
    }
  });

  test("lone surrogates become U+FFFD, at every length", () => {
    for (const length of [0, 1, 5, 19, 20, 21, 40, 130, 5000]) {
      for (const broken of ["\ud83d", "\ude00", "\ude00\ud83d"]) {
        const text = `${"x".repeat(length)}${broken}y`;
        const bytes = new BinaryWriter().string(text).finish();
        assert.equal(new BinaryReader(bytes).string(), Buffer.from(text).toString());
        assert.deepEqual(bytes.subarray(-Buffer.byteLength(text)), new TextEncoder().encode(text));
      }
    }
  });

  test("64-bit integers as bigint, number and text give the same bytes", () => {
    fc.assert(
      fc.property(int64, (value) => {
        for (const method of ["int64", "sint64", "sfixed64"] as const) {
          const expected = new BinaryWriter()[method](value).finish();
          assert.deepEqual(new BinaryWriter()[method](String(value)).finish(), expected);
          if (BigInt(Number(value)) === value) assert.deepEqual(new BinaryWriter()[method](Number(value)).finish(), expected);
          assert.equal(new BinaryReader(expected)[method](), value);
        }
      }),
    );
    fc.assert(
      fc.property(uint64, (value) => {
        for (const method of ["uint64", "fixed64"] as const) {
          const expected = new BinaryWriter()[method](value).finish();
          assert.deepEqual(new BinaryWriter()[method](String(value)).finish(), expected);
          if (BigInt(Number(value)) === value) assert.deepEqual(new BinaryWriter()[method](Number(value)).finish(), expected);
          assert.equal(new BinaryReader(expected)[method](), value);
        }
      }),
    );
  });

  suite("values that do not fit their field", () => {
    const writer = new BinaryWriter();
    const methods = writer as unknown as Record<string, (value: unknown) => void>;
    const anything = [undefined, null, {}, [], () => 0, Symbol("s"), true];
    const noNumber = [...anything, "", " 1", "1.5", "abc", "0x10", "1e3"];
    const refused: Record<string, unknown[]> = {
      int32: [...noNumber, 3e9, -3e9, 2 ** 31, -(2 ** 31) - 1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1n, "2147483648"],
      uint32: [...noNumber, -1, 2 ** 32, 0.5, Number.NaN, 1n, "-1"],
      int64: [...noNumber, 2n ** 63n, -(2n ** 63n) - 1n, 2 ** 63, 1.5, Number.NaN, Number.NEGATIVE_INFINITY, "9223372036854775808"],
      uint64: [...noNumber, 2n ** 64n, -1n, -1, 2 ** 64, 1.5, Number.NaN, "-1", "18446744073709551616"],
      float: [...anything, "1", 1n, 3.5e38, -1e300],
      double: [...anything, "1", 1n],
      bool: [undefined, null, 0, 1, "false", {}],
      string: [...anything, 5, 5n, new Uint8Array(1), new String("boxed")],
      bytes: [...anything, "text", 5, new ArrayBuffer(1), new DataView(new ArrayBuffer(1)), new Uint16Array(1)],
    };
    for (const name of ["sint32", "sfixed32"]) refused[name] = refused.int32!;
    refused.fixed32 = refused.uint32!;
    for (const name of ["sint64", "sfixed64"]) refused[name] = refused.int64!;
    refused.fixed64 = refused.uint64!;

    for (const [method, values] of Object.entries(refused)) {
      test(`${method}: a TypeError or RangeError that names the type, and nothing is written`, () => {
        for (const value of values) {
          writer.attach(Buffer.alloc(32), 0, 32);
          const isClear = (error: unknown): boolean =>
            (error instanceof TypeError || error instanceof RangeError) && error.message.includes(`as ${method}: `);
          assert.throws(() => methods[method]!(value), isClear, `${method}(${String(value)})`);
          assert.equal(writer.pos, 0);
        }
      });
    }

    test("the message says what was wrong and what would be right", () => {
      assert.throws(() => writer.int32(3e9), {
        name: "RangeError",
        message: "cannot write 3000000000 as int32: an integer from -2147483648 to 2147483647 expected",
      });
      assert.throws(() => methods.string!(undefined), {
        name: "TypeError",
        message: "cannot write undefined as string: a string expected",
      });
    });
  });

  test("values at the edge of their field, and of another realm, are taken", () => {
    const foreign = runInNewContext("new Uint8Array([1, 2])") as Uint8Array;
    assert.ok(!(foreign instanceof Uint8Array));
    const bytes = new BinaryWriter()
      .bytes(foreign)
      .float(3.4028234663852886e38)
      .float(Number.NEGATIVE_INFINITY)
      .float(Number.NaN)
      .double(-0)
      .int32(-0)
      .finish();
    const reader = new BinaryReader(bytes);
    assert.deepEqual(reader.bytes(), new Uint8Array([1, 2]));
    assert.deepEqual(
      [reader.float(), reader.float(), reader.float(), reader.double(), reader.int32()],
      [3.4028234663852886e38, Number.NEGATIVE_INFINITY, Number.NaN, -0, 0],
    );
  });

  test("a missing field is an error, not a value made up", () => {
    assert.throws(() => Scalars.encode({ aDouble: 1 } as Scalars), /cannot write undefined as float/);
    assert.throws(
      () => Lists.encode({ ...Lists.fromPartial({}), strings: [undefined as unknown as string] }),
      /cannot write undefined as string/,
    );
  });
});
