/**
 * Keys and values beside the members: configuration that many processes share and follow. Optional, and separate from
 * {@link Discovery}: a store may have one, the other, or both.
 */
import type { AbortSignal } from "../internal/abort-signal.js";

export interface KeyValueEntry {
  readonly key: string;
  /** Text, as configuration is; bytes go in as base64. */
  readonly value: string;
  /** Grows with every change of the store; what `ifRevision` is compared with. */
  readonly revision: bigint;
}

/**
 * One report of `watch`. The first one is a snapshot, also when there is nothing; a later one comes when the watch had to
 * begin anew, and replaces all that came before.
 */
export type KeyValueEvent =
  | { readonly type: "snapshot"; readonly entries: readonly KeyValueEntry[] }
  | { readonly type: "delta"; readonly put: readonly KeyValueEntry[]; readonly removed: readonly string[] };

export interface KeyValueOptions {
  /** Milliseconds until it fails with DEADLINE_EXCEEDED. Default 10,000. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface KeyValueWriteOptions extends KeyValueOptions {
  /** Writes only when the key's revision is this one; `0n`: only when there is no such key. Default: whatever is there. */
  ifRevision?: bigint | undefined;
}

/** Failures are `RpcError`s; a write that failed with `execution` `"unknown"` may have been done. */
export interface KeyValue {
  /** The entry, `undefined` when there is none. */
  get(key: string, options?: KeyValueOptions): Promise<KeyValueEntry | undefined>;
  /**
   * Writes a value, and resolves with its revision once it is safe.
   *
   * @throws RpcError `ABORTED` when `ifRevision` is given and is not the key's revision any more: read it and try again.
   */
  set(key: string, value: string, options?: KeyValueWriteOptions): Promise<bigint>;
  /** Takes a key away; whether it was there. @throws RpcError `ABORTED` as {@link set}. */
  delete(key: string, options?: KeyValueWriteOptions): Promise<boolean>;
  /** The entries whose keys begin with `prefix`, in order of their keys. `""` stands for all. */
  list(prefix: string, options?: KeyValueOptions): Promise<readonly KeyValueEntry[]>;
  /**
   * Reports the entries whose keys begin with `prefix` until `signal` aborts. Does not end when the store is away: it waits, and goes on.
   *
   * @throws RpcError when waiting does not help: `INVALID_ARGUMENT` for a prefix that cannot be, `UNAVAILABLE` when the server
   * refuses this process, or this process the server, for its secret, its certificate or its cluster.
   */
  watch(prefix: string, signal: AbortSignal): AsyncIterable<KeyValueEvent>;
}
