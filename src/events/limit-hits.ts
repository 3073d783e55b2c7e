/** How often each limit of one node was hit: counted always, told when somebody listens. */
import { type AddressText, formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { limitEvents } from "./channels.js";
import type { LimitName } from "./events.js";

export class LimitHits {
  readonly #node: AddressText;
  readonly #counts = new Map<LimitName, number>();

  constructor(node: LogicalAddress) {
    this.#node = formatAddress(node);
  }

  /** Those that were hit, and how often. */
  get counts(): Readonly<Partial<Record<LimitName, number>>> {
    return Object.fromEntries(this.#counts);
  }

  hit(limit: LimitName, reason: string, peer?: LogicalAddress, method?: string): void {
    this.#counts.set(limit, (this.#counts.get(limit) ?? 0) + 1);
    if (!limitEvents.hasSubscribers) return;
    limitEvents.publish({
      type: "limit",
      node: this.#node,
      limit,
      peer: peer === undefined ? undefined : formatAddress(peer),
      method,
      reason,
    });
  }
}
