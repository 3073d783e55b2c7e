import assert from "node:assert/strict";
import fc from "fast-check";
import { BinaryReader, MessageDecodeError } from "../../src/protobuf/binary-reader.js";
import { BinaryWriter } from "../../src/protobuf/binary-writer.js";
import { Scalars, Tree } from "./fixture/gen/everything.js";

const reader = (...bytes: number[]): BinaryReader => new BinaryReader(new Uint8Array(bytes));

/** Ten bytes, the longest varint. */
const MINUS_ONE = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];

function fails(read: () => unknown, problem: RegExp, offset: number): void {
  assert.throws(read, (error) => {
    assert.ok(error instanceof MessageDecodeError, String(error));
    assert.match(error.problem, problem);
    assert.equal(error.offset, offset);
    assert.equal(error.message, `not a valid protobuf message: ${error.problem} (at byte ${offset})`);
    return true;
  });
}

suite("BinaryReader", () => {
  suite("numbers", () => {
    const varints = ["uint32", "int32", "sint32", "bool", "uint64", "int64", "sint64"] as const;
    for (const method of varints) {
      test(`${method} that ends too early, at every length: an error, and nothing read behind the end`, () => {
        for (let length = 0; length < 10; length++) {
          const buf = new Uint8Array([...new Array<number>(length).fill(0x80), 0x01, 0x01]);
          fails(() => new BinaryReader(new Uint8Array(0)).attach(buf, 0, length)[method](), /ends where a number should go on/, 0);
        }
      });

      test(`${method} of more than ten bytes: an error`, () => {
        fails(() => reader(...new Array<number>(10).fill(0xff), 0x01)[method](), /more than 10 bytes/, 0);
      });

      test(`${method} of ten bytes at the very end is read whole`, () => {
        const minusOne = reader(...MINUS_ONE);
        const expected = {
          uint32: 2 ** 32 - 1,
          int32: -1,
          sint32: -(2 ** 31),
          bool: true,
          uint64: 2n ** 64n - 1n,
          int64: -1n,
          sint64: -(2n ** 63n),
        };
        assert.equal(minusOne[method](), expected[method]);
        minusOne.expectEnd();
      });
    }

    test("more bytes than the number needs are allowed", () => {
      assert.equal(reader(0x85, 0x80, 0x80, 0x00).uint32(), 5);
      assert.equal(reader(0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00).int64(), 5n);
      assert.equal(reader(0x80, 0x80, 0x00).bool(), false);
      assert.equal(reader(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01).bool(), true);
    });

    for (const [method, size] of [
      ["fixed32", 4],
      ["sfixed32", 4],
      ["float", 4],
      ["fixed64", 8],
      ["sfixed64", 8],
      ["double", 8],
    ] as const) {
      test(`${method} that ends too early: an error`, () => {
        for (let length = 0; length < size; length++) {
          fails(() => new BinaryReader(new Uint8Array(0)).attach(new Uint8Array(100), 0, length)[method](), /where \d are left/, 0);
        }
      });
    }
  });

  suite("bytes and text", () => {
    test("a length beyond the end: an error that says how much is left", () => {
      fails(() => reader(5, 1, 2).bytes(), /^a bytes field of 5 bytes where 2 are left$/, 1);
      fails(() => reader(0xff, 0xff, 0xff, 0xff, 0x0f, 1).string(), /^a string of 4294967295 bytes where 1 are left$/, 5);
    });

    test("bytes are plain Uint8Arrays, whatever they were read from", () => {
      const message = new BinaryWriter()
        .bytes(new Uint8Array([1, 2]))
        .bytes(new Uint8Array(2000))
        .bytes(new Uint8Array(0))
        .finish();
      for (const source of [message, Buffer.from(message)]) {
        const bytes = new BinaryReader(source);
        for (const expected of [new Uint8Array([1, 2]), new Uint8Array(2000), new Uint8Array(0)]) assert.deepEqual(bytes.bytes(), expected);
      }
    });

    test("up to 1 KiB bytes are a copy, above a view", () => {
      for (const [length, isCopy] of [
        [0, true],
        [1, true],
        [1024, true],
        [1025, false],
        [70_000, false],
      ] as const) {
        const message = new BinaryWriter().bytes(new Uint8Array(length).fill(1)).finish();
        const bytes = new BinaryReader(message).bytes();
        assert.equal(bytes.buffer !== message.buffer, isCopy, `${length}`);
        if (isCopy) assert.equal(bytes.buffer.byteLength, length);
        assert.deepEqual(bytes, new Uint8Array(length).fill(1));
      }
    });

    test("text with every code point, at every length around the fast paths", () => {
      for (const unit of ["a", "\0", "\x7f", "é", "€", "😀", "\ufffd", "\ufeff", "\uffff", "\ud7ff", "\ue000", "\u{10ffff}"]) {
        for (let count = 0; count < 50; count++) {
          const text = `${"x".repeat(count % 7)}${unit.repeat(count)}`;
          assert.equal(new BinaryReader(new BinaryWriter().string(text).finish()).string(), text);
        }
      }
    });

    test("bytes that are not UTF-8: an error at every length", () => {
      const broken = [
        [0xff],
        [0x80],
        [0xc3],
        [0xc0, 0x80],
        [0xe2, 0x82],
        [0xed, 0xa0, 0x80],
        [0xf4, 0x90, 0x80, 0x80],
        [0xf8, 0x88, 0x80, 0x80, 0x80],
      ];
      for (const bad of broken) {
        for (const before of [0, 5, 12, 13, 100]) {
          const content = [...new Array<number>(before).fill(0x61), ...bad];
          fails(() => reader(content.length, ...content).string(), /not valid UTF-8/, 1 + content.length);
        }
      }
    });

    test("any bytes: the text that a strict decoder gives, or an error", () => {
      const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
      fc.assert(
        fc.property(
          fc.oneof(
            fc.uint8Array({ maxLength: 40 }),
            fc.string({ unit: "binary" }).map((text) => new Uint8Array(Buffer.from(text))),
          ),
          fc.nat(40),
          (bytes, cut) => {
            const content = bytes.subarray(0, cut);
            const source = new BinaryReader(new BinaryWriter().bytes(content).finish());
            let expected: string | undefined;
            try {
              expected = strict.decode(content);
            } catch {
              assert.throws(() => source.string(), MessageDecodeError);
              return;
            }
            assert.equal(source.string(), expected);
          },
        ),
      );
    });
  });

  suite("tags and skip", () => {
    test("a tag gives field number and wire type", () => {
      assert.deepEqual(reader(0x0a).tag(), [1, 2]);
      assert.deepEqual(reader(0xfd, 0xff, 0xff, 0xff, 0x0f).tag(), [536_870_911, 5]);
    });

    test("field number 0 and wire types 6 and 7: errors", () => {
      for (const tag of [0, 1, 2, 5, 0x0e, 0x0f]) fails(() => reader(tag).tag(), /field number \d with wire type/, 1);
      fails(() => reader().skip(6), /wire type 6/, 0);
      fails(() => reader().skip(7), /wire type 7/, 0);
      fails(() => reader().skip(4), /end of a group that did not begin/, 0);
    });

    test("skip returns the bytes it passed over", () => {
      const cases: [number, number[]][] = [
        [0, [0x96, 0x01]],
        [1, [1, 2, 3, 4, 5, 6, 7, 8]],
        [2, [3, 9, 9, 9]],
        [3, [0x08, 0x01, 0x13, 0x0a, 0x01, 0xff, 0x14, 0x0c]],
        [5, [1, 2, 3, 4]],
      ];
      for (const [wireType, bytes] of cases) {
        const source = reader(...bytes, 0x55);
        assert.deepEqual(source.skip(wireType, 1), new Uint8Array(bytes));
        assert.equal(source.uint32(), 0x55);
      }
    });

    test("a skipped value that ends too early, by any number of bytes: an error", () => {
      const values: [number, number[]][] = [
        [0, MINUS_ONE],
        [1, [1, 2, 3, 4, 5, 6, 7, 8]],
        [2, [3, 9, 9, 9]],
        [3, [0x08, 0x01, 0x13, 0x0a, 0x01, 0xff, 0x14, 0x0c]],
        [5, [1, 2, 3, 4]],
      ];
      for (const [wireType, bytes] of values) {
        for (let length = 0; length < bytes.length; length++) {
          const source = new BinaryReader(new Uint8Array(0)).attach(new Uint8Array([...bytes, 0x0c, 0x0c]), 0, length);
          assert.throws(() => source.skip(wireType, 1), MessageDecodeError, `${wireType} ${length}`);
        }
      }
    });

    test("a group that ends with another number: an error, also further in", () => {
      fails(() => reader(0x14).skip(3, 1), /group 1 ended as 2/, 1);
      fails(() => reader(0x13, 0x0c).skip(3, 1), /group 2 ended as 1/, 2);
    });

    test("100 groups within each other are skipped, one more is an error", () => {
      const groups = (depth: number): BinaryReader =>
        reader(...new Array<number>(depth - 1).fill(0x0b), ...new Array<number>(depth).fill(0x0c));
      assert.equal(groups(100).skip(3, 1).length, 199);
      fails(() => groups(101).skip(3, 1), /100 messages and groups/, 100);
      fails(() => new BinaryReader(new Uint8Array(1_000_000).fill(0x0b)).skip(3, 1), /100 messages and groups/, 100);
    });
  });

  suite("generated code", () => {
    test("field number 0 of any wire type: an error, or bytes left behind", () => {
      for (const tag of [1, 2, 3, 5]) fails(() => Scalars.decode(reader(0x18, 0x01, tag, 0, 0, 0, 0, 0, 0, 0, 0)), /field number 0/, 3);
      for (const tag of [0, 4]) {
        const source = reader(0x18, 0x01, tag, 0x18, 0x02);
        assert.equal(Scalars.decode(source).anInt32, 1);
        fails(() => source.expectEnd(), /2 bytes left behind/, 3);
      }
    });

    test("unknown fields are passed over, those with tags of two bytes below 8 in the second included", () => {
      const bytes = new BinaryWriter().tag(17, 0).uint32(5).tag(100, 2).string("new").tag(40, 3).tag(40, 4).tag(3, 0).int32(7).finish();
      assert.equal(Scalars.decode(bytes).anInt32, 7);
      assert.equal(Scalars.decode(new Uint8Array([0x18, 0x07, 0x82, 0x07, 0x01, 0x00])).anInt32, 7);
    });

    test("messages 100 deep are read, one more is an error, and the reader can be used again", () => {
      const nested = (depth: number): Uint8Array => {
        let bytes = new Uint8Array(0);
        for (let i = 1; i < depth; i++) bytes = new BinaryWriter().uint32(18).bytes(bytes).finish() as Uint8Array<ArrayBuffer>;
        return bytes;
      };
      const depthOf = (tree: Tree | undefined): number => (tree === undefined ? 0 : 1 + depthOf(tree.left));
      const source = new BinaryReader(new Uint8Array(0));
      const decode = (bytes: Uint8Array): Tree => Tree.decode(source.attach(bytes, 0, bytes.length));
      assert.equal(depthOf(decode(nested(100))), 100);
      assert.throws(() => decode(nested(101)), { name: "MessageDecodeError", problem: "more than 100 messages within each other" });
      assert.throws(() => decode(nested(5000)), MessageDecodeError);
      assert.equal(depthOf(decode(nested(100))), 100);
    });

    test("messages and groups count together: in a message 60 deep 40 groups are skipped, one more is an error", () => {
      const groupsIn60 = (depth: number): Uint8Array => {
        let bytes = new Uint8Array(2 * depth).fill(0x7b, 0, depth).fill(0x7c, depth);
        for (let i = 1; i < 60; i++) bytes = new BinaryWriter().uint32(18).bytes(bytes).finish() as Uint8Array<ArrayBuffer>;
        return bytes;
      };
      assert.equal(Tree.decode(groupsIn60(40)).name, "");
      assert.throws(() => Tree.decode(groupsIn60(41)), MessageDecodeError);
    });

    test("a nested length beyond the end of the whole: an error", () => {
      fails(() => Tree.decode(reader(0x12, 0x05, 0x0a, 0x01, 0x61)), /ends where a number should go on/, 5);
      fails(() => Tree.decode(reader(0x12, 0xff, 0xff, 0xff, 0xff, 0x0f)), /ends where a number should go on/, 6);
    });
  });

  test("attached in the middle of a buffer, it reads that part only, and counts offsets from there", () => {
    const buf = Buffer.from([0xff, 0x18, 0x01, 0x72, 0x05, 0x61, 0x62, 0x63, 0x64, 0x65]);
    const source = new BinaryReader(buf);
    fails(() => Scalars.decode(source.attach(buf, 1, 7)), /a string of 5 bytes where 2 are left/, 4);
    assert.equal(Scalars.decode(source.attach(buf, 1, 10)).aString, "abcde");
    source.expectEnd();
  });

  test("attached to what is no part of the buffer: a RangeError", () => {
    assert.throws(() => reader(1).attach(new Uint8Array(5), 0, 6), RangeError);
    assert.throws(() => reader(1).attach(new Uint8Array(5), 4, 3), RangeError);
  });
});
