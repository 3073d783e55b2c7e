/**
 * Calls that wait for the same signal: one listener for all of them, since to take one of many away from a signal takes as
 * long as there are listeners.
 */
import { setMaxListeners } from "node:events";
import type { AbortSignal } from "../internal/abort-signal.js";
import type { Call } from "./call-table.js";

/** Calls of one signal, in the order in which they were placed. */
interface SharedSignal {
  readonly calls: Set<Call>;
  readonly listener: () => void;
}

export class SignalCalls {
  readonly #onAborted: (call: Call, signal: AbortSignal) => void;
  readonly #shared = new WeakMap<AbortSignal, SharedSignal>();

  /** `onAborted` is told of each call whose signal aborts, once; it is not to be removed then. */
  constructor(onAborted: (call: Call, signal: AbortSignal) => void) {
    this.#onAborted = onAborted;
  }

  /** `signal` is that of the call's options, and has not aborted. */
  add(call: Call, signal: AbortSignal): void {
    const { calls, listener } = this.#shared.get(signal) ?? this.#share(signal);
    if (calls.size === 0) signal.addEventListener("abort", listener, { once: true });
    calls.add(call);
  }

  /** The call is settled. Nothing, when it is not waited for. */
  remove(call: Call, signal: AbortSignal): void {
    const shared = this.#shared.get(signal);
    if (shared?.calls.delete(call) && shared.calls.size === 0) signal.removeEventListener("abort", shared.listener);
  }

  #share(signal: AbortSignal): SharedSignal {
    const calls = new Set<Call>();
    const shared = { calls, listener: () => this.#abort(calls, signal) };
    this.#shared.set(signal, shared);
    // Any number of nodes may share a signal, and each takes its listener away: no leak to warn of.
    if (signal instanceof EventTarget) setMaxListeners(0, signal);
    return shared;
  }

  #abort(calls: Set<Call>, signal: AbortSignal): void {
    const waiting = [...calls];
    calls.clear();
    for (const call of waiting) this.#onAborted(call, signal);
  }
}
