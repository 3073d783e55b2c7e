/** Lets newcomers in one by one, so that a crowd of them leaves time for those who are there. */
import type { Clock, TimerHandle } from "../../internal/clock.js";

/** Newcomers take so long at a stretch, and then wait for so many times as long. What they cause later has its time there, too. */
const STRETCH_MS = 2;
const REST_FACTOR = 3;

/** Nobody waits while there is time: a newcomer is let in in the turn in which it came. */
export class Turnstile<T> {
  readonly #maxWaiting: number;
  readonly #clock: Clock;
  readonly #letIn: (newcomer: T) => void;
  readonly #turnAway: (newcomer: T) => void;
  #waiting: T[] = [];
  /** Of {@link #waiting}, those who were let in. */
  #taken = 0;
  #spentMs = 0;
  #lastAt = 0;
  #rest: TimerHandle | undefined;

  /**
   * @param maxWaiting - Newcomers that wait at most; beyond, they are turned away.
   * @param letIn - Its time is measured.
   */
  constructor(maxWaiting: number, clock: Clock, letIn: (newcomer: T) => void, turnAway: (newcomer: T) => void) {
    this.#maxWaiting = maxWaiting;
    this.#clock = clock;
    this.#letIn = letIn;
    this.#turnAway = turnAway;
  }

  get waiting(): number {
    return this.#waiting.length - this.#taken;
  }

  enter(newcomer: T): void {
    if (this.#rest === undefined) this.#pass(newcomer);
    else if (this.waiting < this.#maxWaiting) this.#waiting.push(newcomer);
    else this.#turnAway(newcomer);
  }

  /** Takes out all who wait, for whoever ends them. */
  clear(): T[] {
    const left = this.#waiting.slice(this.#taken);
    this.#waiting = [];
    this.#taken = 0;
    if (this.#rest !== undefined) this.#clock.clearTimeout(this.#rest);
    this.#rest = undefined;
    return left;
  }

  #pass(newcomer: T): void {
    const startedAt = this.#clock.now();
    // Others have had their time since the last one.
    if (startedAt - this.#lastAt >= REST_FACTOR * this.#spentMs) this.#spentMs = 0;
    this.#letIn(newcomer);
    this.#lastAt = this.#clock.now();
    this.#spentMs += this.#lastAt - startedAt;
    if (this.#spentMs < STRETCH_MS) return;
    this.#rest = this.#clock.setTimeout(() => this.#goOn(), Math.ceil(REST_FACTOR * this.#spentMs), true);
    this.#spentMs = 0;
  }

  #goOn(): void {
    this.#rest = undefined;
    while (this.#rest === undefined && this.waiting > 0) this.#pass(this.#waiting[this.#taken++]!);
    if (this.waiting > 0) return;
    this.#waiting = [];
    this.#taken = 0;
  }
}
