/**
 * The candidates of one type, in order of address, and how one of them is chosen. What a choice needs is kept up to date as
 * members change, so that choosing costs the same however many there are; only a hash and a function look at all of them.
 */
import type { LogicalAddress } from "../addr/logical-address.js";
import type { Random } from "../internal/clock.js";
import type { Member } from "./discovery.js";
import { FillState } from "./fill-state.js";
import { countOther, indexIn, indexOf, insert, loadOf, remove } from "./sorted-members.js";

/** Fill states and subsets that one list remembers; the one used least recently is forgotten. */
const MAX_REMEMBERED = 16;

export class CandidateList {
  readonly #random: Random;
  readonly #all: Member[] = [];
  /** Those of them that could be reached lately. */
  readonly #reachable: Member[] = [];
  readonly #fills = new Map<number, FillState>();
  readonly #subsets = new Map<string, { readonly where: Readonly<Record<string, string>>; readonly list: CandidateList }>();
  /** What policy functions get: a frozen copy, made when one asks and dropped with the next change. */
  #view: readonly Member[] | undefined;
  /** Where round robin stands: the address it gave out last. */
  #last: LogicalAddress | undefined;
  /** Grows with each change. */
  #version = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  get size(): number {
    return this.#all.length;
  }

  /** All, in order of address; a frozen array that later changes do not touch. */
  get view(): readonly Member[] {
    this.#view ??= Object.freeze([...this.#all]);
    return this.#view;
  }

  get(address: LogicalAddress): Member | undefined {
    const index = indexOf(this.#all, address);
    return this.#all[index]?.address === address ? this.#all[index] : undefined;
  }

  /** Adds a candidate, or what has changed of it. */
  put(member: Member, isReachable: boolean): void {
    insert(this.#all, member);
    if (isReachable) insert(this.#reachable, member);
    else remove(this.#reachable, member.address);
    this.#changed();
    for (const fill of this.#fills.values()) fill.put(member);
    for (const { where, list } of this.#subsets.values()) {
      if (matches(member, where)) list.put(member, isReachable);
      else list.take(member.address);
    }
  }

  take(address: LogicalAddress): void {
    if (!remove(this.#all, address)) return;
    remove(this.#reachable, address);
    this.#changed();
    for (const fill of this.#fills.values()) fill.take(address);
    for (const { list } of this.#subsets.values()) list.take(address);
  }

  /** Those with this metadata, as a list of their own. */
  where(where: Readonly<Record<string, string>>): CandidateList {
    const key = keyOf(where);
    // A copy: the caller's object is the caller's to change.
    const subset = this.#subsets.get(key) ?? { where: { ...where }, list: this.#subset(where) };
    remember(this.#subsets, key, subset);
    return subset.list;
  }

  /** Whether there is somebody other than `not` who could be reached lately. */
  hasOther(not: LogicalAddress): boolean {
    return countOther(this.#reachable, not) > 0;
  }

  random(not: LogicalAddress | undefined): LogicalAddress | undefined {
    const list = this.#worthTrying(not);
    return list[this.#any(list, indexIn(list, not))]?.address;
  }

  /** One after the other in order of address, from a random start: nodes that start together must not all begin with the same one. */
  next(not: LogicalAddress | undefined): LogicalAddress | undefined {
    const list = this.#worthTrying(not);
    if (list.length === 0) return undefined;
    let index = this.#last === undefined ? this.#any(list, -1) : indexOf(list, this.#last);
    if (list[index]?.address === this.#last) index++;
    if (list[index % list.length]!.address === not) index++;
    this.#last = list[index % list.length]!.address;
    return this.#last;
  }

  /**
   * The less loaded of two at random. Of `n` nodes the least loaded one gets two in `n` of all choices, the most loaded one
   * none: loads even out, and callers that all read the same old report do not run to one node.
   */
  leastLoaded(not: LogicalAddress | undefined): LogicalAddress | undefined {
    const list = this.#worthTrying(not);
    const left = indexIn(list, not);
    const one = this.#any(list, left);
    if (list.length - (left < 0 ? 0 : 1) < 2) return list[one]?.address;
    // One of those that are neither `one` nor left out.
    let other = Math.floor(this.#random.next() * (list.length - (left < 0 ? 1 : 2)));
    const [low, high] = left < 0 ? [one, Number.POSITIVE_INFINITY] : [Math.min(one, left), Math.max(one, left)];
    if (other >= low) other++;
    if (other >= high) other++;
    return (loadOf(list[other]!) < loadOf(list[one]!) ? list[other]! : list[one]!).address;
  }

  /** The fullest one below `capacity`, and that one until it is full; the less loaded of two when all are. */
  fullestBelow(capacity: number, not: LogicalAddress | undefined): LogicalAddress | undefined {
    const fill = this.#fills.get(capacity) ?? new FillState(capacity, this.#all);
    remember(this.#fills, capacity, fill);
    const list = this.#worthTrying(not);
    const left = list.length > 1 ? not : undefined;
    return fill.choose(list, this.#version, left)?.address ?? this.leastLoaded(not);
  }

  /** What a policy function chooses from. */
  offered(not: LogicalAddress | undefined): readonly Member[] {
    const list = this.#worthTrying(not);
    if (list === this.#all && indexIn(list, not) < 0) return this.view;
    const others = list.filter(({ address }) => address !== not);
    return Object.freeze(others.length > 0 ? others : [...list]);
  }

  /** Reachable ones where there are any but `not`, else all. `not` is among them only where there is nobody else. */
  #worthTrying(not: LogicalAddress | undefined): readonly Member[] {
    return countOther(this.#reachable, not) > 0 ? this.#reachable : this.#all;
  }

  /** A random index other than `left`, where there is one. */
  #any({ length }: readonly Member[], left: number): number {
    if (left < 0 || length < 2) return Math.floor(this.#random.next() * length);
    const index = Math.floor(this.#random.next() * (length - 1));
    return index < left ? index : index + 1;
  }

  #subset(where: Readonly<Record<string, string>>): CandidateList {
    const list = new CandidateList(this.#random);
    for (const member of this.#all) if (matches(member, where)) list.put(member, indexIn(this.#reachable, member.address) >= 0);
    return list;
  }

  #changed(): void {
    this.#version++;
    this.#view = undefined;
  }
}

function matches({ metadata }: Member, where: Readonly<Record<string, string>>): boolean {
  for (const key of Object.keys(where)) if (metadata === undefined || metadata[key] !== where[key]) return false;
  return true;
}

function keyOf(where: Readonly<Record<string, string>>): string {
  const keys = Object.keys(where);
  const [only] = keys;
  if (keys.length === 1) return JSON.stringify([only, where[only!]]);
  return JSON.stringify(keys.sort().flatMap((key) => [key, where[key]]));
}

/** Puts an entry at the young end of `map`, and forgets the oldest where there are too many. */
function remember<K, V>(map: Map<K, V>, key: K, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > MAX_REMEMBERED) map.delete(map.keys().next().value as K);
}
