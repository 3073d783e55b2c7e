/** The time and the chance of this machine: what runs outside tests. */
import { randomFillSync } from "node:crypto";
import type { Clock, Random, TimerHandle } from "./clock.js";
import { MAX_TIMER_MS } from "./timer-limit.js";

const settled = Promise.resolve();

/** Real time. A delay above 2^31-1 ms (24.8 days) is cut to that. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallClock: () => Date.now(),
  setTimeout(callback: () => void, ms: number, keepAlive = false): TimerHandle {
    const timer = setTimeout(callback, Math.min(ms, MAX_TIMER_MS));
    if (!keepAlive) timer.unref();
    return timer;
  },
  clearTimeout(handle: TimerHandle): void {
    clearTimeout(handle as NodeJS.Timeout);
  },
  afterTurn(callback: () => void): void {
    // Asked for in a callback of a socket or timer, nextTick alone would run before the continuations that this very
    // callback has made due. Asked for in a continuation, it runs after all of them. So: a continuation that asks.
    settled.then(() => process.nextTick(callback));
  },
  nextTurn(callback: () => void): void {
    setImmediate(callback);
  },
};

/** Real chance: `next()` is fast and guessable, `bytes()` are fit for nonces and keys. */
export const systemRandom: Random = {
  next: () => Math.random(),
  bytes: (length: number) => randomFillSync(new Uint8Array(length)),
};
