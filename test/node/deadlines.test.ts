import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { Deferred } from "../../src/internal/deferred.js";
import type { ClusterNode } from "../../src/node/node.js";
import type { Context } from "../../src/rpc/service.js";
import { Cluster, failureOf, hostOf } from "../support/cluster.js";
import { echo, noteMethod, sizedNote, textNote } from "../support/note.js";

const hold = noteMethod("hold");
const nested = noteMethod("nested");

interface Scene {
  readonly cluster: Cluster;
  readonly caller: ClusterNode;
  readonly callee: ClusterNode;
  readonly contexts: Context[];
  readonly seen: number[];
  readonly release: Deferred<void>;
}

async function scene(): Promise<Scene> {
  const cluster = new Cluster();
  const contexts: Context[] = [];
  const seen: number[] = [];
  const release = new Deferred<void>();
  const caller = await cluster.start("1.1.1", {}, (node) =>
    node.handle(hold, (_note: unknown, context: Context) => {
      contexts.push(context);
      return new Promise(() => {});
    }),
  );
  const callee = await cluster.start("1.1.2", {}, (node) => {
    node.handle(echo, (note: { data: Uint8Array }) => {
      seen.push(note.data.length);
      return note;
    });
    node.handle(hold, async (note: unknown, context: Context) => {
      contexts.push(context);
      await release.promise;
      return note;
    });
  });
  await cluster.run(caller.invoke("1.1.2", echo, textNote("")));
  seen.length = 0;
  return { cluster, caller, callee, contexts, seen, release };
}

suite("deadlines", () => {
  test("a call that is not answered, fails to the millisecond, as unknown, and aborts its handler; the late result goes nowhere", async () => {
    const { cluster, caller, callee, contexts, release } = await scene();
    const startedAt = cluster.clock.now();
    const failing = failureOf(caller.invoke("1.1.2", hold, textNote(""), { timeoutMs: 137 }));
    await cluster.clock.advance(5);
    const { signal, remainingMs } = contexts[0]!;
    assert.ok(remainingMs > 130 && remainingMs <= 137, `${remainingMs} ms`);
    const error = await cluster.run(failing);
    assert.equal(cluster.clock.now() - startedAt, 137);
    assert.deepEqual([error.code, error.execution], ["DEADLINE_EXCEEDED", "unknown"]);
    await cluster.clock.advance(10);
    assert.equal(signal.aborted, true);
    assert.equal((signal.reason as { code: string }).code, "DEADLINE_EXCEEDED");
    assert.equal(callee.status().requestsInProgress, 0);
    const { framesOut } = callee.status().links[0]!;
    release.resolve();
    await cluster.clock.advance(10);
    assert.equal(callee.status().links[0]!.framesOut, framesOut);
    await cluster.close();
  });

  test("a call that was never sent, fails as notRun", async () => {
    const { cluster, caller } = await scene();
    cluster.network.transport(hostOf("1.1.3"));
    cluster.discovery.put({ address: cluster.make("1.1.3").address, endpoint: `${hostOf("1.1.3")}:8000` });
    await cluster.clock.settle();
    const startedAt = cluster.clock.now();
    const error = await cluster.fails(caller.invoke("1.1.3", echo, textNote(""), { timeoutMs: 700 }));
    assert.deepEqual([error.code, error.execution], ["DEADLINE_EXCEEDED", "notRun"]);
    assert.equal(cluster.clock.now() - startedAt, 700);
    assert.match(error.reason, /connection refused/);
    await cluster.close();
  });

  test("a call inside a handler, inherits the deadline; a detached one does not", async () => {
    const { cluster, caller, callee, contexts } = await scene();
    const codes: string[] = [];
    callee.handle(nested, async (note: { text: string }) => {
      const error = await failureOf(callee.invoke("1.1.1", hold, textNote(""), { timeoutMs: 1_000, detached: note.text === "detached" }));
      codes.push(`${error.code} at ${cluster.clock.now() - startedAt}`);
      throw error;
    });
    let startedAt = cluster.clock.now();
    await cluster.fails(caller.invoke("1.1.2", nested, textNote(""), { timeoutMs: 200 }));
    await cluster.clock.advance(1_500);
    startedAt = cluster.clock.now();
    await cluster.fails(caller.invoke("1.1.2", nested, textNote("detached"), { timeoutMs: 200 }));
    await cluster.clock.advance(1_500);
    assert.match(codes[0]!, /DEADLINE_EXCEEDED at 20[0-9](\.\d+)?$/);
    assert.match(codes[1]!, /DEADLINE_EXCEEDED at 100[0-9](\.\d+)?$/);
    assert.ok(contexts[0]!.deadlineAt <= contexts[1]!.deadlineAt);
    await cluster.close();
  });
});

