import assert from "node:assert/strict";
import { Turnstile } from "../../src/gateway/listen/turnstile.js";
import type { Clock } from "../../src/internal/clock.js";

/** A clock that moves when the test says so, with one timer. */
class HandClock implements Clock {
  at = 1_000;
  due: { readonly at: number; readonly callback: () => void } | undefined;

  now(): number {
    return this.at;
  }

  wallClock(): number {
    return this.at;
  }

  setTimeout(callback: () => void, ms: number): unknown {
    this.due = { at: this.at + ms, callback };
    return this.due;
  }

  clearTimeout(): void {
    this.due = undefined;
  }

  afterTurn(): void {
    throw new Error("not used");
  }

  nextTurn(): void {
    throw new Error("not used");
  }

  /** To the timer, which fires. */
  runOn(): void {
    const { due } = this;
    assert.ok(due !== undefined, "no timer");
    this.due = undefined;
    this.at = due.at;
    due.callback();
  }
}

suite("Turnstile", () => {
  const stand = (maxWaiting: number, tookMs: number) => {
    const clock = new HandClock();
    const passed: number[] = [];
    const turnedAway: number[] = [];
    const turnstile = new Turnstile<number>(
      maxWaiting,
      clock,
      (newcomer) => {
        clock.at += tookMs;
        passed.push(newcomer);
      },
      (newcomer) => turnedAway.push(newcomer),
    );
    return { clock, passed, turnedAway, turnstile };
  };

  test("newcomers now and then, are let in at once, however many they are", () => {
    const { clock, passed, turnstile } = stand(1, 1);
    for (let newcomer = 0; newcomer < 100; newcomer++) {
      turnstile.enter(newcomer);
      clock.at += 10;
    }
    assert.equal(passed.length, 100);
    assert.equal(clock.due, undefined);
  });

  test("a crowd, is let in in its order and has a quarter of the time", () => {
    const { clock, passed, turnedAway, turnstile } = stand(1_000, 0.5);
    const startedAt = clock.at;
    for (let newcomer = 0; newcomer < 400; newcomer++) turnstile.enter(newcomer);
    assert.equal(passed.length, 4, "2 ms of work");
    while (turnstile.waiting > 0) clock.runOn();
    assert.deepEqual(
      passed,
      Array.from({ length: 400 }, (_, newcomer) => newcomer),
    );
    assert.deepEqual(turnedAway, []);
    const tookMs = clock.at - startedAt;
    assert.ok(tookMs > 700 && tookMs <= 800, `${tookMs} ms for 200 ms of work`);
  });

  test("more than may wait, are turned away; who comes when those who wait have gone on, is let in", () => {
    const { clock, passed, turnedAway, turnstile } = stand(3, 2);
    for (let newcomer = 0; newcomer < 6; newcomer++) turnstile.enter(newcomer);
    assert.deepEqual([passed, turnedAway, turnstile.waiting], [[0], [4, 5], 3]);
    while (clock.due !== undefined) clock.runOn();
    turnstile.enter(6);
    assert.deepEqual(passed, [0, 1, 2, 3, 6]);
  });

  test("cleared, it hands out who waits and begins anew", () => {
    const { clock, passed, turnstile } = stand(3, 2);
    for (let newcomer = 0; newcomer < 3; newcomer++) turnstile.enter(newcomer);
    assert.deepEqual(turnstile.clear(), [1, 2]);
    assert.equal(clock.due, undefined);
    turnstile.enter(9);
    assert.deepEqual(passed, [0, 9]);
  });
});
