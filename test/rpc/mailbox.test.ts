import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import fc from "fast-check";
import { InvalidOptionsError, RpcError } from "../../src/errors.js";
import { Deferred } from "../../src/internal/deferred.js";
import { type Mailbox, mailbox } from "../../src/rpc/mailbox.js";
import { FakeClock } from "../support/fake-clock.js";

/** Lets all continuations run that are due. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Expects an `RpcError` that says that the task has not run. */
async function notRun(promise: Promise<unknown>, code: string, reason: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(RpcError.is(error), String(error));
    assert.deepEqual([error.code, error.execution], [code, "notRun"]);
    assert.match(error.message, reason);
    return true;
  });
}

suite("mailbox", () => {
  test("tasks of one key, begin one after the other in order of arrival; the first at once", async () => {
    const rooms = mailbox();
    const gates = [new Deferred<void>(), new Deferred<void>(), new Deferred<void>()];
    const log: string[] = [];
    const results = gates.map((gate, i) =>
      rooms.run("lobby", async () => {
        log.push(`begin ${i}`);
        await gate.promise;
        log.push(`end ${i}`);
        return i;
      }),
    );
    assert.deepEqual(log, ["begin 0"]);
    for (const gate of gates.toReversed()) gate.resolve(); // the last one would end first
    assert.deepEqual(await Promise.all(results), [0, 1, 2]);
    assert.deepEqual(log, ["begin 0", "end 0", "begin 1", "end 1", "begin 2", "end 2"]);
  });

  test("tasks of different keys, run side by side; 7, 7n and the text are three keys", async () => {
    const rooms = mailbox();
    const gate = new Deferred<void>();
    let running = 0;
    const all = [7, 7n, "7", {}, {}].map((key) =>
      rooms.run(key, () => {
        running++;
        return gate.promise;
      }),
    );
    assert.equal(running, 5);
    assert.equal(rooms.status().keys, 5);
    gate.resolve();
    await Promise.all(all);
    assert.equal(rooms.status().keys, 0);
  });

  test("a task that throws or rejects, fails alone and the next one runs", async () => {
    const rooms = mailbox();
    const first = rooms.run(1, () => {
      throw new Error("thrown");
    });
    const second = rooms.run(1, async () => {
      await settled();
      throw new Error("rejected");
    });
    const third = rooms.run(1, () => "fine");
    await assert.rejects(first, /^Error: thrown$/);
    await assert.rejects(second, /^Error: rejected$/);
    assert.equal(await third, "fine");
  });

  test("a queue of tasks that end in the turn in which they begin, is no recursion", async () => {
    const rooms = mailbox({ maxQueued: 50_000 });
    const gate = new Deferred<void>();
    const first = rooms.run("k", () => gate.promise);
    const rest = Array.from({ length: 50_000 }, (_, i) => rooms.run("k", () => i));
    gate.resolve();
    await first;
    assert.equal((await Promise.all(rest)).at(-1), 49_999);
  });

  test("300,000 keys that come and go, leave nothing behind", async () => {
    const rooms = mailbox<number>();
    for (let i = 0; i < 300_000; i++) void rooms.run(i, () => undefined);
    assert.deepEqual({ ...rooms.status(), started: 0 }, { ...mailbox().status() });
    assert.equal(rooms.status().started, 300_000);
    const later = Array.from({ length: 10_000 }, (_, i) => rooms.run(i % 5_000, settled));
    assert.equal(rooms.status().keys, 5_000);
    await Promise.all(later);
    assert.equal(rooms.status().keys, 0);
  });

  suite("no room", () => {
    test("one task more than may wait for a key, is refused with key, count and limit; other keys are not", async () => {
      const rooms = mailbox({ name: "rooms", maxQueued: 2 });
      const gate = new Deferred<void>();
      const taken = [1, 2, 3].map(() => rooms.run("lobby", () => gate.promise));
      await notRun(
        rooms.run("lobby", () => assert.fail("it ran")),
        "RESOURCE_EXHAUSTED",
        /^mailbox "rooms" lets 2 tasks wait for "lobby", and they do; call less at once, or raise its maxQueued$/,
      );
      assert.equal(await rooms.run("other", () => "fine"), "fine");
      gate.resolve();
      await Promise.all(taken);
      assert.equal(rooms.status().refused, 1);
    });

    test("one task more than may wait for all keys, is refused with both counts", async () => {
      const rooms = mailbox({ maxQueuedTotal: 2 });
      const gate = new Deferred<void>();
      const taken = ["a", "b", "a", "b"].map((key) => rooms.run(key, () => gate.promise));
      await notRun(
        rooms.run("a", () => assert.fail("it ran")),
        "RESOURCE_EXHAUSTED",
        /^mailbox "mailbox" lets 2 tasks wait, and they do, for 2 keys; .* maxQueuedTotal$/,
      );
      gate.resolve();
      await Promise.all(taken);
    });

    test("with drop-oldest, the task that waited longest fails in place of the new one", async () => {
      const rooms = mailbox({ maxQueued: 2, overflow: "drop-oldest" });
      const gate = new Deferred<void>();
      const [running, oldest, newer] = [0, 1, 2].map((i) => rooms.run("k", () => gate.promise.then(() => i)));
      const newest = rooms.run("k", () => 3);
      await notRun(oldest!, "RESOURCE_EXHAUSTED", /^a newer one took its place: mailbox "mailbox" lets 2 tasks wait for "k"/);
      gate.resolve();
      assert.deepEqual(await Promise.all([running, newer, newest]), [0, 2, 3]);
    });

    test("with drop-oldest and nothing of its own key waiting, the new one is refused", async () => {
      const rooms = mailbox({ maxQueuedTotal: 1, overflow: "drop-oldest" });
      const gate = new Deferred<void>();
      const taken = ["a", "b", "a"].map((key) => rooms.run(key, () => gate.promise));
      await notRun(
        rooms.run("b", () => assert.fail("it ran")),
        "RESOURCE_EXHAUSTED",
        /lets 1 tasks wait, and they do, for 2 keys/,
      );
      gate.resolve();
      await Promise.all(taken);
    });
  });

  suite("a task's own key", () => {
    const ownKey =
      /^Error: a task of "k" asks mailbox "mailbox" for its own key, and would wait for itself; do the work in it, or pass detached/;

    test("a task that asks for its own key, is told at once; also from within a task of another key or mailbox", async () => {
      const rooms = mailbox();
      const players = mailbox();
      await assert.rejects(
        rooms.run("k", () => rooms.run("k", () => assert.fail("it ran"))),
        ownKey,
      );
      await assert.rejects(
        rooms.run("k", async () => {
          await settled();
          await rooms.run("other", () => players.run("k", () => rooms.run("k", () => assert.fail("it ran"))));
        }),
        ownKey,
      );
      assert.equal(rooms.status().keys, 0);
    });

    test("the same key in another mailbox, is another key", async () => {
      const [rooms, players] = [mailbox(), mailbox()];
      assert.equal(await rooms.run("k", () => players.run("k", () => "fine")), "fine");
    });

    test("a detached task of the own key, runs when this one is done", async () => {
      const rooms = mailbox();
      const log: string[] = [];
      let later: Promise<unknown> | undefined;
      await rooms.run("k", async () => {
        later = rooms.run("k", () => log.push("later"), { detached: true });
        await settled();
        log.push("now");
      });
      await later;
      assert.deepEqual(log, ["now", "later"]);
    });

    test("what outlives a task, may ask for its key", async () => {
      const rooms = mailbox();
      const over = new Deferred<void>();
      let later: Promise<string> | undefined;
      await rooms.run("k", () => {
        later = over.promise.then(() => rooms.run("k", () => "fine"));
      });
      over.resolve();
      assert.equal(await later, "fine");
    });

    test("tasks that each start the next one, hold on to none that is over", async () => {
      const rooms = mailbox<number>();
      const gc = globalThis.gc!;
      let first: WeakRef<object> | undefined;
      let left = 1_000;
      const last = new Deferred<void>();
      const step = async (): Promise<void> => {
        const own = { left };
        first ??= new WeakRef(own);
        await settled();
        left--;
        if (left === 0) last.resolve();
        else void rooms.run(left, step); // within this task, which it outlives
        await settled();
        assert.ok(own.left > 0);
      };
      await rooms.run(left, step);
      await last.promise;
      await rooms.idle();
      await settled();
      gc();
      assert.equal(first!.deref(), undefined);
    });
  });

  test("a task that waited, runs in the asynchronous context in which it was ordered", async () => {
    const rooms = mailbox();
    const trace = new AsyncLocalStorage<string>();
    const gate = new Deferred<void>();
    const traces = ["first", "second", "third"].map((name) =>
      trace.run(name, () => rooms.run("k", () => gate.promise.then(() => trace.getStore()))),
    );
    gate.resolve();
    assert.deepEqual(await Promise.all(traces), ["first", "second", "third"]);
  });

  test("an aborted signal, takes the task out of the queue; one that has begun goes on", async () => {
    const rooms = mailbox();
    const gate = new Deferred<string>();
    const [abort, abortRunning] = [new AbortController(), new AbortController()];
    const running = rooms.run("k", () => gate.promise, { signal: abortRunning.signal });
    const waiting = rooms.run("k", () => assert.fail("it ran"), { signal: abort.signal });
    abort.abort(new Error("no longer needed"));
    abortRunning.abort();
    await notRun(waiting, "CANCELLED", /^not begun: waiting for "k" ended: no longer needed$/);
    await notRun(
      rooms.run("free", () => assert.fail("it ran"), { signal: abort.signal }),
      "CANCELLED",
      /no longer needed$/,
    );
    assert.deepEqual([rooms.status().queued, rooms.status().withdrawn, rooms.status().keys], [0, 2, 1]);
    gate.resolve("done");
    assert.equal(await running, "done");
  });

  test("a task that never settles, blocks its key only and stands in the status with its age", async () => {
    const clock = new FakeClock();
    const rooms = mailbox({ clock });
    void rooms.run("stuck", () => new Promise(() => {}));
    await clock.advance(70_000);
    void rooms.run("younger", () => new Promise(() => {}));
    const behind = rooms.run("stuck", () => assert.fail("it ran"));
    assert.equal(await rooms.run("free", () => "fine"), "fine");
    assert.deepEqual(rooms.status().longestRunning, { key: '"stuck"', runningMs: 70_000, queued: 1 });
    rooms.destroy("enough");
    await notRun(behind, "CANCELLED", /^not begun: waiting for "stuck" ended: enough$/);
  });

  test("close, takes nothing new and resolves when all that it had is done", async () => {
    const rooms = mailbox({ name: "rooms" });
    const gate = new Deferred<void>();
    const log: string[] = [];
    const tasks = ["a", "a", "b"].map((key) => rooms.run(key, () => gate.promise.then(() => log.push(key))));
    const closed = rooms.close().then(() => log.push("closed"));
    await notRun(
      rooms.run("c", () => assert.fail("it ran")),
      "CANCELLED",
      /^mailbox "rooms" is closed$/,
    );
    await settled();
    assert.deepEqual(log, []);
    gate.resolve();
    await closed;
    assert.deepEqual(log.toSorted(), ["a", "a", "b", "closed"]);
    assert.equal(log.at(-1), "closed");
    await Promise.all(tasks);
    await rooms.idle();
  });

  test("options that cannot work, are refused with all faults", () => {
    assert.throws(
      () => mailbox({ maxQueued: -1, overflow: "newest" as "reject", bound: 3 } as object),
      (error) => error instanceof InvalidOptionsError && error.faults.length === 3,
    );
  });

  test("any order of tasks, ends and aborts, agrees with a list per key", async () => {
    const action = fc.oneof(
      { weight: 4, arbitrary: fc.record({ type: fc.constant("run" as const), key: fc.integer({ min: 0, max: 2 }), isSync: fc.boolean() }) },
      { weight: 4, arbitrary: fc.record({ type: fc.constant("end" as const), key: fc.integer({ min: 0, max: 2 }), fails: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant("abort" as const), nth: fc.nat(30) }) },
    );
    const limits = fc.record({
      maxQueued: fc.integer({ min: 0, max: 3 }),
      maxQueuedTotal: fc.integer({ min: 0, max: 5 }),
      overflow: fc.constantFrom("reject" as const, "drop-oldest" as const),
    });
    await fc.assert(
      fc.asyncProperty(limits, fc.array(action, { maxLength: 60 }), async (options, actions) => {
        const model = new Model(options);
        const real = new Real(mailbox(options));
        for (const each of actions) {
          model.apply(each);
          real.apply(each);
          await settled();
          assert.deepEqual(real.log, model.log);
          assert.deepEqual(real.state, model.state);
        }
        for (let key = 0; key < 3; key++)
          while (model.lists[key]!.length > 0) {
            model.apply({ type: "end", key, fails: false });
            real.apply({ type: "end", key, fails: false });
            await settled();
          }
        assert.deepEqual(real.log, model.log);
        assert.deepEqual(real.state, { keys: 0, queued: 0 });
        await real.rooms.idle();
      }),
      { numRuns: 300 },
    );
  });
});

