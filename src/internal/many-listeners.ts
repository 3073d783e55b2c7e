/** Signals that any number of calls or streams may share: each takes its listener away, so there is no leak to warn of. */
import { setMaxListeners } from "node:events";
import type { AbortSignal } from "./abort-signal.js";

const known = new WeakSet<object>();

export function allowManyListeners(signal: AbortSignal): void {
  if (known.has(signal)) return;
  known.add(signal);
  if (signal instanceof EventTarget) setMaxListeners(0, signal);
}
