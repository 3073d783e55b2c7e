/** Where a frame goes next: a pure function of addresses and of who there is. */
import { ANONYMOUS, addressGroup, isHarbor, type LogicalAddress } from "../addr/logical-address.js";
import { rendezvous } from "../internal/rendezvous.js";

/** What a node knows of the others. */
export interface RouteView {
  /** Whether discovery knows the node. */
  knows(address: LogicalAddress): boolean;
  /** The harbors of a group that may be chosen: available, not going away, and where possible not unreachable lately. */
  harborsOf(group: number): readonly { readonly address: LogicalAddress }[];
  /** Whether a dial to the node failed lately. */
  isUnreachable(address: LogicalAddress): boolean;
}

/** Why there is no next hop. */
export type NoRoute =
  /** The target is anonymous: it has a connection and no address. */
  | "anonymous"
  /** It is of this group, and discovery does not know it. */
  | "unknownTarget"
  /** No harbor of this group is known. */
  | "noHarborHere"
  /** No harbor of the target's group is known. */
  | "noHarborThere";

export type NextHop =
  | { readonly type: "node"; readonly address: LogicalAddress }
  /** One of the harbors that share the work; see {@link chooseHarbor}. */
  | { readonly type: "harborOf"; readonly group: number }
  | { readonly type: "none"; readonly reason: NoRoute };

/**
 * The next hop of a frame for `to`. A plain node reaches its own group directly and all others through a harbor of its
 * own; a harbor reaches its own group and all other harbors directly, and other nodes through a harbor of theirs. So a frame
 * passes two harbors at most, and never comes back.
 */
export function nextHop(self: LogicalAddress, to: LogicalAddress, view: RouteView): NextHop {
  if (to === ANONYMOUS) return { type: "none", reason: "anonymous" };
  const group = addressGroup(to);
  const isDirect = group === addressGroup(self) || (isHarbor(self) && isHarbor(to));
  if (isDirect) return view.knows(to) ? { type: "node", address: to } : { type: "none", reason: "unknownTarget" };
  const over = isHarbor(self) ? group : addressGroup(self);
  if (view.harborsOf(over).length > 0) return { type: "harborOf", group: over };
  return { type: "none", reason: over === group ? "noHarborThere" : "noHarborHere" };
}

/** Whether a harbor's group has another one that is worth a try. */
export function hasOther({ harborsOf, isUnreachable }: RouteView, harbor: LogicalAddress): boolean {
  return harborsOf(addressGroup(harbor)).some(({ address }) => address !== harbor && !isUnreachable(address));
}

/**
 * Which of several harbors takes the frames for `to`: all that know the same harbors choose the same one. `not`: one that was just
 * lost, where there is another.
 */
export function chooseHarbor(
  to: LogicalAddress,
  harbors: ReturnType<RouteView["harborsOf"]>,
  not?: LogicalAddress,
): LogicalAddress | undefined {
  const others = not === undefined ? harbors : harbors.filter(({ address }) => address !== not);
  return rendezvous(to, others.length > 0 ? others : harbors)?.address;
}