type Action = { type: "run"; key: number; isSync: boolean } | { type: "end"; key: number; fails: boolean } | { type: "abort"; nth: number };

/** What happens to tasks, numbered as they come: `+1` begins, `=1` ends, `!1` fails, `-1` is refused, `x1` is withdrawn. */
class Model {
  /** By key; the first one runs. */
  readonly lists: { id: number; isSync: boolean }[][] = [[], [], []];
  readonly log: string[] = [];
  #tasks = 0;
  readonly #options: { maxQueued: number; maxQueuedTotal: number; overflow: string };

  constructor(options: { maxQueued: number; maxQueuedTotal: number; overflow: string }) {
    this.#options = options;
  }

  get state(): { keys: number; queued: number } {
    const keys = this.lists.filter((list) => list.length > 0).length;
    return { keys, queued: this.lists.reduce((sum, list) => sum + list.length, 0) - keys };
  }

  apply(action: Action): void {
    if (action.type === "run") this.#run(this.lists[action.key]!, { id: this.#tasks++, isSync: action.isSync });
    else if (action.type === "end") this.#end(this.lists[action.key]!, action.fails);
    else
      for (const list of this.lists) {
        const at = list.findIndex(({ id }) => id === action.nth);
        if (at <= 0) continue;
        list.splice(at, 1);
        this.log.push(`x${action.nth}`);
      }
  }

