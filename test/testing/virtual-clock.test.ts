import assert from "node:assert/strict";
import { drive } from "../../src/testing/driver.js";
import { ProcessClock } from "../../src/testing/process-clock.js";
import { VirtualClock, WALL_START_MS } from "../../src/testing/virtual-clock.js";

/** Runs until nothing is left. */
async function runAll(clock: VirtualClock): Promise<void> {
  await drive({ clock, isOver: () => clock.nextAt === undefined, limitAt: () => Number.POSITIVE_INFINITY });
}

suite("virtual clock", () => {
  test("timers, fire in order of time, those of one time in the order in which they were asked for", async () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    for (const [name, ms] of [
      ["c", 3],
      ["a", 1],
      ["d", 3],
      ["b", 1.5],
      ["e", 1_000_000],
    ] as const) {
      clock.setTimeout(() => seen.push(`${name} ${clock.now()}`), ms);
    }
    await runAll(clock);
    assert.deepEqual(seen, ["a 1", "b 1.5", "c 3", "d 3", "e 1000000"]);
  });

  test("a turn's own work, comes before anything else that is due, and behind its promise continuations", async () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    clock.nextTurn(() => {
      seen.push("turn");
      clock.nextTurn(() => seen.push("next turn"));
      clock.afterTurn(() => seen.push("after turn"));
      void Promise.resolve().then(async () => {
        await undefined;
        seen.push("continuation");
        process.nextTick(() => seen.push("tick"));
      });
    });
    clock.nextTurn(() => seen.push("other"));
    await runAll(clock);
    assert.deepEqual(seen, ["turn", "continuation", "tick", "after turn", "other", "next turn"]);
  });

  test("thousands of timers, half of them cleared, come in order", async () => {
    const clock = new VirtualClock();
    const due: number[] = [];
    const timers = Array.from({ length: 5_000 }, (_, index) => {
      const ms = (index * 7_919) % 4_999;
      return clock.setTimeout(() => due.push(ms), ms);
    });
    for (const [index, timer] of timers.entries()) if (index % 2 === 0) clock.clearTimeout(timer);
    await runAll(clock);
    assert.equal(due.length, 2_500);
    assert.deepEqual(
      due,
      [...due].sort((a, b) => a - b),
    );
  });

  test("work that breeds work without time passing, is an error", async () => {
    const clock = new VirtualClock();
    const again = (): void => clock.nextTurn(again);
    again();
    await assert.rejects(runAll(clock), /an endless loop/);
  });
});

suite("process clock", () => {
  test("delays, are whole milliseconds and one at least, as in Node.js", async () => {
    const world = new VirtualClock();
    const clock = new ProcessClock(world);
    const seen: number[] = [];
    for (const ms of [5.9, 0, 0.5, 2]) clock.setTimeout(() => seen.push(world.now()), ms);
    await runAll(world);
    assert.deepEqual(seen, [1, 1, 2, 5]);
  });

  test("stopped, nothing runs; going on, what was due runs in its order and what was cleared does not", async () => {
    const world = new VirtualClock();
    const clock = new ProcessClock(world);
    const seen: string[] = [];
    clock.setTimeout(() => seen.push(`one ${world.now()}`), 1);
    const cleared = clock.setTimeout(() => seen.push("cleared"), 2);
    clock.setTimeout(() => {
      seen.push(`two ${world.now()}`);
      clock.clearTimeout(cleared);
    }, 1);
    clock.setTimeout(() => seen.push(`late ${world.now()}`), 500);
    clock.stop();
    world.setTimeout(() => clock.resume(), 100);
    await runAll(world);
    assert.deepEqual(seen, ["one 100", "two 100", "late 500"]);
    assert.equal(clock.armedTimers, 0);
  });

  test("killed, nothing of it runs again, what it asks for later neither", async () => {
    const world = new VirtualClock();
    const clock = new ProcessClock(world);
    const seen: string[] = [];
    clock.setTimeout(() => seen.push("before"), 5);
    clock.kill();
    clock.setTimeout(() => seen.push("after"), 5);
    clock.afterTurn(() => seen.push("turn"));
    await runAll(world);
    assert.deepEqual([seen, clock.armedTimers], [[], 0]);
  });

  test("a jump of the wall clock, moves no timer", () => {
    const clock = new ProcessClock(new VirtualClock());
    clock.jumpWallClock(-5_000);
    assert.deepEqual([clock.wallClock(), clock.now()], [WALL_START_MS - 5_000, 0]);
  });
});
