/**
 * Whether a connection has outlived its use: unused for long, or old. An old one goes at its next quiet moment, or without one
 * when it is a tenth over its age. Looked at by the sweep, so that messages cost nothing.
 */
import type { Resolved } from "../internal/resolved.js";
import type { LinkOptions } from "./link-options.js";

/** What is looked at: a connection. */
export interface Used {
  readonly openedAt: number;
  /** Grows with each message of either direction. */
  readonly messageCount: number;
}

/** How much older than `maxAgeMs` a connection gets that is never quiet. */
const LATE = 1.1;

export class Usage {
  #of: Used | undefined;
  #count = -1;
  #quietSince = 0;

  /** @param busy - calls wait, or handlers work: not quiet though nothing moves. */
  look(used: Used, busy: boolean, now: number, options: Pick<Resolved<LinkOptions>, "idleMs" | "maxAgeMs">): "idle" | "maxAge" | undefined {
    if (busy || used !== this.#of || used.messageCount !== this.#count) {
      this.#of = used;
      this.#count = used.messageCount;
      this.#quietSince = now;
      return options.maxAgeMs !== false && now - used.openedAt >= LATE * options.maxAgeMs ? "maxAge" : undefined;
    }
    if (options.idleMs !== false && now - this.#quietSince >= options.idleMs) return "idle";
    // Quiet since the look before this one at least.
    return options.maxAgeMs !== false && now - used.openedAt >= options.maxAgeMs ? "maxAge" : undefined;
  }
}
