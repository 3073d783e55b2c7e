/** Who can be picked: per type those that are visible, available and not draining, in order of address. Pure but for chance. */
import { addressType, formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { InvalidOptionsError } from "../errors.js";
import type { Random } from "../internal/clock.js";
import { rendezvous } from "../internal/rendezvous.js";
import { show } from "./checked-event.js";
import type { Member } from "./discovery.js";
import { isVisible } from "./membership.js";

/** What a policy function gets to choose from. */
export interface Candidate {
  readonly address: LogicalAddress;
  readonly endpoint: string;
  readonly load?: number | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly version?: string | undefined;
}

/**
 * How one of them is chosen. `"random"`; `"round-robin"`: one after the other in order of address, from a random start,
 * whoever comes or goes meanwhile; `{ hash }`: rendezvous hashing (internal/rendezvous.ts has the formula); a function.
 */
export type Policy =
  | "random"
  | "round-robin"
  | { readonly hash: string | number | bigint }
  | ((members: readonly Candidate[]) => Candidate | undefined);

/** The candidates of one type. */
class TypeList {
  readonly members: Member[] = [];
  /** What policy functions get: a frozen copy, made when one asks and dropped with the next change. */
  view: readonly Member[] | undefined;
  /** Where round robin stands: the address it gave out last. */
  last: LogicalAddress | undefined;

  /** The index of `address`, or of the first one above it. */
  indexOf(address: LogicalAddress): number {
    let low = 0;
    let high = this.members.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.members[middle]!.address < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export class PickTable {
  readonly #self: LogicalAddress;
  readonly #random: Random;
  readonly #types = new Map<number, TypeList>();
  /** Peers that said go-away, with the record they had then. */
  readonly #draining = new Map<LogicalAddress, Member>();
  /** Nodes that could not be reached lately: chosen only where there is nobody else. */
  readonly #unreachable = new Set<LogicalAddress>();

  constructor(self: LogicalAddress, random: Random) {
    this.#self = self;
    this.#random = random;
  }

  /** A member came or changed. One of another incarnation is another process: it is not draining, whatever its predecessor said. */
  put(member: Member): void {
    const drainingSince = this.#draining.get(member.address);
    if (drainingSince !== undefined && drainingSince.incarnation !== member.incarnation) this.#draining.delete(member.address);
    this.#unreachable.delete(member.address);
    this.#place(member);
  }

  remove(member: Member): void {
    this.#draining.delete(member.address);
    this.#unreachable.delete(member.address);
    this.#take(member.address);
  }

  /** Skips a peer that said go-away from now on, or no longer. `member`: what discovery says about it. */
  markDraining(member: Member, draining: boolean): void {
    if (draining) this.#draining.set(member.address, member);
    else this.#draining.delete(member.address);
    this.#place(member);
  }

  isDraining(address: LogicalAddress): boolean {
    return this.#draining.has(address);
  }

  /** A node could not be reached (`true`), or was (`false`). A change of its entry is a reason to try it again. */
  markUnreachable(address: LogicalAddress, unreachable: boolean): void {
    if (unreachable) this.#unreachable.add(address);
    else this.#unreachable.delete(address);
  }

  /** How many nodes of `type` could be picked. @throws {@link InvalidOptionsError} for a type that cannot be. */
  count(type: number): number {
    return this.#list(type)?.members.length ?? 0;
  }

  /** Those that could be picked, in order of address; a frozen array that later changes do not touch. */
  members(type: number): readonly Member[] {
    const list = this.#list(type);
    if (list === undefined) return [];
    list.view ??= Object.freeze([...list.members]);
    return list.view;
  }

  /**
   * One node of `type`, `undefined` when there is none or a policy function chose none. Nodes that could not be reached
   * lately, and `not`, are left out where there are others; a hash says itself who it is, and is not led elsewhere.
   *
   * @throws {@link InvalidOptionsError} for a type or policy that cannot be, and for a function that returns something
   *   that it was not offered.
   */
  pick(type: number, policy: Policy, not?: LogicalAddress): LogicalAddress | undefined {
    const list = this.#list(type);
    if (typeof policy === "object" && policy !== null && "hash" in policy) return rendezvous(policy.hash, list?.members ?? [])?.address;
    if (typeof policy === "function") return chosenBy(policy, type, this.#offered(type, not));
    switch (policy) {
      case "random": {
        const members = this.#narrowed(list?.members ?? [], not);
        return members[Math.floor(this.#random.next() * members.length)]?.address;
      }
      case "round-robin":
        return list === undefined ? undefined : this.#next(list, not);
      default:
        throw new InvalidOptionsError("pick", [
          `a policy is "random", "round-robin", { hash: key } or a function, got ${show(policy satisfies never)}`,
        ]);
    }
  }

  /** Whether {@link pick} has a node other than `not` that was not unreachable lately. */
  hasElsewhere(type: number, policy: Policy, not: LogicalAddress): boolean {
    if (typeof policy === "object") return false;
    return (this.#list(type)?.members ?? []).some(({ address }) => address !== not && !this.#unreachable.has(address));
  }

  #next(list: TypeList, not: LogicalAddress | undefined): LogicalAddress | undefined {
    const { members, last } = list;
    if (members.length === 0) return undefined;
    let index: number;
    if (last === undefined) {
      // Nodes that start together must not all begin with the same one.
      index = Math.floor(this.#random.next() * members.length);
    } else {
      index = list.indexOf(last);
      if (members[index]?.address === last) index++;
      if (index >= members.length) index = 0;
    }
    const wanted = this.#narrowed(members, not);
    while (wanted !== members && !wanted.includes(members[index]!)) index = (index + 1) % members.length;
    list.last = members[index]!.address;
    return list.last;
  }

  /** Those of `members` that are worth a try: reachable ones but `not`, else all but `not`, else all. */
  #narrowed(members: readonly Member[], not: LogicalAddress | undefined): readonly Member[] {
    if (this.#unreachable.size === 0 && not === undefined) return members;
    const others = members.filter(({ address }) => address !== not);
    const reachable = others.filter(({ address }) => !this.#unreachable.has(address));
    return reachable.length > 0 ? reachable : others.length > 0 ? others : members;
  }

  #offered(type: number, not: LogicalAddress | undefined): readonly Member[] {
    const all = this.members(type);
    const narrowed = this.#narrowed(all, not);
    return narrowed === all ? all : Object.freeze([...narrowed]);
  }

  /** Puts `member` where it belongs now: into its list, or out of it. */
  #place(member: Member): void {
    if (member.available === false || this.#draining.has(member.address) || !isVisible(this.#self, member)) {
      this.#take(member.address);
      return;
    }
    const type = addressType(member.address);
    let list = this.#types.get(type);
    if (list === undefined) {
      list = new TypeList();
      this.#types.set(type, list);
    }
    const index = list.indexOf(member.address);
    list.members.splice(index, list.members[index]?.address === member.address ? 1 : 0, member);
    list.view = undefined;
  }

  #take(address: LogicalAddress): void {
    const list = this.#types.get(addressType(address));
    if (list === undefined) return;
    const index = list.indexOf(address);
    if (list.members[index]?.address !== address) return;
    list.members.splice(index, 1);
    list.view = undefined;
  }

  #list(type: number): TypeList | undefined {
    if (!Number.isInteger(type) || type < 1 || type > 255) {
      throw new InvalidOptionsError("type", [`a node type is a whole number from 1 to 254, or 255 for harbors; got ${show(type)}`]);
    }
    return this.#types.get(type);
  }
}

function chosenBy(
  policy: (members: readonly Candidate[]) => Candidate | undefined,
  type: number,
  offered: readonly Member[],
): LogicalAddress | undefined {
  const chosen: Candidate | undefined = policy(offered);
  if (chosen === undefined) return undefined;
  const address = chosen?.address;
  if (offered.some((member) => member.address === address)) return address;
  const what = typeof address === "number" ? `member ${formatAddress(address)}` : show(chosen);
  throw new InvalidOptionsError("pick", [`the policy function for type ${type} returned ${what}, which it was not offered`]);
}
