import assert from "node:assert/strict";
import { systemClock, systemRandom } from "../../src/internal/system-clock.js";

suite("system clock", () => {
  /** The order in which things run that one timer callback has made due, `ask` among them. */
  function orderOf(ask: (record: (what: string) => void) => void): Promise<string[]> {
    return new Promise((resolve) => {
      const order: string[] = [];
      setTimeout(() => {
        Promise.resolve()
          .then(() => order.push("continuation"))
          .then(() => order.push("its continuation"));
        ask((what) => order.push(what));
        order.push("callback");
        setImmediate(() => setImmediate(() => resolve(order)));
      }, 1);
    });
  }

  test("afterTurn asked for in a callback, runs behind the continuations that the callback made due", async () => {
    const order = await orderOf((record) => systemClock.afterTurn(() => record("after turn")));
    assert.deepEqual(order, ["callback", "continuation", "its continuation", "after turn"]);
  });

  test("afterTurn asked for in a continuation, runs behind all others", async () => {
    const order = await orderOf((record) => {
      Promise.resolve().then(() => {
        systemClock.afterTurn(() => record("after turn"));
        Promise.resolve().then(() => record("asked together"));
      });
    });
    assert.deepEqual(order, ["callback", "continuation", "its continuation", "asked together", "after turn"]);
  });

  test("afterTurn before nextTurn, whichever was asked for first", async () => {
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      systemClock.nextTurn(() => {
        order.push("next turn");
        resolve();
      });
      systemClock.afterTurn(() => order.push("after turn"));
    });
    assert.deepEqual(order, ["after turn", "next turn"]);
  });

  test("a timer keeps the process alive only when asked to, and never fires once cleared", async () => {
    const cleared = systemClock.setTimeout(() => assert.fail("fired"), 1) as NodeJS.Timeout;
    const kept = systemClock.setTimeout(() => {}, 60_000, true) as NodeJS.Timeout;
    assert.deepEqual([cleared.hasRef(), kept.hasRef()], [false, true]);
    systemClock.clearTimeout(cleared);
    systemClock.clearTimeout(kept);
    await new Promise<void>((resolve) => systemClock.setTimeout(resolve, 5, true));
  });

  test("a delay beyond what Node.js knows, waits instead of firing at once", async () => {
    const handle = systemClock.setTimeout(() => assert.fail("fired at once"), 2 ** 31);
    await new Promise<void>((resolve) => systemClock.setTimeout(resolve, 5, true));
    systemClock.clearTimeout(handle);
  });

  test("now is monotonic and passes while the wall clock reads milliseconds since 1970", async () => {
    const before = systemClock.now();
    await new Promise<void>((resolve) => systemClock.setTimeout(resolve, 5, true));
    assert.ok(systemClock.now() - before >= 4);
    assert.ok(Math.abs(systemClock.wallClock() - Date.now()) < 1_000);
  });
});

suite("system random", () => {
  test("next is in [0, 1) and varies; bytes have the length asked for, their own memory, and vary", () => {
    const numbers = Array.from({ length: 100 }, () => systemRandom.next());
    assert.ok(numbers.every((number) => number >= 0 && number < 1));
    assert.ok(new Set(numbers).size > 90);
    const [one, other] = [systemRandom.bytes(16), systemRandom.bytes(16)];
    assert.deepEqual([one.length, one.buffer.byteLength, systemRandom.bytes(0).length], [16, 16, 0]);
    assert.notDeepEqual(one, other);
  });
});
