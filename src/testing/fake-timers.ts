/**
 * The timers, `Date`, `performance.now` and `Math.random` of the program, on the simulation's time and chance: so that code
 * which never heard of a `Clock` is simulated too. One simulation at a time can have them; they come back afterwards.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { createRequire, syncBuiltinESMExports } from "node:module";
import { promisify } from "node:util";
import type { Clock, TimerHandle } from "../internal/clock.js";

/** Where the code that is running takes its time from. */
export interface TimeSource {
  readonly clock: Clock;
  random(): number;
}

type Callback = (...args: unknown[]) => void;

const require = createRequire(import.meta.url);
const timersPromises = require("node:timers/promises") as Record<string, unknown>;
const timers = require("node:timers") as Record<string, unknown>;

let installed = false;

/** Replaces them; `source` is asked at each use. Gives what puts everything back. @throws Error when they are replaced already. */
export function installFakeTimers(source: () => TimeSource): () => void {
  if (installed) throw new Error("fakeTimers: another simulation of this process has the timers; await it first");
  installed = true;
  const fakes = { ...timerFunctions(source), Date: fakeDate(source) };
  const undo = [
    ...Object.entries(fakes).map(([name, value]) => replace(globalThis as never, name, value)),
    ...Object.entries(timerFunctions(source)).map(([name, value]) => replace(timers, name, value)),
    replace(performance as never, "now", () => source().clock.now()),
    replace(Math as never, "random", () => source().random()),
    replace(AbortSignal as never, "timeout", (ms: number) => timeoutSignal(source().clock, ms)),
    replace(timersPromises, "setTimeout", (ms: number, value: unknown, options?: SleepOptions) =>
      sleep(source().clock, "timer", ms, value, options),
    ),
    replace(timersPromises, "setImmediate", (value: unknown, options?: SleepOptions) => sleep(source().clock, "turn", 0, value, options)),
  ];
  syncBuiltinESMExports();
  return () => {
    for (const restore of undo.reverse()) restore();
    syncBuiltinESMExports();
    installed = false;
  };
}

function replace(object: Record<string, unknown>, name: string, value: unknown): () => void {
  const original = Object.getOwnPropertyDescriptor(object, name);
  Object.defineProperty(object, name, { value, configurable: true, enumerable: original?.enumerable ?? true, writable: true });
  return () => {
    if (original === undefined) delete object[name];
    else Object.defineProperty(object, name, original);
  };
}

/** What `setTimeout` gives: good for `clearTimeout`, and with the methods that programs call on it. */
class FakeTimer {
  readonly #clock: Clock;
  readonly #run: () => void;
  readonly #ms: number;
  readonly #repeats: boolean;
  #handle: TimerHandle;
  #active = true;

  constructor(clock: Clock, callback: Callback, ms: number, repeats: boolean, args: unknown[]) {
    const inContext = AsyncLocalStorage.snapshot() as (run: () => void) => void;
    this.#clock = clock;
    this.#ms = ms;
    this.#repeats = repeats;
    this.#run = () => {
      if (this.#repeats) this.#arm();
      else this.#active = false;
      inContext(() => callback(...args));
    };
    this.#arm();
  }

  #arm(): void {
    this.#handle = this.#clock.setTimeout(this.#run, this.#ms);
  }

  close(): this {
    this.#active = false;
    this.#clock.clearTimeout(this.#handle);
    return this;
  }

  refresh(): this {
    if (!this.#active) return this;
    this.#clock.clearTimeout(this.#handle);
    this.#arm();
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function timerFunctions(source: () => TimeSource): Record<string, unknown> {
  const clear = (timer: unknown): void => {
    if (timer instanceof FakeTimer) timer.close();
  };
  const setTimeout = (callback: Callback, ms = 1, ...args: unknown[]): FakeTimer =>
    new FakeTimer(source().clock, callback, Number(ms), false, args);
  return {
    setTimeout: Object.assign(setTimeout, {
      [promisify.custom]: (ms: number, value: unknown) => sleep(source().clock, "timer", ms, value),
    }),
    setInterval: (callback: Callback, ms = 1, ...args: unknown[]) => new FakeTimer(source().clock, callback, Number(ms), true, args),
    setImmediate: (callback: Callback, ...args: unknown[]) => immediate(source().clock, callback, args),
    clearTimeout: clear,
    clearInterval: clear,
    clearImmediate: (handle: unknown) => {
      if (handle instanceof FakeImmediate) handle.cleared = true;
    },
  };
}

class FakeImmediate {
  cleared = false;

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

function immediate(clock: Clock, callback: Callback, args: unknown[]): FakeImmediate {
  const inContext = AsyncLocalStorage.snapshot() as (run: () => void) => void;
  const handle = new FakeImmediate();
  clock.nextTurn(() => {
    if (!handle.cleared) inContext(() => callback(...args));
  });
  return handle;
}

interface SleepOptions {
  readonly signal?: AbortSignal | undefined;
}

/** As of `node:timers/promises`. */
function sleep(clock: Clock, kind: "timer" | "turn", ms: number, value: unknown, { signal }: SleepOptions = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortError(signal));
    const onAbort = (): void => {
      clock.clearTimeout(timer);
      reject(abortError(signal!));
    };
    const done = (): void => {
      signal?.removeEventListener("abort", onAbort);
      resolve(value);
    };
    let timer: TimerHandle;
    if (kind === "timer") timer = clock.setTimeout(done, ms);
    else clock.nextTurn(done);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

function abortError(signal: AbortSignal): Error {
  return Object.assign(new Error("The operation was aborted", { cause: signal.reason }), { name: "AbortError", code: "ABORT_ERR" });
}

function timeoutSignal(clock: Clock, ms: number): AbortSignal {
  const controller = new AbortController();
  clock.setTimeout(() => controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError")), ms);
  return controller.signal;
}

/** `Date` with another idea of now; dates are what they were, whoever made them. */
function fakeDate(source: () => TimeSource): DateConstructor {
  const now = (): number => Math.floor(source().clock.wallClock());
  return new Proxy(Date, {
    construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as Date,
    apply: (target) => new target(now()).toString(),
    get: (target, key) => (key === "now" ? now : Reflect.get(target, key)),
  });
}
