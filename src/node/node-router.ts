/** Where a message goes: to this node itself, over the link to a node of the same group, over a harbor, or nowhere, with the reason. */
import { addressGroup, isHarbor, type LogicalAddress } from "../addr/logical-address.js";
import type { Members } from "../discovery/members.js";
import type { Links } from "../link/links.js";
import { HINT } from "../rpc/failure.js";
import type { LocalPath } from "../rpc/local-path.js";
import type { Outbound } from "../rpc/outbound.js";
import type { Policy } from "../rpc/picker.js";
import type { Router } from "../rpc/router.js";
import type { BetweenGroups } from "./between-groups.js";

export class NodeRouter implements Router {
  readonly #self: LogicalAddress;
  readonly #group: number;
  readonly #members: Members;
  readonly #links: Links;
  readonly #local: LocalPath;
  readonly #between: BetweenGroups;
  /** Why nothing can be sent at all. */
  #stopped: string | undefined = `this node has not been started; ${HINT.notStarted}`;

  constructor(self: LogicalAddress, members: Members, links: Links, local: LocalPath, between: BetweenGroups) {
    this.#self = self;
    this.#group = addressGroup(self);
    this.#members = members;
    this.#links = links;
    this.#local = local;
    this.#between = between;
  }

  open(): void {
    this.#stopped = undefined;
  }

  /** Hot path. */
  route(to: LogicalAddress): Outbound | string {
    if (this.#stopped !== undefined) return this.#stopped;
    if (to === this.#self) return this.#local;
    if (to >>> 20 === this.#group || (isHarbor(to) && isHarbor(this.#self))) {
      // No link for whom nobody knows: addresses may come from outside, and there are many.
      return (
        this.#links.peek(to) ??
        (this.#between.locate(to) === undefined ? `discovery does not know it; ${HINT.unknownTarget}` : this.#links.get(to))
      );
    }
    return this.#between.route(to);
  }

  /** The neighbour over which a stream to `to` is opened: `to` itself, or a harbor; a text when there is none. */
  nextForStream(to: LogicalAddress): LogicalAddress | string {
    if (this.#stopped !== undefined) return this.#stopped;
    if (to === this.#self) return to;
    const hop = this.#between.streamHop(to);
    return typeof hop === "number" ? hop : this.#between.whyNot(to);
  }

  pick(type: number, policy: Policy, not: LogicalAddress | undefined): LogicalAddress | undefined {
    return this.#members.tryPick(type, policy, not);
  }

  hasElsewhere(type: number, policy: Policy, not: LogicalAddress): boolean {
    return this.#members.hasElsewhere(type, policy, not);
  }

  explainNone(type: number): string {
    if (this.#stopped !== undefined) return this.#stopped;
    const reason = this.#members.explainNone(type);
    return this.#members.candidates(type).length === 0 ? `${reason}; ${HINT.noMember}` : reason;
  }

  describe(to: LogicalAddress): string {
    if (to === this.#self) return "it is this node itself";
    return this.#between.describe(to) ?? this.#links.peek(to)?.describe() ?? "no link";
  }
}