  #run(list: { id: number; isSync: boolean }[], task: { id: number; isSync: boolean }): void {
    const { maxQueued, maxQueuedTotal, overflow } = this.#options;
    if (list.length === 0) {
      list.push(task);
      this.#begin(list);
    } else if (list.length - 1 < maxQueued && this.state.queued < maxQueuedTotal) {
      list.push(task);
    } else if (overflow === "drop-oldest" && list.length > 1) {
      this.log.push(`-${list.splice(1, 1)[0]!.id}`);
      list.push(task);
    } else {
      this.log.push(`-${task.id}`);
    }
  }

  #begin(list: { id: number; isSync: boolean }[]): void {
    for (let task = list[0]; task !== undefined; task = list[0]) {
      this.log.push(`+${task.id}`);
      if (!task.isSync) return;
      this.log.push(`=${task.id}`);
      list.shift();
    }
  }

  #end(list: { id: number; isSync: boolean }[], fails: boolean): void {
    const task = list.shift();
    if (task === undefined) return;
    this.log.push(`${fails ? "!" : "="}${task.id}`);
    this.#begin(list);
  }
}

class Real {
  readonly rooms: Mailbox<number>;
  readonly log: string[] = [];
  readonly #gates = new Map<number, Deferred<void>>();
  readonly #aborts: AbortController[] = [];

