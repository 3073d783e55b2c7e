/** A wait with its two ends beside success: the deadline, and the caller's signal. */
import type { AbortSignal } from "../internal/abort-signal.js";
import type { Clock, TimerHandle } from "../internal/clock.js";
import { allowManyListeners } from "../internal/many-listeners.js";

/** Leaves neither timer nor listener. */
export class Wait {
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: () => void;
  #timer: TimerHandle;
  isSettled = false;

  constructor(clock: Clock, deadlineAt: number, signal: AbortSignal | undefined, onFail: (failure: "late" | "aborted") => void) {
    this.#clock = clock;
    this.#signal = signal;
    this.#onAbort = () => {
      if (this.settle()) onFail("aborted");
    };
    this.#timer = clock.setTimeout(
      () => {
        if (this.settle()) onFail("late");
      },
      Math.max(0, deadlineAt - clock.now()),
    );
    if (signal !== undefined) allowManyListeners(signal);
    if (signal?.aborted === true) clock.afterTurn(this.#onAbort);
    else signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  settle(): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    this.#clock.clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#onAbort);
    return true;
  }
}
