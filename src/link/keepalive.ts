/** When to ping and when to give up, as a pure function of times. Any byte from the peer counts as life. */
import type { Resolved } from "../internal/resolved.js";
import type { LinkOptions } from "./link-options.js";

export interface KeepaliveState {
  readonly lastReadAt: number;
  readonly lastWriteAt: number;
  /** When the unanswered ping was sent; `undefined`: none is out. */
  readonly pingSentAt: number | undefined;
  /** When the last pong came, or the connection was opened. */
  readonly lastPongAt: number;
  /** Whether calls wait for the peer. */
  readonly callsWait: boolean;
}

export type KeepaliveVerdict = "fine" | "ping" | "silent" | "unanswered";

export type KeepaliveOptions = Pick<Resolved<LinkOptions>, "keepaliveMs" | "probeMs" | "keepaliveTimeoutMs" | "unansweredMs">;

export function keepaliveVerdict(state: KeepaliveState, options: KeepaliveOptions, now: number): KeepaliveVerdict {
  const { pingSentAt } = state;
  if (pingSentAt !== undefined) {
    // Bytes that were on their way when the link died came behind the ping: the time for the answer begins with the last one.
    if (now - Math.max(pingSentAt, state.lastReadAt) >= options.keepaliveTimeoutMs) return "silent";
    // The other half of the time went by before the ping was sent.
    return now - pingSentAt >= options.unansweredMs / 2 ? "unanswered" : "fine";
  }
  const silence = now - state.lastReadAt;
  if (silence >= options.keepaliveMs || (state.callsWait && silence >= options.probeMs)) return "ping";
  // What is written may vanish while the peer's own bytes arrive: ask for an answer now and then.
  if (state.lastWriteAt > state.lastPongAt && now - state.lastPongAt >= options.unansweredMs / 2) return "ping";
  return "fine";
}

/** How often the links are looked at. */
export function keepaliveSweepMs(options: KeepaliveOptions): number {
  const shortest = Math.min(options.keepaliveMs, options.probeMs, options.keepaliveTimeoutMs, options.unansweredMs);
  return Math.max(10, Math.min(1_000, Math.floor(shortest / 4)));
}
