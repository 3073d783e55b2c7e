import assert from "node:assert/strict";
import { RpcError } from "../../src/errors.js";
import { MemoryNodes } from "../support/memory-nodes.js";
import { textMethod } from "../support/text-method.js";

const slow = textMethod("test/slow");
const throwing = textMethod("test/throwing");

/** What anybody may give as a reason, or throw, and nobody can show. */
const ODD: readonly (readonly [string, () => unknown])[] = [
  ["an object without a prototype", () => Object.create(null)],
  [
    "an error whose message throws",
    () =>
      Object.defineProperty(new Error("x"), "message", {
        get() {
          throw new Error("no");
        },
      }),
  ],
  [
    "a proxy that throws",
    () =>
      new Proxy(new Error("x"), {
        get() {
          throw new Error("no");
        },
      }),
  ],
];

suite("reasons that cannot be shown", () => {
  for (const [what, make] of ODD) {
    test(`${what} as the reason of a signal, cancels all its calls`, async () => {
      await using nodes = new MemoryNodes();
      await nodes.start("1.1.1", (node) => node.handle(slow, () => new Promise(() => {})));
      const caller = await nodes.start("1.2.1");
      const abort = new AbortController();
      const calls = [1, 2, 3].map(() => caller.invoke("1.1.1", slow, { text: "" }, { signal: abort.signal }));
      const ended = Promise.allSettled(calls);
      await nodes.clock.advance(100);
      abort.abort(make());
      const codes = (await ended).map((outcome) => outcome.status === "rejected" && RpcError.is(outcome.reason) && outcome.reason.code);
      assert.deepEqual(codes, ["CANCELLED", "CANCELLED", "CANCELLED"]);
      await assert.rejects(caller.invoke("1.1.1", slow, { text: "" }, { signal: abort.signal }), {
        code: "CANCELLED",
        execution: "notRun",
      });
    });

    test(`${what} thrown by a handler, is answered INTERNAL`, async () => {
      await using nodes = new MemoryNodes();
      const callee = await nodes.start("1.1.1", (node) =>
        node.handle(throwing, async () => {
          throw make();
        }),
      );
      const caller = await nodes.start("1.2.1");
      const failed = assert.rejects(caller.invoke("1.1.1", throwing, { text: "" }), { code: "INTERNAL", execution: "ran" });
      await nodes.clock.advance(100);
      await failed;
      assert.equal(callee.status().handlersRunning, 0);
    });
  }
});
