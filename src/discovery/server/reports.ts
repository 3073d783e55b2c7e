/** What those who watch are told, encoded once for all who have the same. */
import type { LogicalAddress } from "../../addr/logical-address.js";
import { type Entry, KeysReport, Report } from "../../gen/clusterts/discovery.js";
import type { Member } from "../discovery.js";
import { toWire } from "./member-codec.js";
import { MAX_REPORT_BYTES } from "./protocol.js";
import type { StoredValue } from "./records.js";
import type { Store } from "./store.js";

/**
 * One reply has its limits. Changes of members above this are told as a snapshot, which comes in parts; of keys there are more
 * than fit as soon as a few large ones change often, and so their changes come in parts themselves.
 */
const MAX_DELTA_BYTES = 2 * 1024 ** 2;
/** Reports of one revision that are kept: whoever is at an odd one costs an encoding of his own. */
const MAX_KEPT = 64;

/** What a member or entry takes beside its texts; for the size of a report, not exact. */
const RECORD_BYTES = 32;

/** What the caller has: the epoch and revision of its last report, and how far it has read a snapshot. */
export interface Position<A> {
  readonly epoch: string;
  readonly revision: bigint;
  /** The next part of a snapshot: what comes after this. `undefined`: changes, or the first part. */
  readonly after: A | undefined;
}

/** Reports on one store. Those of one revision are kept until the next. */
export class Reports {
  readonly #store: Store;
  #revision = -1n;
  #encoded = new Map<string, Uint8Array>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** An encoded `Report`: what has changed since the caller's position, or a snapshot where that is too long ago. */
  members({ epoch, revision, after }: Position<number>): Uint8Array {
    const isOurs = epoch === this.#store.epoch;
    const changed = isOurs && after === undefined ? this.#store.membersSince(revision) : undefined;
    const loaded = isOurs && after === undefined ? this.#store.loadsSince(revision) : undefined;
    if (changed === undefined || loaded === undefined || this.#isTooLarge(changed))
      return this.#once(`members after ${after ?? ""}`, () => this.#snapshot(after ?? 0));
    return this.#once(`members since ${revision}`, () => this.#delta(changed, loaded));
  }

  /** An encoded `KeysReport`, of the keys that begin with `prefix`. */
  keys(prefix: string, { epoch, revision, after }: Position<string>): Uint8Array {
    const changes = epoch === this.#store.epoch && after === undefined ? this.#store.keyChangesSince(revision) : undefined;
    const name = JSON.stringify([prefix, after]);
    if (changes === undefined) return this.#once(`keys ${name}`, () => this.#keysSnapshot(prefix, after));
    return this.#once(`keys ${name} since ${revision}`, () => this.#keysDelta(prefix, changes));
  }

  #once(name: string, make: () => Uint8Array): Uint8Array {
    if (this.#revision !== this.#store.revision) {
      this.#revision = this.#store.revision;
      this.#encoded = new Map();
    }
    let encoded = this.#encoded.get(name);
    if (encoded === undefined) {
      encoded = make();
      if (this.#encoded.size >= MAX_KEPT) this.#encoded.delete(this.#encoded.keys().next().value!);
      this.#encoded.set(name, encoded);
    }
    return encoded;
  }

  #isTooLarge(changed: ReadonlySet<LogicalAddress>): boolean {
    let bytes = 0;
    for (const address of changed) bytes += bytesOf(this.#store.member(address)?.member);
    return bytes > MAX_DELTA_BYTES;
  }

  #snapshot(after: number): Uint8Array {
    const members = [...this.#store.members()].map(({ member }) => member).filter(({ address }) => address > after);
    members.sort((one, other) => one.address - other.address);
    const { part, isAll } = firstPart(members, bytesOf);
    const moreAfter = isAll ? 0 : part.at(-1)!.address;
    const report: Report = { ...this.#head(false), put: part.map(toWire), removed: [], loaded: [], loads: [], moreAfter };
    return Report.encode(report).finish();
  }

  #delta(changed: ReadonlySet<LogicalAddress>, loaded: ReadonlySet<LogicalAddress>): Uint8Array {
    const report: Report = { ...this.#head(true), put: [], removed: [], loaded: [], loads: [], moreAfter: 0 };
    for (const address of changed) {
      const stored = this.#store.member(address);
      if (stored === undefined) report.removed.push(address);
      else report.put.push(toWire(stored.member));
    }
    for (const address of loaded) {
      const load = changed.has(address) ? undefined : this.#store.member(address)?.member.load;
      if (load === undefined) continue;
      report.loaded.push(address);
      report.loads.push(load);
    }
    return Report.encode(report).finish();
  }

  #keysSnapshot(prefix: string, after: string | undefined): Uint8Array {
    const isWanted = (key: string): boolean => key.startsWith(prefix) && (after === undefined || key > after);
    const entries = [...this.#store.keys()].filter(([key]) => isWanted(key)).map(([key, value]) => entryOf(key, value));
    entries.sort((one, other) => (one.key < other.key ? -1 : 1));
    const { part, isAll } = firstPart(entries, ({ key, value }) => bytesOfKey(key, value));
    const report: KeysReport = { ...this.#head(false), put: part, removed: [], moreAfter: isAll ? undefined : part.at(-1)!.key };
    return KeysReport.encode(report).finish();
  }

  /**
   * What has rested longest comes first, as much as fits, and `revision` says how far that is: whoever asks again gets the rest.
   * A key that is written all the time moves to the end, and holds up no other.
   */
  #keysDelta(prefix: string, changes: readonly { readonly key: string; readonly revision: bigint }[]): Uint8Array {
    const report: KeysReport = { ...this.#head(true), put: [], removed: [], moreAfter: undefined };
    let bytes = 0;
    let told = 0n;
    for (const { key, revision } of changes) {
      if (!key.startsWith(prefix)) continue;
      const value = this.#store.key(key);
      bytes += bytesOfKey(key, value?.value ?? "");
      if (told > 0n && bytes > MAX_DELTA_BYTES) {
        report.revision = told;
        break;
      }
      if (value === undefined) report.removed.push(key);
      else report.put.push(entryOf(key, value));
      told = revision;
    }
    return KeysReport.encode(report).finish();
  }

  #head(isDelta: boolean): { epoch: string; revision: bigint; isDelta: boolean } {
    return { epoch: this.#store.epoch, revision: this.#store.revision, isDelta };
  }
}

/** As many as fit into one report, at least one. */
function firstPart<T>(records: readonly T[], bytesOfOne: (record: T) => number): { readonly part: T[]; readonly isAll: boolean } {
  let bytes = 0;
  for (const [index, record] of records.entries()) {
    bytes += bytesOfOne(record);
    if (index > 0 && bytes > MAX_REPORT_BYTES) return { part: records.slice(0, index), isAll: false };
  }
  return { part: [...records], isAll: true };
}

/** At most, as a character of JavaScript takes three bytes at most. */
function bytesOf(member: Member | undefined): number {
  if (member === undefined) return RECORD_BYTES;
  const texts = [member.endpoint, member.version ?? "", ...Object.entries(member.metadata ?? {}).flat()];
  return texts.reduce((sum, text) => sum + 3 * text.length, RECORD_BYTES);
}

function bytesOfKey(key: string, value: string): number {
  return RECORD_BYTES + Buffer.byteLength(key) + Buffer.byteLength(value);
}

function entryOf(key: string, { value, revision }: StoredValue): Entry {
  return { key, value, revision };
}
