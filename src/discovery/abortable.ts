/** Waiting that ends: for a time, or for a promise of somebody else's that may never settle. */
import type { Clock } from "../internal/clock.js";
import { messageOf } from "../internal/message-of.js";

/** How a promise of an adapter came out. */
export type Outcome<T> =
  | { readonly type: "done"; readonly value: T }
  | { readonly type: "failed"; readonly error: unknown }
  | { readonly type: "timeout" }
  | { readonly type: "aborted" };

/** Waits `ms`, or less when `signal` aborts. Leaves neither timer nor listener. `holds`: keeps the process alive meanwhile. */
export async function sleep(clock: Clock, ms: number, signal: AbortSignal, holds = false): Promise<void> {
  await outcomeOf(new Promise<never>(() => {}), signal, { clock, ms, holds });
}

/** How `promise` came out, or that it did not before `signal` aborted or the time was over. Never rejects, and looks at every rejection. */
export function outcomeOf<T>(
  promise: PromiseLike<T>,
  signal: AbortSignal,
  limit?: { readonly clock: Clock; readonly ms: number; readonly holds?: boolean },
): Promise<Outcome<T>> {
  return new Promise((resolve) => {
    const settle = (outcome: Outcome<T>): void => {
      signal.removeEventListener("abort", onAbort);
      if (limit !== undefined) limit.clock.clearTimeout(timer);
      resolve(outcome);
    };
    const onAbort = (): void => settle({ type: "aborted" });
    const timer = limit?.clock.setTimeout(() => settle({ type: "timeout" }), limit.ms, limit.holds);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    promise.then(
      (value) => settle({ type: "done", value }),
      (error: unknown) => settle({ type: "failed", error }),
    );
  });
}

/** Calls what an adapter wrote: a throw becomes a rejection, a plain value a promise. */
export async function attempt<T>(call: () => T | PromiseLike<T>): Promise<T> {
  return await call();
}

/** What went wrong, on one line. */
export function oneLine(error: unknown): string {
  return messageOf(error).replace(/\s+/g, " ").trim() || (error instanceof Error ? error.name : "an error without a message");
}
