/** What a relay needs of its node. */
import type { LogicalAddress } from "../addr/logical-address.js";
import type { LimitHits } from "../events/limit-hits.js";
import type { Clock } from "../internal/clock.js";
import type { Resolved } from "../internal/resolved.js";
import type { ExportRule } from "./denial.js";
import type { HarborOptions } from "./harbor-options.js";
import type { RouteView } from "./next-hop.js";
import type { RelayLink } from "./ports.js";

export interface RelayEnvironment extends ExportRule {
  readonly self: LogicalAddress;
  readonly clock: Clock;
  readonly options: Resolved<HarborOptions>;
  /** What one pair may pass on while more waits at a connection than should: others share it, and are not to be refused for it. */
  readonly maxBurstBytes: number;
  readonly limits: LimitHits;
  readonly view: RouteView;
  /** The link to a neighbour that discovery knows. */
  link(peer: LogicalAddress): RelayLink;
  /** The link, if there is one. */
  peek(peer: LogicalAddress): RelayLink | undefined;
  links(): Iterable<RelayLink>;
  /** Something was not passed on, and nobody else is told. To be said seldom. */
  warn(key: string, text: string): void;
}
