/** The time of one node in a script: it moves when the script says so, and what belongs to a turn runs when the script ends the turn. */
import type { Clock, TimerHandle } from "../../../src/internal/clock.js";

interface ScriptTimer {
  readonly dueAt: number;
  readonly callback: () => void;
}

export class ScriptClock implements Clock {
  readonly #timers = new Set<ScriptTimer>();
  #turn: (() => void)[] = [];
  #now = 0;

  now(): number {
    return this.#now;
  }

  wallClock(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, ms: number): TimerHandle {
    const timer: ScriptTimer = { dueAt: this.#now + ms, callback };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(handle: TimerHandle): void {
    this.#timers.delete(handle as ScriptTimer);
  }

  afterTurn(callback: () => void): void {
    this.#turn.push(callback);
  }

  nextTurn(callback: () => void): void {
    this.#turn.push(callback);
  }

  /** Runs what belongs to the turn; false when there was nothing. */
  endTurn(): boolean {
    const callbacks = this.#turn;
    this.#turn = [];
    for (const callback of callbacks) callback();
    return callbacks.length > 0;
  }

  /** When the next timer is due, `Infinity` without one. */
  get nextAt(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { dueAt } of this.#timers) next = Math.min(next, dueAt);
    return next;
  }

  /** Time passes; timers are left for {@link fire}. */
  pass(ms: number): void {
    this.#now += ms;
  }

  /** It is `at` now, and timers that are due then fire. */
  fire(at: number): void {
    this.#now = Math.max(this.#now, at);
    for (const timer of [...this.#timers]) if (timer.dueAt <= at && this.#timers.delete(timer)) timer.callback();
  }
}
