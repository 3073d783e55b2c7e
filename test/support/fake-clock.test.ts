import assert from "node:assert/strict";
import { FakeClock } from "./fake-clock.js";
import { SeededRandom } from "./seeded-random.js";

suite("fake clock", () => {
  test("two timers and one that the first starts, fire in order of time, each at its own time", async () => {
    const clock = new FakeClock();
    const seen: string[] = [];
    clock.setTimeout(() => seen.push(`late ${clock.now()}`), 30);
    clock.setTimeout(() => {
      seen.push(`early ${clock.now()}`);
      clock.setTimeout(() => seen.push(`nested ${clock.now()}`), 5);
    }, 10);
    await clock.advance(29);
    assert.deepEqual(seen, ["early 10", "nested 15"]);
    assert.equal(clock.nextTimerMs, 1);
    await clock.advance(1);
    assert.deepEqual(seen, ["early 10", "nested 15", "late 30"]);
    assert.equal(clock.pendingTimers, 0);
  });

  test("a timer that a promise continuation of another clears, does not fire", async () => {
    const clock = new FakeClock();
    let fired = false;
    const later = clock.setTimeout(() => {
      fired = true;
    }, 2);
    clock.setTimeout(() => void Promise.resolve().then(() => clock.clearTimeout(later)), 1);
    await clock.advance(10);
    assert.equal(fired, false);
  });

  test("afterTurn, runs behind promise continuations and without time passing", async () => {
    const clock = new FakeClock();
    const seen: string[] = [];
    clock.afterTurn(() => seen.push("turn"));
    void Promise.resolve().then(() => seen.push("promise"));
    await clock.settle();
    assert.deepEqual([seen, clock.now()], [["promise", "turn"], 0]);
  });
});

suite("seeded random", () => {
  test("the same seed, gives the same numbers; another seed others", () => {
    const take = (seed: number): number[] => {
      const random = new SeededRandom(seed);
      return Array.from({ length: 20 }, () => random.next());
    };
    assert.deepEqual(take(7), take(7));
    assert.notDeepEqual(take(7), take(8));
    assert.ok(take(7).every((value) => value >= 0 && value < 1));
    assert.deepEqual(new SeededRandom(1).bytes(8), new SeededRandom(1).bytes(8));
  });
});
