/** Which harbor each target is reached over: chosen once, kept until the link to it is lost or draining, so that frames stay in order. */
import type { LogicalAddress } from "../addr/logical-address.js";
import { chooseHarbor, type RouteView } from "./next-hop.js";

/** Targets that are remembered. The choice for one that was forgotten is made anew, mostly the same. */
const MAX_TARGETS = 65_536;

interface Choice {
  harbor: LogicalAddress | undefined;
  /** The one that was lost last: not chosen again as long as there is another. */
  lost: LogicalAddress | undefined;
}

export class HarborChoices {
  readonly #choices = new Map<LogicalAddress, Choice>();

  get size(): number {
    return this.#choices.size;
  }

  /** The harbor for `to`; `undefined` when there is none. */
  choose(to: LogicalAddress, harbors: ReturnType<RouteView["harborsOf"]>): LogicalAddress | undefined {
    const choice = this.#choices.get(to) ?? this.#add(to);
    choice.harbor ??= chooseHarbor(to, harbors, choice.lost);
    return choice.harbor;
  }

  /** The link to `harbor` is lost or draining: who was reached over it, is reached over another one. */
  leave(harbor: LogicalAddress): void {
    for (const choice of this.#choices.values()) {
      if (choice.harbor !== harbor) continue;
      choice.harbor = undefined;
      choice.lost = harbor;
    }
  }

  #add(to: LogicalAddress): Choice {
    if (this.#choices.size >= MAX_TARGETS) this.#choices.delete(this.#choices.keys().next().value!);
    const choice: Choice = { harbor: undefined, lost: undefined };
    this.#choices.set(to, choice);
    return choice;
  }
}
