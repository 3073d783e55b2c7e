/**
 * The contents of the discovery server: records in, members and keys out, and what has changed since a revision. Pure:
 * knows neither disk nor time. What may become a record is decided in `commands.ts`.
 */
import type { LogicalAddress } from "../../addr/logical-address.js";
import { copyMember } from "../checked-event.js";
import type { Member } from "../discovery.js";
import { ChangeLog } from "./change-log.js";
import type { StoreContents, StoredMember, StoredValue, StoreRecord } from "./records.js";

/** Bits of a revision below the count of openings. */
const OPENED_SHIFT = 32n;

/** A store that is opened once more: all its revisions are higher than those before, those too that only memory had. */
export function reopened(contents: StoreContents): StoreContents {
  const opened = contents.opened + 1;
  const first = BigInt(opened) << OPENED_SHIFT;
  return { ...contents, opened, revision: contents.revision > first ? contents.revision : first };
}

/** What an entry of the store takes beside its texts; for limits, not exact. */
const ENTRY_BYTES = 64;

export class Store {
  readonly epoch: string;
  readonly #opened: number;
  #revision: bigint;
  #lastToken: bigint;
  readonly #members = new Map<LogicalAddress, StoredMember>();
  readonly #keys = new Map<string, StoredValue>();
  #keyBytes = 0;
  #memberBytes = 0;
  readonly #memberChanges: ChangeLog<LogicalAddress>;
  readonly #loadChanges: ChangeLog<LogicalAddress>;
  readonly #keyChanges: ChangeLog<string>;

  constructor(contents: StoreContents) {
    this.epoch = contents.epoch;
    this.#opened = contents.opened;
    this.#revision = contents.revision;
    this.#lastToken = contents.lastToken;
    for (const stored of contents.members) this.#setMember(stored);
    for (const [key, value] of contents.keys) this.#setKey(key, value);
    this.#memberChanges = new ChangeLog(this.#revision);
    this.#loadChanges = new ChangeLog(this.#revision);
    this.#keyChanges = new ChangeLog(this.#revision);
  }

  /** Of the last change. */
  get revision(): bigint {
    return this.#revision;
  }

  /** The highest fencing token ever given out. */
  get lastToken(): bigint {
    return this.#lastToken;
  }

  get memberCount(): number {
    return this.#members.size;
  }

  /** Bytes of all members, roughly. */
  get memberBytes(): number {
    return this.#memberBytes;
  }

  /** Bytes of all keys and values, roughly. */
  get keyBytes(): number {
    return this.#keyBytes;
  }

  member(address: LogicalAddress): StoredMember | undefined {
    return this.#members.get(address);
  }

  members(): IterableIterator<StoredMember> {
    return this.#members.values();
  }

  key(key: string): StoredValue | undefined {
    return this.#keys.get(key);
  }

  keys(): IterableIterator<[string, StoredValue]> {
    return this.#keys.entries();
  }

  /** Members that changed, came or went after `revision`; `undefined` when that is too long ago. */
  membersSince(revision: bigint): Set<LogicalAddress> | undefined {
    return revision > this.#revision ? undefined : this.#memberChanges.since(revision);
  }

  /** Members whose loads changed after `revision`, as far back as {@link membersSince} knows. */
  loadsSince(revision: bigint): Set<LogicalAddress> | undefined {
    return revision > this.#revision ? undefined : this.#loadChanges.since(revision);
  }

  keysSince(revision: bigint): Set<string> | undefined {
    return revision > this.#revision ? undefined : this.#keyChanges.since(revision);
  }

  /** As {@link keysSince}, each with the revision of its last change, the one that has rested longest first. */
  keyChangesSince(revision: bigint): readonly { readonly key: string; readonly revision: bigint }[] | undefined {
    return revision > this.#revision ? undefined : this.#keyChanges.changesSince(revision);
  }

  /** Makes the next revision and applies one record at it. */
  apply(record: StoreRecord): void {
    this.#revision++;
    switch (record.type) {
      case "member":
        this.#putMember(record.stored);
        break;
      case "member-gone":
        this.#forgetMember(record.address);
        this.#memberChanges.append(this.#revision, record.address);
        break;
      case "key":
        this.#setKey(record.key, { value: record.value, revision: this.#revision });
        this.#keyChanges.append(this.#revision, record.key);
        break;
      case "key-gone":
        this.#forgetKey(record.key);
        this.#keyChanges.append(this.#revision, record.key);
        break;
      default:
        record satisfies never;
    }
  }

  /** As {@link apply} for what a log says, at the revisions that the log says. */
  replay(revision: bigint, records: readonly StoreRecord[]): void {
    this.#revision = revision - 1n;
    for (const record of records) this.apply(record);
  }

  /** Loads of members that are not stored on disk: all of them make one revision. */
  applyLoads(loads: ReadonlyMap<LogicalAddress, number>): void {
    this.#revision++;
    for (const [address, load] of loads) {
      const stored = this.#members.get(address);
      if (stored === undefined || stored.member.load === load) continue;
      this.#members.set(address, { ...stored, member: copyMember({ ...stored.member, load }) });
      this.#loadChanges.append(this.#revision, address);
    }
  }

  /** All of it, for a snapshot. */
  contents(): StoreContents {
    return {
      epoch: this.epoch,
      opened: this.#opened,
      revision: this.#revision,
      lastToken: this.#lastToken,
      members: [...this.#members.values()],
      keys: [...this.#keys],
    };
  }

  #putMember(stored: StoredMember): void {
    const { address, incarnation = 0n } = stored.member;
    if (incarnation > this.#lastToken) this.#lastToken = incarnation;
    this.#setMember(stored);
    this.#memberChanges.append(this.#revision, address);
  }

  #setMember(stored: StoredMember): void {
    this.#forgetMember(stored.member.address);
    this.#members.set(stored.member.address, stored);
    this.#memberBytes += bytesOfMember(stored.member);
  }

  #forgetMember(address: LogicalAddress): void {
    const stored = this.#members.get(address);
    if (stored === undefined) return;
    this.#members.delete(address);
    this.#memberBytes -= bytesOfMember(stored.member);
  }

  #setKey(key: string, value: StoredValue): void {
    this.#forgetKey(key);
    this.#keys.set(key, value);
    this.#keyBytes += bytesOf(key, value);
  }

  #forgetKey(key: string): void {
    const value = this.#keys.get(key);
    if (value === undefined) return;
    this.#keys.delete(key);
    this.#keyBytes -= bytesOf(key, value);
  }
}

/** What a member takes; for limits, not exact. Its load counts for nothing. */
export function bytesOfMember({ endpoint, metadata, version = "" }: Member): number {
  let bytes = ENTRY_BYTES + 2 * (endpoint.length + version.length);
  for (const key in metadata) bytes += ENTRY_BYTES + 2 * (key.length + metadata[key]!.length);
  return bytes;
}

function bytesOf(key: string, { value }: StoredValue): number {
  return ENTRY_BYTES + 2 * (key.length + value.length);
}
