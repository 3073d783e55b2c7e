/** Questions that have no answer yet: held until there is one, their time is over, or whoever asked is gone. */
import type { AbortSignal } from "../../internal/abort-signal.js";
import type { Clock, TimerHandle } from "../../internal/clock.js";

/** Answers begun in one turn of the event loop: ten thousand at once would hold up everything else. */
const RELEASED_AT_ONCE = 256;
/** Those whose time is over within this are let go together. */
const GRAIN_MS = 25;

interface Question<K> {
  readonly key: K;
  readonly endsAt: number;
  /** Ends the wait. */
  readonly settle: () => void;
}

export class HeldQuestions<K> {
  readonly #clock: Clock;
  readonly #held = new Set<Question<K>>();
  #timer: TimerHandle;
  #timerAt = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#held.size;
  }

  /** Resolves when {@link release} lets it go, after `waitMs`, roughly, or when `signal` aborts. */
  hold(key: K, waitMs: number, signal: AbortSignal): Promise<void> {
    if (waitMs <= 0 || signal.aborted || this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const question: Question<K> = {
        key,
        endsAt: this.#clock.now() + waitMs,
        settle: () => {
          if (!this.#held.delete(question)) return;
          signal.removeEventListener("abort", question.settle);
          resolve();
        },
      };
      signal.addEventListener("abort", question.settle);
      this.#held.add(question);
      this.#arm(question.endsAt);
    });
  }

  /** Lets those go whose keys fit, a few hundred in each turn. */
  release(fits: (key: K) => boolean): void {
    const fitting = [...this.#held].filter(({ key }) => fits(key));
    const next = (from: number): void => {
      for (const question of fitting.slice(from, from + RELEASED_AT_ONCE)) question.settle();
      if (from + RELEASED_AT_ONCE < fitting.length) this.#clock.nextTurn(() => next(from + RELEASED_AT_ONCE));
    };
    next(0);
  }

  /** Lets all go, and holds nothing any more. */
  close(): void {
    this.#closed = true;
    this.#clock.clearTimeout(this.#timer);
    for (const question of [...this.#held]) question.settle();
  }

  #arm(endsAt: number): void {
    if (endsAt >= this.#timerAt || endsAt === Number.POSITIVE_INFINITY) return;
    const now = this.#clock.now();
    this.#clock.clearTimeout(this.#timer);
    this.#timerAt = Math.max(endsAt, now + GRAIN_MS);
    this.#timer = this.#clock.setTimeout(this.#sweep, this.#timerAt - now);
  }

  readonly #sweep = (): void => {
    const now = this.#clock.now();
    this.#timerAt = Number.POSITIVE_INFINITY;
    let soonest = Number.POSITIVE_INFINITY;
    for (const question of [...this.#held]) {
      if (question.endsAt <= now) question.settle();
      else soonest = Math.min(soonest, question.endsAt);
    }
    this.#arm(soonest);
  };
}