suite("cancelling", () => {
  test("a signal that is aborted already, sends nothing", async () => {
    const { cluster, caller } = await scene();
    const { framesOut } = caller.status().links[0]!;
    const error = await failureOf(caller.invoke("1.1.2", echo, textNote(""), { signal: AbortSignal.abort(new Error("why not")) }));
    assert.deepEqual([error.code, error.execution], ["CANCELLED", "notRun"]);
    assert.match(error.reason, /why not/);
    await cluster.clock.advance(10);
    assert.equal(caller.status().links[0]!.framesOut, framesOut);
    await cluster.close();
  });

  test("a queued call, is removed and never runs", async () => {
    const { cluster, caller, seen } = await scene();
    cluster.network.reset(hostOf("1.1.1"), hostOf("1.1.2"));
    await cluster.clock.settle();
    const abort = new AbortController();
    const cancelled = failureOf(caller.invoke("1.1.2", echo, sizedNote(11), { signal: abort.signal }));
    const kept = caller.invoke("1.1.2", echo, sizedNote(22));
    abort.abort();
    const error = await cancelled;
    assert.deepEqual([error.code, error.execution], ["CANCELLED", "notRun"]);
    await cluster.run(kept);
    assert.equal(seen.length, 1);
    assert.equal(getEventListeners(abort.signal, "abort").length, 0);
    await cluster.close();
  });

  test("a call that was sent, is cancelled at its handler, also while the peer is shutting down", async () => {
    for (const draining of [false, true]) {
      const { cluster, caller, callee, contexts } = await scene();
      const abort = new AbortController();
      const cancelled = failureOf(caller.invoke("1.1.2", hold, textNote(""), { signal: abort.signal }));
      await cluster.clock.advance(10);
      const { signal } = contexts[0]!;
      const closed = draining ? callee.close() : undefined;
      await cluster.clock.advance(10);
      abort.abort(new Error("changed my mind"));
      const error = await cancelled;
      assert.deepEqual([error.code, error.execution], ["CANCELLED", "unknown"]);
      await cluster.clock.advance(10);
      assert.equal(signal.aborted, true);
      assert.equal(callee.status().requestsInProgress, 0);
      if (closed !== undefined) assert.equal((await cluster.run(closed)).timedOut, false);
      await cluster.close();
    }
  });

  test("a large request of which a part was sent, is taken back and forgotten by the peer; those behind it go on", async () => {
    const { cluster, caller, seen } = await scene();
    cluster.network.shape(hostOf("1.1.1"), hostOf("1.1.2"), { bytesPerSecond: 1_000_000 });
    const abort = new AbortController();
    const size = 3 * 1024 ** 2;
    const cancelled = Array.from({ length: 4 }, () => failureOf(caller.invoke("1.1.2", echo, sizedNote(size), { signal: abort.signal })));
    const small = caller.invoke("1.1.2", echo, sizedNote(10));
    await cluster.clock.advance(300);
    abort.abort();
    for (const error of await Promise.all(cancelled)) assert.deepEqual([error.code, error.execution], ["CANCELLED", "notRun"]);
    await cluster.run(small);
    // More of them than the peer would keep unfinished.
    for (let i = 0; i < 12; i++) {
      const again = new AbortController();
      const failing = failureOf(caller.invoke("1.1.2", echo, sizedNote(size), { signal: again.signal }));
      await cluster.clock.advance(100);
      again.abort();
      await failing;
    }
    await cluster.run(caller.invoke("1.1.2", echo, sizedNote(size)));
    assert.deepEqual(
      seen.map((each) => Math.round(each / 1024)),
      [0, 3072],
    );
    await cluster.close();
  });

  test("many calls with one signal, add one listener; it goes with the last of them, and an abort cancels those that wait", async () => {
    const { cluster, caller } = await scene();
    const abort = new AbortController();
    const { signal } = abort;
    const listeners = (): number => getEventListeners(signal, "abort").length;
    const answered = [11, 12, 13].map((size) => caller.invoke("1.1.2", echo, sizedNote(size), { signal }));
    assert.equal(listeners(), 1);
    await cluster.run(Promise.all(answered));
    assert.equal(listeners(), 0);
    const waiting = [1, 2, 3].map(() => failureOf(caller.invoke("1.1.2", hold, textNote(""), { signal })));
    const last = caller.invoke("1.1.2", echo, sizedNote(14), { signal });
    await cluster.run(last);
    assert.equal(listeners(), 1, "three still wait");
    abort.abort();
    for (const error of await Promise.all(waiting)) assert.equal(error.code, "CANCELLED");
    assert.equal(listeners(), 0);
    await cluster.close();
  });

  test("a call that has settled in any way, leaves no listener on its signal", async () => {
    const { cluster, caller } = await scene();
    const { signal } = new AbortController();
    await cluster.run(caller.invoke("1.1.2", echo, textNote(""), { signal }));
    await cluster.fails(caller.invoke("1.1.2", nested, textNote(""), { signal }));
    await cluster.fails(caller.invoke("1.1.2", hold, textNote(""), { signal, timeoutMs: 50 }));
    await cluster.fails(caller.invoke("1.9.9", hold, textNote(""), { signal, timeoutMs: 50 }));
    await cluster.fails(caller.invoke({ type: 1, policy: "random" }, nested, textNote(""), { signal }));
    const lost = failureOf(caller.invoke("1.1.2", hold, textNote(""), { signal }));
    await cluster.clock.advance(5);
    cluster.network.reset(hostOf("1.1.1"), hostOf("1.1.2"));
    await cluster.run(lost);
    const closed = failureOf(caller.invoke("1.1.1", hold, textNote(""), { signal }));
    await cluster.run(caller.close({ timeoutMs: 10 }));
    await closed;
    assert.equal(getEventListeners(signal, "abort").length, 0);
    await cluster.close();
  });
});