  constructor(rooms: Mailbox<number>) {
    this.rooms = rooms;
  }

  get state(): { keys: number; queued: number } {
    const { keys, queued } = this.rooms.status();
    return { keys, queued };
  }

  apply(action: Action): void {
    if (action.type === "run") this.#run(action.key, action.isSync);
    else if (action.type === "abort") this.#aborts[action.nth]?.abort();
    else {
      const gate = this.#gates.get(action.key);
      if (action.fails) gate?.reject(new Error("failed"));
      else gate?.resolve();
    }
  }

  #run(key: number, isSync: boolean): void {
    const abort = new AbortController();
    const id = this.#aborts.push(abort) - 1;
    let begun = false;
    const task = (): void | Promise<void> => {
      begun = true;
      this.log.push(`+${id}`);
      if (isSync) return void this.log.push(`=${id}`);
      const gate = new Deferred<void>();
      this.#gates.set(key, gate);
      return gate.promise.then(
        () => void this.log.push(`=${id}`),
        (error: unknown) => {
          this.log.push(`!${id}`);
          throw error;
        },
      );
    };
    this.rooms.run(key, task, { signal: abort.signal }).catch((error: unknown) => {
      if (begun) return;
      assert.ok(RpcError.is(error) && error.execution === "notRun");
      this.log.push(`${error.code === "CANCELLED" ? "x" : "-"}${id}`);
    });
  }
}
