import assert from "node:assert/strict";
import { once } from "node:events";
import { RpcError } from "../../src/errors.js";
import { callWithCallback } from "../../src/rpc/call-with-callback.js";
import { type Caller, type CallOptions, type Codec, defineMethod } from "../../src/rpc/service.js";

const method = defineMethod("echo", "unary", {} as Codec<string>, {} as Codec<string>);

/** A node whose calls end as the test says. */
function heldCall() {
  const held = {
    options: undefined as CallOptions | undefined,
    resolve: (_: string): void => undefined,
    reject: (_: unknown): void => undefined,
    node: {
      invoke: (_to: unknown, _method: unknown, _input: unknown, options?: CallOptions) => {
        held.options = options;
        return new Promise((resolve, reject) => {
          held.resolve = resolve;
          held.reject = reject;
        });
      },
      post: () => Promise.reject(new Error("not of interest")),
    } satisfies Caller as Caller,
  };
  return held;
}

/** All that a callback was given, and a promise of the first. */
function recorder() {
  const outcomes: [RpcError | null, string | undefined][] = [];
  let told: () => void = () => undefined;
  const first = new Promise<void>((resolve) => {
    told = resolve;
  });
  const callback = (error: RpcError | null, response?: string) => {
    outcomes.push([error, response]);
    told();
  };
  return { outcomes, first, callback };
}

suite("a call with a callback", () => {
  test("the reply arrives: the callback gets it once, after the function has returned; a cancel is too late", async () => {
    const call = heldCall();
    const { outcomes, first, callback } = recorder();
    const cancel = callWithCallback(call.node, "1.1.1", method, "hi", { timeoutMs: 7 }, callback);
    call.resolve("back");
    assert.equal(outcomes.length, 0);
    await first;
    assert.deepEqual(outcomes, [[null, "back"]]);
    assert.equal(cancel(), false);
    assert.equal(call.options?.timeoutMs, 7);
    assert.equal(call.options?.signal?.aborted, false);
  });

  test("cancelled in time: the call's signal is aborted, the callback gets the node's CANCELLED, a second cancel is too late", async () => {
    const call = heldCall();
    const { outcomes, first, callback } = recorder();
    const cancel = callWithCallback(call.node, "1.1.1", method, "hi", undefined, callback);
    const error = new RpcError("CANCELLED", "by the signal", { execution: "unknown" });
    call.options?.signal?.addEventListener("abort", () => call.reject(error));
    assert.equal(cancel(), true);
    assert.equal(cancel(), false);
    assert.equal(outcomes.length, 0);
    await first;
    assert.equal(outcomes[0]?.[0], error);
    assert.equal(outcomes.length, 1);
  });

  test("cancelled when the reply was on its way already: the callback gets CANCELLED that says it ran", async () => {
    const call = heldCall();
    const { outcomes, first, callback } = recorder();
    const cancel = callWithCallback(call.node, "1.1.1", method, "hi", undefined, callback);
    call.resolve("back");
    assert.equal(cancel(), true);
    await first;
    assert.deepEqual([outcomes[0]?.[0]?.code, outcomes[0]?.[0]?.execution, outcomes[0]?.[1]], ["CANCELLED", "ran", undefined]);
  });

  test("cancelled when another failure was on its way: CANCELLED that keeps execution and cause", async () => {
    const call = heldCall();
    const { outcomes, first, callback } = recorder();
    const cancel = callWithCallback(call.node, "1.1.1", method, "hi", undefined, callback);
    const lost = new RpcError("UNAVAILABLE", "link lost", { execution: "unknown", peer: "1.1.1" });
    call.reject(lost);
    cancel();
    await first;
    const error = outcomes[0]?.[0];
    assert.deepEqual([error?.code, error?.execution, error?.peer, error?.cause], ["CANCELLED", "unknown", "1.1.1", lost]);
  });

  test("the caller's own signal still cancels", () => {
    const call = heldCall();
    const own = new AbortController();
    callWithCallback(call.node, "1.1.1", method, "hi", { signal: own.signal }, () => undefined);
    own.abort();
    assert.equal(call.options?.signal?.aborted, true);
  });

  test("the node throws at once: the callback gets it as INVALID_ARGUMENT that did not run", async () => {
    const { outcomes, first, callback } = recorder();
    const thrown = new TypeError("no address");
    const node = {
      invoke: () => {
        throw thrown;
      },
      post: () => Promise.reject(thrown),
    } satisfies Caller;
    callWithCallback(node, "1.1.1", method, "hi", undefined, callback);
    assert.equal(outcomes.length, 0);
    await first;
    const error = outcomes[0]?.[0];
    assert.deepEqual([error?.code, error?.execution, error?.message, error?.cause], ["INVALID_ARGUMENT", "notRun", "no address", thrown]);
  });

  test("the callback throws: an uncaught exception, not a rejection, and the callback is not called again", async () => {
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException"); // mocha's would fail the run
    try {
      const uncaught = once(process, "uncaughtException");
      const call = heldCall();
      let calls = 0;
      const thrown = new Error("in the callback");
      callWithCallback(call.node, "1.1.1", method, "hi", undefined, () => {
        calls++;
        throw thrown;
      });
      call.resolve("back");
      assert.deepEqual(await uncaught, [thrown, "uncaughtException"]);
      assert.equal(calls, 1);
    } finally {
      for (const listener of listeners) process.on("uncaughtException", listener);
    }
  });
});
