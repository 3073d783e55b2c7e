/** What calls need to know of the node: where a message for an address goes, and who there is. */
import type { LogicalAddress } from "../addr/logical-address.js";
import type { Outbound } from "./outbound.js";
import type { Policy } from "./picker.js";

export interface Router {
  /** The way to `to`; a text when there is none. */
  route(to: LogicalAddress): Outbound | string;
  /** A node of `type`, other than `not` where there is a choice; `undefined` when nobody is available. */
  pick(type: number, policy: Policy, not: LogicalAddress | undefined): LogicalAddress | undefined;
  /** Whether `pick` has somebody other than `not` who is worth a try. */
  hasElsewhere(type: number, policy: Policy, not: LogicalAddress): boolean;
  /** Why `pick` has found nobody of `type`, and what to do, for the text of an error. */
  explainNone(type: number): string;
  /** What the way to `to` is doing, for the text of an error. */
  describe(to: LogicalAddress): string;
}
