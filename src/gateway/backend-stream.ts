/** What a gateway needs of a node: its public API for streams, and nothing else. */
import type { LogicalAddress } from "../addr/logical-address.js";
import type { AbortSignal } from "../internal/abort-signal.js";
import type { MetadataInit, Target } from "../rpc/service.js";

/** A stream to a backend: a Node.js `Duplex`, of which this much is used. */
export interface BackendStream {
  /** The node at its other end. */
  readonly peer: LogicalAddress;
  readonly closed: boolean;
  readonly readableEnded: boolean;
  readonly writableFinished: boolean;
  readonly readableLength: number;
  readonly writableLength: number;
  write(chunk: Uint8Array): boolean;
  end(): unknown;
  pause(): unknown;
  resume(): unknown;
  destroy(): unknown;
  on(event: string, listener: (...args: never[]) => void): unknown;
  once(event: string, listener: (...args: never[]) => void): unknown;
}

export interface OpenStreamOptions {
  protocol?: string | undefined;
  metadata?: MetadataInit | undefined;
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
}

/** A node, as gateways see it. */
export interface StreamOpener {
  readonly address: LogicalAddress;
  openStream(target: Target, options?: OpenStreamOptions): Promise<BackendStream>;
}
