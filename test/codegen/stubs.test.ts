import assert from "node:assert/strict";
import * as echo from "../../codegen/golden/expected/echo.js";
import { Chat, type ChatHandlers, Moved_To, Said, Say } from "../../codegen/golden/expected/game/chat.js";
import { Struct } from "../../codegen/golden/expected/google/protobuf/struct.js";
import { All, Color } from "../../codegen/golden/expected/kinds/all.js";
import { Newer } from "../../codegen/golden/expected/kinds/edition.js";
import { Old, Old_Mode } from "../../codegen/golden/expected/kinds/two.js";
import {
  Clashes,
  type ClashesHandlers,
  Fields,
  MapMessage,
  ReadonlyArrayEnum,
  Timestamp,
} from "../../codegen/golden/expected/names/clashes.js";
import * as kick from "../../codegen/golden/expected/one/kick.js";
import { RpcError } from "../../src/errors.js";
import { nameHash } from "../../src/rpc/name-hash.js";
import type { Context } from "../../src/rpc/service.js";
import { FakeNode } from "./support/fake-node.js";

const context = { method: "" } as Context;

suite("stubs of a service", () => {
  test("a call: goes to the target with full method name, id, kind, request and options", async () => {
    const node = new FakeNode();
    const options = { timeoutMs: 5 };
    const reply = Chat.Call(node, "1.3.7").say({ text: "hi" }, options);
    const invocation = node.only();
    assert.equal(invocation.to, "1.3.7");
    assert.deepEqual(
      [invocation.method.name, invocation.method.id, invocation.method.kind],
      ["game.Chat/say", nameHash("game.Chat/say"), "unary"],
    );
    assert.deepEqual(invocation.input, { text: "hi" });
    assert.equal(invocation.options, options);
    invocation.resolve({ seq: 1n, text: "hi" });
    assert.deepEqual(await reply, { seq: 1n, text: "hi" });
  });

  test("the rpc keeps its name from the file, the method is written in camel case", () => {
    const node = new FakeNode();
    Chat.Call(node).watch({});
    assert.deepEqual([node.only().method.name, node.only().method.kind, node.only().to], ["game.Chat/Watch", "server", undefined]);
  });

  test("a post: hands over the request one-way", async () => {
    const node = new FakeNode();
    await Chat.Post(node, "1.3.7").say({ text: "hi" }, { metadata: { a: "b" } });
    assert.deepEqual(
      node.posts.map(({ to, method, input, options }) => [to, method.name, input, options]),
      [["1.3.7", "game.Chat/say", { text: "hi" }, { metadata: { a: "b" } }]],
    );
  });

  test("handlers of a class keep their this and get request and context", async () => {
    class Service implements ChatHandlers {
      #said = 0n;
      say(request: Say): Said {
        return { seq: ++this.#said, text: request.text };
      }
      async *watch(): AsyncIterable<Said> {}
      async uploadAll(): Promise<Said> {
        return { seq: this.#said, text: "" };
      }
      async *talk(): AsyncIterable<Said> {}
      ping(_: unknown, { method }: Context) {
        return { seconds: 0n, nanos: method.length };
      }
    }
    const node = new FakeNode();
    Chat.Register(node, new Service());
    assert.deepEqual(await node.run("game.Chat/say", Say.fromPartial({ text: "a" }), context), { seq: 1n, text: "a" });
    assert.deepEqual(await node.run("game.Chat/upload_all", undefined, context), { seq: 1n, text: "" });
    assert.deepEqual(await node.run("game.Chat/ping", {}, { ...context, method: "four" }), { seconds: 0n, nanos: 4 });
  });

  test("a handler is missing: Register throws its name and registers nothing", () => {
    const node = new FakeNode();
    const handlers = { say: () => ({ seq: 0n, text: "" }) } as unknown as ChatHandlers;
    assert.throws(() => Chat.Register(node, handlers), { name: "TypeError", message: 'game.Chat: the handlers lack a method "watch"' });
    assert.deepEqual(node.methods, []);
  });

  test("methods named constructor, then, toString, __proto__, new: each calls and answers as itself", async () => {
    const node = new FakeNode();
    const names = [
      "constructorMethod",
      "delete",
      "new",
      "thenMethod",
      "toStringMethod",
      "proto",
      "node",
      "to",
      "handlers",
      "toJSONMethod",
      "arguments",
    ];
    const answer = (name: string) => () => name as never;
    Clashes.Register(node, Object.fromEntries(names.map((name) => [name, answer(name)])) as unknown as ClashesHandlers);
    for (const [index, method] of node.methods.entries()) assert.equal(node.run(method, {}, context), names[index], method);
    assert.equal(node.methods.length, names.length);
    const calls = Clashes.Call(node, "1.1.1");
    assert.equal(await Promise.resolve(calls), calls, "not taken for a promise");
    calls.new({ x: "a" });
    calls.constructorMethod({});
    assert.deepEqual(
      node.invocations.map(({ method }) => method.name),
      ["names.Clashes/new", "names.Clashes/constructor"],
    );
  });

  test("a message with msg_id is one that can be sent: id and full name of the proto", () => {
    assert.deepEqual([Said.messageId, Said.messageName], [300, "game.Said"]);
    assert.deepEqual([Moved_To.messageId, Moved_To.messageName], [4294967295, "game.Moved.To"]);
  });
});

suite("stubs of the one-file convention", () => {
  test("the rpc is named like the file", async () => {
    const node = new FakeNode();
    echo.Register(node, (request) => ({ msg: request.msg }));
    assert.deepEqual(node.methods, ["echo"]);
    assert.deepEqual(await node.run("echo", echo.Request.fromPartial({ msg: "hello" }), context), { msg: "hello" });
    const reply = echo.Call(node, "1.1.1", { msg: "hello" });
    assert.deepEqual([node.only().to, node.only().method.name, node.only().method.kind], ["1.1.1", "echo", "unary"]);
    node.only().resolve({ msg: "back" });
    assert.deepEqual(await reply, { msg: "back" });
    await echo.Post(node, "1.1.1", { msg: "one way" });
    assert.deepEqual(node.posts[0]?.input, { msg: "one way" });
  });

  test("the handler is no function: Register throws", () => {
    assert.throws(() => echo.Register(new FakeNode(), {} as never), { name: "TypeError", message: "echo: the handler is not a function" });
  });

  test("CallWithCallback: the reply reaches the callback", async () => {
    const node = new FakeNode();
    const outcome = new Promise<unknown[]>((resolve) => {
      echo.CallWithCallback(node, "1.1.1", { msg: "a" }, undefined, (...args) => resolve(args));
    });
    node.only().resolve({ msg: "b" });
    assert.deepEqual(await outcome, [null, { msg: "b" }]);
  });

  test("helper messages named like the functions, other letter case: round trip", () => {
    const request = kick.Request.fromPartial({ player: 7n, why: kick.Why.AFK, room: { id: 1n, seats: [{ number: 2, playerName: "p" }] } });
    assert.deepEqual(kick.Request.decode(kick.Request.encode(request).finish()), request);
    const response = kick.Response.fromPartial({ lastCall: { at: -1n }, error: { Promise: "kept" } });
    assert.deepEqual(kick.Response.decode(kick.Response.encode(response).finish()), response);
  });
});

suite("generated messages", () => {
  test("every kind of field survives a round trip", () => {
    const all = All.fromPartial({
      aDouble: -0.5,
      aFloat: 1.5,
      anInt32: -1,
      anInt64: -(2n ** 63n),
      aUint32: 2 ** 32 - 1,
      aUint64: 2n ** 64n - 1n,
      aSint32: -(2 ** 31),
      aSint64: 2n ** 63n - 1n,
      aFixed32: 7,
      aFixed64: 2n ** 63n,
      aSfixed32: -7,
      aSfixed64: -7n,
      aBool: true,
      aString: "söme 🎲",
      someBytes: Uint8Array.of(0, 255),
      aColor: Color.BELOW,
      itself: { itself: { aBool: true } },
      maybeInt32: 0,
      maybeBytes: new Uint8Array(0),
      maybeColor: Color.COLOR_UNSPECIFIED,
      manyInt64: [1n, -1n],
      manyStrings: ["", "a"],
      many: [{}, { aBool: true }],
      manyColors: [Color.RED, Color.BELOW],
      manyBytes: [Uint8Array.of(1)],
      byString: new Map([["__proto__", 1n]]),
      byInt64: new Map([[-5n, { aString: "x" }]]),
      byUint32: new Map([[4294967295, Uint8Array.of(9)]]),
      byBool: new Map([[true, Color.RED]]),
      times: new Map([["t", new Date(5)]]),
      values: new Map<string, unknown>([["v", { a: [1, null, "x"] }]]),
      choice: { $case: "when", value: new Date(1_700_000_000_123) },
      at: new Date(-1_500),
      took: { seconds: 1n, nanos: 5 },
      attributes: { a: 1, b: { c: [true, null] } },
      value: "text",
      list: [1, "two", [3]],
      any: { typeUrl: "type.googleapis.com/x", value: Uint8Array.of(1, 2) },
      mask: ["a.b", "c"],
      stringValue: "",
      int64Value: 0n,
      uint64Value: 2n ** 64n - 1n,
      bytesValue: Uint8Array.of(3),
      boolValue: false,
      doubleValue: 0,
      manyTimes: [new Date(0), new Date(-1)],
      manyStringValues: ["x", ""],
    });
    // bytes may come back as another subclass of Uint8Array
    assert.deepEqual(plain(All.decode(All.encode(all).finish())), plain(all));
  });

  test("a time before 1970 is encoded as the other implementations expect: nanoseconds are never negative", () => {
    const bytes = All.encode(All.fromPartial({ manyTimes: [new Date(-1_500)] })).finish();
    // field 73 of length 16: seconds = -2 in ten bytes, nanos = 500,000,000
    assert.equal(Buffer.from(bytes).toString("hex"), "ca041108feffffffffffffffff011080cab5ee01");
  });

  test("proto2: defaults, required and closed presence", () => {
    const old = Old.fromPartial({ name: "n", mode: Old_Mode.SLOW, numbers: [1, 2], packedNumbers: [3], nested: { name: "inner" } });
    assert.deepEqual(Old.decode(Old.encode(old).finish()), old);
    assert.equal(Buffer.from(Old.encode(Old.fromPartial({})).finish()).toString("hex"), "0a00", "a required field is always there");
    assert.deepEqual([Old.fromPartial({}).level, Old.fromPartial({}).big], [7, -9_000_000_000n]);
  });

  test("edition 2023: presence, packing and delimited messages as its features say", () => {
    const newer = Newer.fromPartial({
      name: "",
      level: 0,
      ids: [1n, 2n],
      expanded: [1, 2],
      plain: { depth: 1 },
      delimited: { depth: 2 },
      manyDelimited: [{ depth: 3 }, {}],
      byName: new Map([["a", { depth: 4 }]]),
      choice: { $case: "inner", value: { depth: 5 } },
      must: "",
    });
    const bytes = Newer.encode(newer).finish();
    assert.deepEqual(Newer.decode(bytes), newer);
    const fields = [
      "0a00", // name is present, although empty; level, being 0, is not
      "1a020102", // ids are packed
      "2001" + "2002", // expanded are not
      "2a020801", // plain has a length
      "33" + "0802" + "34", // delimited has none
      "3b" + "0803" + "3c" + "3b" + "3c",
      "42070a0161" + "12020804",
      "52020805",
      "5a00", // must is required
    ];
    assert.equal(Buffer.from(bytes).toString("hex"), fields.join(""));
    assert.equal(Newer.fromPartial({}).name, undefined);
  });

  test("field names that every object has, left out: they have their defaults", () => {
    const fields = Fields.fromPartial({});
    assert.deepEqual(
      [fields.constructorField, fields.toStringField, fields.hasOwnPropertyField, fields.proto, fields.maxHp],
      ["", "", 0, "", ""],
    );
    assert.deepEqual(Fields.decode(Fields.encode(fields).finish()), fields);
  });

  test("types named like globals and imports: round trip", () => {
    const map = MapMessage.fromPartial({ x: new Map([["a", { x: new Map() }]]) });
    assert.deepEqual(MapMessage.decode(MapMessage.encode(map).finish()), map);
    const timestamp = Timestamp.fromPartial({ x: "mine", real: new Date(5), s: { a: "b" } });
    assert.deepEqual(Timestamp.decode(Timestamp.encode(timestamp).finish()), timestamp);
    assert.equal(ReadonlyArrayEnum.__proto__Value, 4);
  });

  test("a Struct with the key __proto__ from the wire: an own property, no prototype", () => {
    const hostile = Object.defineProperty({}, "__proto__", { value: { admin: true }, enumerable: true });
    const object = Struct.unwrap(Struct.decode(Struct.encode(Struct.wrap(hostile)).finish()));
    assert.equal(Object.getPrototypeOf(object), Object.prototype);
    assert.equal(object.admin, undefined);
    assert.deepEqual(Object.keys(object), ["__proto__"]);
  });
});

test("an error that a handler throws is the node's to report: stubs let it pass", () => {
  const node = new FakeNode();
  const thrown = new RpcError("NOT_FOUND", "nobody");
  echo.Register(node, () => {
    throw thrown;
  });
  assert.throws(() => node.run("echo", { msg: "" }, context), thrown);
});

function plain(all: All): unknown {
  return JSON.parse(
    JSON.stringify(all, (_, value: unknown) => {
      if (typeof value === "bigint") return `${value}n`;
      if (value instanceof Map) return [...value];
      return value;
    }),
    (_, value: unknown) =>
      typeof value === "object" && value !== null && (value as { type?: string }).type === "Buffer"
        ? (value as { data: number[] }).data
        : value,
  );
}
