/** Which way the frames of a pair go, whether they may, and which way an answer goes for which nobody remembers the request. */
import type { LogicalAddress } from "../addr/logical-address.js";
import { denialOf } from "./denial.js";
import { HarborChoices } from "./harbor-choices.js";
import { nextHop } from "./next-hop.js";
import type { Pair, Pairs } from "./pairs.js";
import type { RelayLink, RelayPort } from "./ports.js";
import { type Refusal, refusal } from "./refusals.js";
import type { RelayEnvironment } from "./relay-environment.js";

export class RelayRoutes {
  readonly #env: RelayEnvironment;
  readonly #pairs: Pairs;
  readonly #choices = new HarborChoices();
  /** Goes up when discovery changes what may be reached. */
  version = 0;

  constructor(env: RelayEnvironment, pairs: Pairs) {
    this.#env = env;
    this.#pairs = pairs;
  }

  /** Why a pair is not relayed for at all. */
  denial(port: RelayPort, pair: Pair): Refusal | undefined {
    const denied = denialOf(this.#env.self, port.peer.address, pair.to, pair.from, this.#env);
    if (denied !== undefined) return denied;
    pair.checkedFor = this.version;
    return undefined;
  }

  /** The link to the next hop; a harbor stays what was chosen for the target as long as it can be reached. */
  linkTo(pair: Pair): RelayLink | Refusal {
    if (pair.link?.ready !== undefined) return pair.link;
    const { link, self, view } = this.#env;
    const { to } = pair;
    const hop = nextHop(self, to, view);
    if (hop.type === "none") return hop.reason === "noHarborThere" ? refusal.noHarborThere(to) : refusal.unknownTarget();
    const next = hop.type === "node" ? hop.address : this.#chooseHarbor(to, hop.group);
    if (next === undefined) return refusal.noHarborThere(to);
    pair.link = link(next);
    return pair.link;
  }

  /** For an answer whose pair was forgotten, or that came over `closed`: only where there is a connection. */
  wayBack(caller: LogicalAddress, closed: RelayPort | undefined): RelayPort | undefined {
    const { peek, self, view } = this.#env;
    if (closed !== undefined) return peek(closed.peer.address)?.channel;
    const hop = nextHop(self, caller, view);
    if (hop.type === "none") return undefined;
    const next = hop.type === "node" ? hop.address : this.#choices.choose(caller, view.harborsOf(hop.group));
    return next === undefined ? undefined : peek(next)?.channel;
  }

  /** Who was reached over `harbor`, is reached over another one. */
  leave(harbor: LogicalAddress): void {
    this.#choices.leave(harbor);
    for (const pair of this.#pairs.behind(harbor)) if (pair.link?.peer === harbor && pair.to !== harbor) pair.link = undefined;
  }

  #chooseHarbor(to: LogicalAddress, group: number): LogicalAddress | undefined {
    const { peek, view } = this.#env;
    const harbors = view.harborsOf(group);
    const harbor = this.#choices.choose(to, harbors);
    if (harbor === undefined || view.knows(harbor) || peek(harbor)?.ready !== undefined) return harbor;
    this.leave(harbor); // gone from discovery, and not connected
    return this.#choices.choose(to, harbors);
  }
}
