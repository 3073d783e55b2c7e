/**
 * Who exists: reports of an adapter in, changes out. Knows no clock, timer or logger; time is an argument. Each put
 * and removal costs the same however many members there are; only a snapshot is read from end to end.
 */
import { addressGroup, formatAddress, isHarbor, type LogicalAddress } from "../addr/logical-address.js";
import { addressFault, copyMember, eventFault, memberFault, sameMember } from "./checked-event.js";
import type { DiscoveryEvent, Member } from "./discovery.js";

/** What one report changed. A member is in one of the lists at most. */
export interface MembershipChange {
  readonly added: readonly Member[];
  /** As they are now. */
  readonly updated: readonly Member[];
  /** As they were last. */
  readonly removed: readonly Member[];
}

export interface Applied extends MembershipChange {
  /** What was wrong with the report, a line each; what was right with it is applied. */
  readonly problems: readonly string[];
  /** Whether the report was a good one: old news are, garbage is not. */
  readonly accepted: boolean;
}

/** How long members are kept that a store which lost its data does not list any more: one lease, in which they register again. */
const DEFAULT_GRACE_MS = 15_000;

/** Whether a node at `self` may discover `member`: same group, exported, or both are harbors. */
export function isVisible(self: LogicalAddress, member: Member): boolean {
  return addressGroup(self) === addressGroup(member.address) || member.export === true || (isHarbor(self) && isHarbor(member.address));
}

/** All known members, also those that this node may not see. */
export class Membership {
  readonly #members = new Map<LogicalAddress, Member>();
  /** Members in grace, soonest deadline first: deadlines are only ever added, each later than those before. */
  readonly #graceEndsAt = new Map<LogicalAddress, number>();
  readonly #graceMs: number;
  #hasSnapshot = false;
  #storeEpoch: string | undefined;
  #revision: bigint | undefined;

  /** @param graceMs - milliseconds that absent members stay after the store's epoch changed. Default `15_000`. */
  constructor(graceMs: number = DEFAULT_GRACE_MS) {
    this.#graceMs = graceMs;
  }

  get(address: LogicalAddress): Member | undefined {
    return this.#members.get(address);
  }

  get size(): number {
    return this.#members.size;
  }

  values(): IterableIterator<Member> {
    return this.#members.values();
  }

  /** Whether a first snapshot has come. Before it nothing is known, not even that there is nobody. */
  get hasSnapshot(): boolean {
    return this.#hasSnapshot;
  }

  /** When {@link expire} has something to do, on the caller's clock; `undefined` when nobody is in grace. */
  get graceEndsAt(): number | undefined {
    return this.#graceEndsAt.values().next().value;
  }

  /**
   * Takes in one report. Total: garbage changes nothing and is a problem, and a bad record costs only itself (what was
   * known of that member stays). A report that is not newer than the last one of the same store epoch changes nothing.
   */
  apply(event: DiscoveryEvent, now: number): Applied {
    const change = new Change();
    const fault = eventFault(event);
    if (fault !== undefined) return change.reject(fault);
    if (event.type === "snapshot") return this.#applySnapshot(event, now, change);
    if (!this.#hasSnapshot) return change.reject("a delta came before the first snapshot and is ignored");
    if (this.#isOld(event.revision)) return change;
    this.#revision = event.revision ?? this.#revision;
    return this.#applyDelta(event, change);
  }

  /** Removes those whose grace is over. */
  expire(now: number): MembershipChange {
    const change = new Change();
    for (const [address, endsAt] of this.#graceEndsAt) {
      if (endsAt > now) break;
      this.#remove(address, change);
    }
    return change;
  }

  #applySnapshot(event: DiscoveryEvent & { type: "snapshot" }, now: number, change: Change): Applied {
    const newEpoch = this.#hasSnapshot && event.storeEpoch !== undefined && event.storeEpoch !== this.#storeEpoch;
    if (!newEpoch && this.#isOld(event.revision)) {
      if (event.revision === this.#revision) return change;
      const problem = `a snapshot of revision ${event.revision} came after revision ${this.#revision} and is ignored`;
      return change.reject(`${problem}: a store that can lose its data must change storeEpoch when it did`);
    }
    this.#revision = newEpoch ? event.revision : (event.revision ?? this.#revision);
    this.#storeEpoch = event.storeEpoch ?? this.#storeEpoch;
    this.#hasSnapshot = true;

    const listed = new Set<LogicalAddress>();
    for (const member of this.#records(event.members, listed, change)) this.#put(member, change);
    for (const address of this.#members.keys()) {
      if (listed.has(address) || this.#graceEndsAt.has(address)) continue;
      if (newEpoch) this.#graceEndsAt.set(address, now + this.#graceMs);
      else this.#remove(address, change);
    }
    return change;
  }

  #applyDelta(event: DiscoveryEvent & { type: "delta" }, change: Change): Applied {
    const listed = new Set<LogicalAddress>();
    const puts = this.#records(event.put, listed, change);
    for (const address of event.removed) {
      const fault = addressFault(address);
      if (fault !== undefined) change.problems.push(fault);
      else if (listed.has(address)) change.problems.push(`${formatAddress(address)} is both put and removed in one delta: it stays`);
      else this.#remove(address, change);
    }
    for (const member of puts) this.#put(member, change);
    return change;
  }

  /** The good records, the last one of each address. `listed` gets every address that was named, those of bad records too. */
  #records(records: readonly Member[], listed: Set<LogicalAddress>, change: Change): Iterable<Member> {
    const good = new Map<LogicalAddress, Member>();
    for (const record of records) {
      const known = this.#members.get(record?.address);
      const fault = known !== undefined && sameMember(known, record) ? undefined : memberFault(record);
      if (fault !== undefined) {
        change.problems.push(fault);
        if (addressFault(record?.address) !== undefined) continue;
        listed.add(record.address);
        this.#graceEndsAt.delete(record.address);
        continue;
      }
      if (good.has(record.address)) {
        change.problems.push(
          `member ${formatAddress(record.address)} is listed twice (${good.get(record.address)?.endpoint} and ${record.endpoint}): the last one counts`,
        );
      }
      good.set(record.address, record);
      listed.add(record.address);
    }
    return good.values();
  }

  #isOld(revision: bigint | undefined): boolean {
    return revision !== undefined && this.#revision !== undefined && revision <= this.#revision;
  }

  #put(record: Member, change: Change): void {
    const known = this.#members.get(record.address);
    this.#graceEndsAt.delete(record.address);
    if (known !== undefined && sameMember(known, record)) return;
    const member = copyMember(record);
    this.#members.set(member.address, member);
    (known === undefined ? change.added : change.updated).push(member);
  }

  #remove(address: LogicalAddress, change: Change): void {
    const known = this.#members.get(address);
    if (known === undefined) return;
    this.#members.delete(address);
    this.#graceEndsAt.delete(address);
    change.removed.push(known);
  }
}

class Change implements Applied {
  readonly added: Member[] = [];
  readonly updated: Member[] = [];
  readonly removed: Member[] = [];
  readonly problems: string[] = [];
  accepted = true;

  reject(problem: string): this {
    this.accepted = false;
    this.problems.push(problem);
    return this;
  }
}
