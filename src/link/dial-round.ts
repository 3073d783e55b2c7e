/**
 * One round of dialing: from the first message that waits to a connection, or to giving up. Decides when to dial and when to
 * stop, and what the failures read like; dials nothing itself.
 */
import { backoffMs } from "../internal/backoff.js";
import type { Resolved } from "../internal/resolved.js";
import { HandshakeError } from "./handshake-error.js";
import type { LinkOptions } from "./link-options.js";
import { Reachability } from "./reachability.js";

/** Refusals that waiting does not mend: messages fail at once. */
export const PERMANENT: ReadonlySet<string> = new Set([
  "version",
  "layout",
  "cluster",
  "noCommonKey",
  "badProof",
  "wrongAddress",
  "insecure",
  "identity",
  "malformed",
  "purpose",
]);

/** What follows a failed dial while messages wait. */
export type AfterFailure =
  | { readonly type: "again"; readonly inMs: number }
  /** `isLate`: only because they have waited for `reachTimeoutMs`. */
  | { readonly type: "giveUp"; readonly isLate: boolean };

export class DialRound {
  readonly reach = new Reachability();
  readonly #options: Pick<Resolved<LinkOptions>, "backoffMs" | "maxBackoffMs" | "reachTimeoutMs">;
  /** How long the queue has waited. */
  #beganAt = 0;

  constructor(options: Pick<Resolved<LinkOptions>, "backoffMs" | "maxBackoffMs" | "reachTimeoutMs">) {
    this.#options = options;
  }

  /** Milliseconds until the first dial: one that follows a failure too closely waits for its turn. */
  begin(now: number): number {
    this.#beganAt = now;
    const since = now - this.reach.lastAttemptAt;
    const isTooSoon = this.reach.failures > 0 && since < this.#options.backoffMs;
    this.reach.restart();
    return isTooSoon ? this.#options.backoffMs - since : 0;
  }

  /** Whether messages have waited for as long as they may. */
  isOver(now: number): boolean {
    return now - this.#beganAt >= this.#options.reachTimeoutMs;
  }

  /** @param random - from 0 to 1: spreads the dials of many. */
  afterFailure(cause: Error, now: number, random: () => number): AfterFailure {
    if (cause instanceof HandshakeError && PERMANENT.has(cause.reason)) return { type: "giveUp", isLate: false };
    if (this.isOver(now)) return { type: "giveUp", isLate: true };
    const { backoffMs: least, maxBackoffMs, reachTimeoutMs } = this.#options;
    const pause = backoffMs(this.reach.failures, least, maxBackoffMs, random());
    return { type: "again", inMs: Math.min(pause, Math.max(1, this.#beganAt + reachTimeoutMs - now)) };
  }
}
