/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The plug point that users implement. An adapter only reports what its store says and registers this node; cache,
 * diff, visibility, retry with back-off and coalescing are the library's.
 */
import type { LogicalAddress } from "../addr/logical-address.js";
import type { AbortSignal } from "../internal/abort-signal.js";
import type { TlsOptions } from "../transport/tls-options.js";

/** What discovery says about one node. */
export interface Member {
  address: LogicalAddress;
  /** Where others dial it: `host:port`, `[::1]:8000` for IPv6. Host names are resolved at each dial. */
  endpoint: string;
  /** Whether nodes of other groups see it. Default false. */
  export?: boolean | undefined;
  /** Whether `pick` may choose it. Default true. */
  available?: boolean | undefined;
  /** The load it last reported; smaller is better. */
  load?: number | undefined;
  metadata?: Record<string, string> | undefined;
  /** The application's version, for rolling updates. */
  version?: string | undefined;
  /** Set by nodes that registered themselves; a member without one is configured by hand. */
  incarnation?: bigint | undefined;
}

/**
 * One report of `watch`. The first one must be a snapshot, also when there is nobody (`members: []`). A delta changes
 * what came before. `storeEpoch` changes when the store lost its data.
 */
export type DiscoveryEvent =
  | { type: "snapshot"; members: readonly Member[]; revision?: bigint | undefined; storeEpoch?: string | undefined }
  | { type: "delta"; put: readonly Member[]; removed: readonly LogicalAddress[]; revision?: bigint | undefined };

/** What of a registered member may change while it runs. */
export type MemberPatch = Partial<Pick<Member, "available" | "load" | "metadata" | "export">>;

/** This node's own entry in the store. Disposing it takes the entry away. */
export interface Registration extends AsyncDisposable {
  update(patch: MemberPatch): Promise<void>;
  /** Resolves with the reason when the entry was lost (lease expired, taken over); the library registers again. */
  readonly lost: Promise<Error>;
  /** Grows with every registration of the same address; becomes the node's incarnation, in what `watch` reports too. */
  readonly fencingToken?: bigint | undefined;
}

export interface Discovery {
  /**
   * Reports members until `signal` aborts. A throw or an end is retried with back-off while the last members stay; an
   * error with a number `retryAfterMs` is retried after that many milliseconds.
   */
  watch(signal: AbortSignal): AsyncIterable<DiscoveryEvent>;
  /** Announces this node. Without it, nodes are configured: they find themselves in what `watch` reports. */
  register?(self: Member, signal: AbortSignal): Promise<Registration>;
  /**
   * Called when a node exchanges its secrets, for adapters that prove themselves with them. One that holds those of `before`
   * goes on with `secrets`; one that was given others keeps these. Must not throw for secrets that a node may have.
   */
  setSecrets?(secrets: readonly string[], before: readonly string[]): void;
  /**
   * The same for a node's certificates and authorities. What it throws, `ClusterNode.setTls()` throws, and nothing changes then.
   */
  setTls?(tls: TlsOptions, before: TlsOptions): void;
}
