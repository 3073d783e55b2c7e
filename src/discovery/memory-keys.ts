/** Keys and values inside one process, beside the members of `memory()`. */
import { RpcError } from "../errors.js";
import type { AbortSignal } from "../internal/abort-signal.js";
import { Deferred } from "../internal/deferred.js";
import type { KeyValue, KeyValueEntry, KeyValueEvent, KeyValueWriteOptions } from "./key-value.js";

export class MemoryKeys implements KeyValue {
  readonly #entries = new Map<string, KeyValueEntry>();
  readonly #watchers = new Set<KeyWatcher>();
  #revision = 0n;

  async get(key: string): Promise<KeyValueEntry | undefined> {
    return this.#entries.get(key);
  }

  async set(key: string, value: string, { ifRevision }: KeyValueWriteOptions = {}): Promise<bigint> {
    this.#check(key, ifRevision);
    const entry = Object.freeze({ key, value, revision: ++this.#revision });
    this.#entries.set(key, entry);
    for (const watcher of this.#watchers) watcher.tell(key);
    return entry.revision;
  }

  async delete(key: string, { ifRevision }: KeyValueWriteOptions = {}): Promise<boolean> {
    this.#check(key, ifRevision);
    if (!this.#entries.delete(key)) return false;
    for (const watcher of this.#watchers) watcher.tell(key);
    return true;
  }

  async list(prefix: string): Promise<readonly KeyValueEntry[]> {
    const entries = [...this.#entries.values()].filter(({ key }) => key.startsWith(prefix));
    return entries.sort((one, other) => (one.key < other.key ? -1 : 1));
  }

  async *watch(prefix: string, signal: AbortSignal): AsyncGenerator<KeyValueEvent, void> {
    const watcher = new KeyWatcher(prefix);
    const onAbort = (): void => watcher.wake();
    signal.addEventListener("abort", onAbort);
    this.#watchers.add(watcher);
    try {
      if (!signal.aborted) yield { type: "snapshot", entries: await this.list(prefix) };
      while (!signal.aborted) {
        const changed = watcher.take();
        if (changed.size === 0) await watcher.woken();
        else yield this.#delta(changed);
      }
    } finally {
      this.#watchers.delete(watcher);
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Forgets everything. */
  wipe(): void {
    const keys = [...this.#entries.keys()];
    this.#entries.clear();
    for (const watcher of this.#watchers) for (const key of keys) watcher.tell(key);
  }

  #delta(changed: ReadonlySet<string>): KeyValueEvent {
    const entries = [...changed].map((key) => [key, this.#entries.get(key)] as const);
    const put = entries.flatMap(([, entry]) => entry ?? []);
    return { type: "delta", put, removed: entries.filter(([, entry]) => entry === undefined).map(([key]) => key) };
  }

  #check(key: string, ifRevision: bigint | undefined): void {
    if (key === "") throw new RpcError("INVALID_ARGUMENT", "a key has at least one character", { execution: "notRun" });
    const revision = this.#entries.get(key)?.revision ?? 0n;
    if (ifRevision === undefined || ifRevision === revision) return;
    throw new RpcError("ABORTED", `key ${JSON.stringify(key)} is at revision ${revision}, not ${ifRevision}; read it and try again`);
  }
}

/** The keys that one watcher has not been told of yet: each once, so no more than there are. */
class KeyWatcher {
  readonly #prefix: string;
  #changed = new Set<string>();
  #wake = new Deferred<void>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  tell(key: string): void {
    if (!key.startsWith(this.#prefix)) return;
    this.#changed.add(key);
    this.wake();
  }

  wake(): void {
    this.#wake.resolve();
  }

  woken(): Promise<void> {
    this.#wake = new Deferred();
    return this.#wake.promise;
  }

  take(): ReadonlySet<string> {
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }
}
