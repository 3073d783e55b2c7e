import assert from "node:assert/strict";
import { inspect } from "node:util";
import { parseAddress } from "../src/addr/logical-address.js";
import { RpcError } from "../src/errors.js";
import { rpcError } from "../src/rpc/failure.js";

const call = { method: "game.Chat/say", to: parseAddress("1.3.7"), self: parseAddress("1.2.1") };
const LINE = "UNAVAILABLE calling game.Chat/say on 1.3.7 from 1.2.1 (notRun): dial 10.0.1.7:8011: connection refused; is it up?";

function refused(cause?: unknown): RpcError {
  return rpcError(call, "UNAVAILABLE", "notRun", "dial 10.0.1.7:8011: connection refused; is it up?", { cause });
}

suite("an RpcError that cannot be", () => {
  for (const code of ["OK", "", 14, undefined, { toString: () => "UNAVAILABLE" }])
    test(`with the code ${JSON.stringify(code)}, is a TypeError that lists the codes`, () => {
      assert.throws(() => new RpcError(code as string, "no"), { name: "TypeError", message: /one of CANCELLED, .*UNAUTHENTICATED; got / });
    });

  for (const appCode of [1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, -(2 ** 31) - 1, "7", 7n])
    test(`with the appCode ${String(appCode)}, is a RangeError`, () => {
      assert.throws(() => new RpcError("ABORTED", "no", { appCode: appCode as number }), {
        name: "RangeError",
        message: /whole number of 32 bits/,
      });
    });

  test("with a code of a newer version or an appCode at the ends of its range, is as it is written", () => {
    assert.equal(new RpcError("TIRED", "no").code, "TIRED");
    for (const appCode of [0, -1, 2 ** 31 - 1, -(2 ** 31)]) assert.equal(new RpcError("ABORTED", "no", { appCode }).appCode, appCode);
  });
});

suite("an RpcError in print", () => {
  test("as a string, is one line", () => {
    assert.equal(String(refused()), `RpcError: ${LINE}`);
  });

  test("on the console, has the line, the frames outside of the library, and each cause in a line", () => {
    const system = Object.assign(new Error("connect ECONNREFUSED 10.0.1.7:8011"), { code: "ECONNREFUSED" });
    const lines = inspect(refused(new Error("dial 10.0.1.7:8011: ECONNREFUSED", { cause: system }))).split("\n");
    assert.equal(lines[0], `RpcError: ${LINE}`);
    assert.match(lines[1] ?? "", /errors\.test\.ts/);
    assert.equal(
      lines.some((line) => line.includes("/src/")),
      false,
      "no frame of the library",
    );
    assert.deepEqual(lines.slice(-2), [
      "  cause: Error: dial 10.0.1.7:8011: ECONNREFUSED",
      "  cause: Error: connect ECONNREFUSED 10.0.1.7:8011",
    ]);
  });

  test("on the console with what the line does not say, has it too", () => {
    const error = new RpcError("ABORTED", "no", {
      method: "a.B/c",
      appCode: 7,
      details: Uint8Array.of(1),
      path: ["1.255.1", "2.255.1"],
      cause: "x",
    });
    const lines = inspect(error).split("\n");
    assert.deepEqual(lines.slice(-4), ["  appCode: 7", "  details: Uint8Array(1) [ 1 ]", "  path: 1.255.1 > 2.255.1", "  cause: 'x'"]);
  });

  test("on the console, thrown by the application, has its code and its cause in full", () => {
    const text = inspect(new RpcError("NOT_FOUND", "no such room", { cause: new TypeError("below") }));
    assert.match(text, /^RpcError: no such room\n {4}at .*errors\.test\.ts/);
    assert.match(text, /\n {2}code: NOT_FOUND\n {2}cause: TypeError: below\n {6}at .*errors\.test\.ts/);
  });

  test("a circle of causes, ends", () => {
    const one = new Error("one");
    one.cause = new Error("two", { cause: one });
    assert.equal(inspect(refused(one)).match(/ {2}cause: /g)?.length, 8);
  });

  test("inside of other things, stays readable", () => {
    assert.match(inspect({ deep: { deeper: { error: refused() } } }, { depth: 5 }), /UNAVAILABLE calling/);
  });

  test("as JSON, has every field and no stack", () => {
    const error = new RpcError("ABORTED", "no", {
      method: "a.B/c",
      peer: "1.3.7",
      execution: "ran",
      appCode: 7,
      details: Uint8Array.of(1, 255),
      path: ["1.255.1"],
      cause: new Error("x"),
    });
    assert.deepEqual(JSON.parse(JSON.stringify({ error })), {
      error: {
        name: "RpcError",
        message: "no",
        code: "ABORTED",
        appCode: 7,
        details: "01ff",
        reason: "no",
        execution: "ran",
        peer: "1.3.7",
        method: "a.B/c",
        path: ["1.255.1"],
      },
    });
  });

  test("of another installed copy, is one", () => {
    class Copy extends Error {
      override name = "RpcError";
      code = "ABORTED";
      execution = "ran";
    }
    assert.ok(RpcError.is(new Copy()));
    assert.ok(RpcError.is(refused()));
    assert.equal(RpcError.is(new Error("RpcError")), false);
    assert.equal(RpcError.is({ name: "RpcError", code: "ABORTED", execution: "ran" }), false);
  });
});
