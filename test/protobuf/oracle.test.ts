import assert from "node:assert/strict";
import fc from "fast-check";
import { BinaryReader } from "../../src/protobuf/binary-reader.js";
import { BinaryWriter } from "../../src/protobuf/binary-writer.js";
import type { Codec } from "../../src/rpc/index.js";
import { Everything, Lists, LooseLists, Maps, Optionals, Scalars, Tree } from "./fixture/gen/everything.js";
import { everything, lists, maps, optionals, scalars, tree } from "./support/arbitraries.js";
import { oracleDecode, oracleEncode, plain } from "./support/oracle.js";

suite("protobuf against protobufjs", () => {
  agreesOn("Scalars", Scalars, scalars);
  agreesOn("Optionals", Optionals, optionals);
  agreesOn("Lists", Lists, lists);
  agreesOn("LooseLists", LooseLists, lists);
  agreesOn("Maps", Maps, maps);
  agreesOn("Tree", Tree, tree);
  agreesOn("Everything", Everything, everything, 50);

  const writer = new BinaryWriter();
  const reader = new BinaryReader(new Uint8Array(0));

  function agreesOn<T extends object>(name: string, codec: Codec<T>, messages: fc.Arbitrary<T>, numRuns = 200): void {
    test(`${name} written here, read there: the same`, () => {
      fc.assert(
        fc.property(messages, (message) => {
          const bytes = codec.encode(message).finish();
          assert.deepEqual(oracleDecode(name, bytes), plain(message));
        }),
        { numRuns },
      );
    });

    test(`${name} written there, read here: the same`, () => {
      fc.assert(
        fc.property(messages, (message) => {
          assert.deepEqual(codec.decode(oracleEncode(name, message)), message);
        }),
        { numRuns },
      );
    });

    test(`${name} in the middle of a buffer, with a writer and a reader that are used again: the same`, () => {
      fc.assert(
        fc.property(messages, fc.nat(300), fc.nat(50), fc.boolean(), (message, room, before, isBuffer) => {
          const buf = isBuffer ? Buffer.alloc(before + room, 0xee) : new Uint8Array(before + room).fill(0xee);
          codec.encode(message, writer.attach(buf, before, 1 << 20));
          assert.ok(writer.buf.subarray(0, before).every((byte) => byte === 0xee));
          assert.deepEqual(codec.decode(reader.attach(writer.buf, before, writer.pos)), message);
          reader.expectEnd();
        }),
        { numRuns },
      );
    });
  }
});
