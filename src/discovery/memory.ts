/** A discovery inside one process: for tests, and for clusters whose nodes share a process and one instance of this. */
import { formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { InvalidOptionsError } from "../errors.js";
import type { AbortSignal } from "../internal/abort-signal.js";
import { Deferred } from "../internal/deferred.js";
import { copyMember, memberFault } from "./checked-event.js";
import type { Discovery, DiscoveryEvent, Member, MemberPatch, Registration } from "./discovery.js";
import type { KeyValue } from "./key-value.js";
import { MemoryKeys } from "./memory-keys.js";

export interface MemoryDiscovery extends Discovery {
  register(self: Member, signal: AbortSignal): Promise<Registration>;
  /** Adds or replaces a member by hand. @throws InvalidOptionsError for one that no node could use. */
  put(member: Member): void;
  /** Takes a member away. One that registered itself is told that its entry is lost. */
  remove(address: LogicalAddress): void;
  /** All members now. A copy. */
  list(): readonly Member[];
  readonly keyValue: KeyValue;
  /** Forgets everything, as a store does that lost its disk: all entries are lost, and a new store epoch begins. */
  wipe(): void;
}

/** An empty one. All nodes that should find each other get the same instance. */
export function memory(): MemoryDiscovery {
  return new MemoryStore();
}

class MemoryStore implements MemoryDiscovery {
  readonly keyValue = new MemoryKeys();
  readonly #members = new Map<LogicalAddress, Member>();
  readonly #entries = new Map<LogicalAddress, MemoryEntry>();
  readonly #watchers = new Set<Watcher>();
  #revision = 0n;
  #epoch = 1;
  /** Survives {@link wipe}: tokens never go back. */
  #lastToken = 0n;

  async *watch(signal: AbortSignal): AsyncGenerator<DiscoveryEvent, void> {
    const watcher = new Watcher();
    const onAbort = (): void => watcher.wake();
    signal.addEventListener("abort", onAbort);
    this.#watchers.add(watcher);
    try {
      while (!signal.aborted) {
        const pending = watcher.take();
        if (pending === undefined) await watcher.woken();
        else yield pending === "everything" ? this.#snapshot() : pending;
      }
    } finally {
      this.#watchers.delete(watcher);
      signal.removeEventListener("abort", onAbort);
    }
  }

  async register(self: Member, signal: AbortSignal): Promise<Registration> {
    signal.throwIfAborted();
    const fencingToken = ++this.#lastToken;
    const { address } = self;
    const taken = this.#entries.get(address);
    const entry = new MemoryEntry(fencingToken, {
      update: (patch) => this.#update(entry, address, patch),
      dispose: () => {
        if (this.#entries.get(address) === entry) this.#take(address);
      },
    });
    this.put({ ...self, incarnation: fencingToken });
    this.#entries.set(address, entry);
    taken?.lose(`${formatAddress(address)} was taken over by a newer registration`);
    return entry;
  }

  put(member: Member): void {
    const fault = memberFault(member);
    if (fault !== undefined) throw new InvalidOptionsError("memory discovery", [fault]);
    const copy = copyMember(member);
    this.#members.set(copy.address, copy);
    this.#tell([copy], []);
  }

  remove(address: LogicalAddress): void {
    const entry = this.#entries.get(address);
    this.#take(address);
    entry?.lose(`${formatAddress(address)} was removed`);
  }

  list(): readonly Member[] {
    return [...this.#members.values()];
  }

  wipe(): void {
    const entries = [...this.#entries.values()];
    this.#members.clear();
    this.#entries.clear();
    this.keyValue.wipe();
    this.#epoch++;
    this.#revision = 0n;
    for (const watcher of this.#watchers) watcher.tellEverything();
    for (const entry of entries) entry.lose("the store lost its data");
  }

  #update(entry: MemoryEntry, address: LogicalAddress, patch: MemberPatch): void {
    const member = this.#members.get(address);
    if (this.#entries.get(address) !== entry || member === undefined) throw new Error(`the entry of ${formatAddress(address)} is lost`);
    this.put({ ...member, ...patch });
  }

  #take(address: LogicalAddress): void {
    this.#entries.delete(address);
    if (this.#members.delete(address)) this.#tell([], [address]);
  }

  #tell(put: readonly Member[], removed: readonly LogicalAddress[]): void {
    this.#revision++;
    for (const watcher of this.#watchers) watcher.tell({ type: "delta", put, removed, revision: this.#revision });
  }

  #snapshot(): DiscoveryEvent {
    return { type: "snapshot", members: [...this.#members.values()], revision: this.#revision, storeEpoch: String(this.#epoch) };
  }
}

class MemoryEntry implements Registration {
  readonly fencingToken: bigint;
  readonly #store: { update(patch: MemberPatch): void; dispose(): void };
  readonly #lost = new Deferred<Error>();

  constructor(fencingToken: bigint, store: { update(patch: MemberPatch): void; dispose(): void }) {
    this.fencingToken = fencingToken;
    this.#store = store;
  }

  get lost(): Promise<Error> {
    return this.#lost.promise;
  }

  async update(patch: MemberPatch): Promise<void> {
    this.#store.update(patch);
  }

  lose(reason: string): void {
    this.#lost.resolve(new Error(reason));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#store.dispose();
  }
}

/** What one watcher has not read yet: one delta at most, then it is everything at once. */
class Watcher {
  #pending: DiscoveryEvent | "everything" | undefined = "everything";
  #wake = new Deferred<void>();

  tell(event: DiscoveryEvent): void {
    this.#pending = this.#pending === undefined ? event : "everything";
    this.wake();
  }

  tellEverything(): void {
    this.#pending = "everything";
    this.wake();
  }

  wake(): void {
    this.#wake.resolve();
  }

  woken(): Promise<void> {
    this.#wake = new Deferred();
    return this.#wake.promise;
  }

  take(): DiscoveryEvent | "everything" | undefined {
    const pending = this.#pending;
    this.#pending = undefined;
    return pending;
  }
}
