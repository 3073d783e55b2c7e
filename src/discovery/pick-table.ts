/** Who can be picked: per type those that are visible, available and not draining, in order of address. Pure but for chance. */
import { addressType, formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { InvalidOptionsError } from "../errors.js";
import type { Random } from "../internal/clock.js";
import { rendezvous } from "../internal/rendezvous.js";
import { CandidateList } from "./candidate-list.js";
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

/** How one of them is chosen: one of these, or one of these among those with some metadata. */
export type BasicPolicy =
  | "random"
  | "round-robin"
  | "least-load"
  | { readonly hash: string | number | bigint }
  | { readonly fillBelow: number }
  | ((members: readonly Candidate[]) => Candidate | undefined);

export interface WherePolicy {
  readonly where: Readonly<Record<string, string>>;
  readonly policy?: BasicPolicy | undefined;
}

/** `rpc/picker.ts` says what each of them means. */
export type Policy = BasicPolicy | WherePolicy;

const POLICIES =
  'a policy is "random", "round-robin", "least-load", { hash: key }, { fillBelow: capacity }, { where: { key: "value" }, policy } or a function';

export class PickTable {
  readonly #self: LogicalAddress;
  readonly #random: Random;
  readonly #types = new Map<number, CandidateList>();
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
    const before = this.#types.get(addressType(member.address))?.get(member.address);
    // A report of its load is no reason to try again what could not be reached.
    if (before?.endpoint !== member.endpoint || before.incarnation !== member.incarnation) this.#unreachable.delete(member.address);
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

  /** A node could not be reached (`true`), or was (`false`). Another endpoint or incarnation is a reason to try it again. */
  markUnreachable(address: LogicalAddress, unreachable: boolean): void {
    if (unreachable) this.#unreachable.add(address);
    else this.#unreachable.delete(address);
    const list = this.#types.get(addressType(address));
    const member = list?.get(address);
    if (member !== undefined) list!.put(member, !unreachable);
  }

  isUnreachable(address: LogicalAddress): boolean {
    return this.#unreachable.has(address);
  }

  /** How many nodes of `type` could be picked. @throws {@link InvalidOptionsError} for a type that cannot be. */
  count(type: number): number {
    return this.#list(type)?.size ?? 0;
  }

  /** Those that could be picked, in order of address; a frozen array that later changes do not touch. */
  members(type: number): readonly Member[] {
    return this.#list(type)?.view ?? [];
  }

  /**
   * One node of `type`, `undefined` when there is none or the policy chose none. Nodes that could not be reached
   * lately, and `not`, are left out where there are others; a hash says itself who it is, and is not led elsewhere.
   *
   * @throws {@link InvalidOptionsError} for a type or policy that cannot be, and for a function that returns something
   *   that it was not offered.
   */
  pick(type: number, policy: Policy, not?: LogicalAddress): LogicalAddress | undefined {
    const list = this.#list(type);
    if (!isWhere(policy)) return this.#choose(type, list, policy, not);
    checkWhere(policy);
    return this.#choose(type, list?.where(policy.where), policy.policy ?? "random", not);
  }

  /** Whether {@link pick} has a node other than `not` that was not unreachable lately. */
  hasElsewhere(type: number, policy: Policy, not: LogicalAddress): boolean {
    const basic = isWhere(policy) ? (policy.policy ?? "random") : policy;
    if (typeof basic === "object" && "hash" in basic) return false;
    const list = this.#list(type);
    return (isWhere(policy) ? list?.where(policy.where) : list)?.hasOther(not) ?? false;
  }

  #choose(type: number, list: CandidateList | undefined, policy: BasicPolicy, not: LogicalAddress | undefined): LogicalAddress | undefined {
    if (typeof policy === "function") return chosenBy(policy, type, list?.offered(not) ?? []);
    if (typeof policy === "object" && policy !== null) {
      if ("hash" in policy) return rendezvous(policy.hash, list?.view ?? [])?.address;
      if ("fillBelow" in policy) return list?.fullestBelow(checkedCapacity(policy.fillBelow), not);
    }
    switch (policy) {
      case "random":
        return list?.random(not);
      case "round-robin":
        return list?.next(not);
      case "least-load":
        return list?.leastLoaded(not);
      default:
        throw new InvalidOptionsError("pick", [`${POLICIES}, got ${show(policy satisfies never)}`]);
    }
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
      list = new CandidateList(this.#random);
      this.#types.set(type, list);
    }
    list.put(member, !this.#unreachable.has(member.address));
  }

  #take(address: LogicalAddress): void {
    this.#types.get(addressType(address))?.take(address);
  }

  #list(type: number): CandidateList | undefined {
    if (!Number.isInteger(type) || type < 1 || type > 255) {
      throw new InvalidOptionsError("type", [`a node type is a whole number from 1 to 254, or 255 for harbors; got ${show(type)}`]);
    }
    return this.#types.get(type);
  }
}

/** @throws {@link InvalidOptionsError} for what no load can be below. */
function checkedCapacity(capacity: unknown): number {
  if (typeof capacity === "number" && capacity > 0) return capacity;
  throw new InvalidOptionsError("pick", [`fillBelow is the load up to which a node is filled, a number above 0; got ${show(capacity)}`]);
}

function isWhere(policy: Policy): policy is WherePolicy {
  return typeof policy === "object" && policy !== null && "where" in policy;
}

/** @throws {@link InvalidOptionsError} for what is no map of strings, or names another such policy. */
function checkWhere({ where, policy, ...rest }: WherePolicy): void {
  const [foreign] = Object.keys(rest);
  if (foreign !== undefined) throw new InvalidOptionsError("pick", [`beside where stands policy, and no ${show(foreign)}`]);
  if (policy !== undefined && isWhere(policy)) throw new InvalidOptionsError("pick", ["the policy beside where has a where of its own"]);
  if (typeof where !== "object" || where === null)
    throw new InvalidOptionsError("pick", [`where is an object of strings, got ${show(where)}`]);
  for (const key of Object.keys(where)) {
    if (typeof where[key] !== "string")
      throw new InvalidOptionsError("pick", [`where: metadata ${show(key)} is a string, got ${show(where[key])}`]);
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
