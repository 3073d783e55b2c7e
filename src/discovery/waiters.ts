/** Callers that wait for something to become true of the members. */
import { InvalidOptionsError, RpcError } from "../errors.js";
import type { Clock, TimerHandle } from "../internal/clock.js";
import { MAX_TIMER_MS } from "../internal/timer-limit.js";

export interface WaitOptions {
  /** Milliseconds until `DEADLINE_EXCEEDED`, 1 to 2,147,483,647. Default `10_000`. */
  timeoutMs?: number | undefined;
  /** Ends the wait with `CANCELLED`. */
  signal?: AbortSignal | undefined;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/** What is waited for. */
export interface Condition<T> {
  /** The result, or `undefined` while it has not come true. */
  check(): T | undefined;
  /** What was found and what was missing, for the message when the time is over. */
  missing(timeoutMs: number): string;
}

interface Waiter {
  recheck(): void;
  fail(error: RpcError): void;
}

export class Waiters {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiter>();
  #closed: RpcError | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Resolves once `condition` holds, at once when it does already.
   *
   * @throws {@link RpcError} with `execution` `"notRun"`: `DEADLINE_EXCEEDED`, or `CANCELLED` by the signal or by {@link close}.
   */
  async wait<T>(condition: Condition<T>, { timeoutMs = DEFAULT_TIMEOUT_MS, signal }: WaitOptions): Promise<T> {
    if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > MAX_TIMER_MS) {
      throw new InvalidOptionsError("timeoutMs", [`a whole number of milliseconds from 1 to ${MAX_TIMER_MS}, got ${timeoutMs}`]);
    }
    if (this.#closed !== undefined) throw this.#closed;
    if (signal?.aborted) throw cancelled(signal);
    const now = condition.check();
    if (now !== undefined) return now;
    return await new Promise<T>((resolve, reject) => {
      let timer: TimerHandle;
      const leave = (): void => {
        this.#waiting.delete(waiter);
        this.#clock.clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
      };
      const waiter: Waiter = {
        recheck: () => {
          const value = condition.check();
          if (value === undefined) return;
          leave();
          resolve(value);
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      const onAbort = (): void => waiter.fail(cancelled(signal));
      timer = this.#clock.setTimeout(
        () => waiter.fail(new RpcError("DEADLINE_EXCEEDED", condition.missing(timeoutMs), { execution: "notRun" })),
        timeoutMs,
      );
      signal?.addEventListener("abort", onAbort);
      this.#waiting.add(waiter);
    });
  }

  /** Something changed: those whose condition holds now go on. */
  recheck(): void {
    for (const waiter of this.#waiting) waiter.recheck();
  }

  /** Ends every wait, those to come too. */
  close(): void {
    this.#closed = new RpcError("CANCELLED", "the node was closed", { execution: "notRun" });
    for (const waiter of this.#waiting) waiter.fail(this.#closed);
  }
}

function cancelled(signal: AbortSignal | undefined): RpcError {
  return new RpcError("CANCELLED", "the caller's signal was aborted", { execution: "notRun", cause: signal?.reason });
}
