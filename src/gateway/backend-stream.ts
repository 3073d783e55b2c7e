/** What a gateway needs of a node: its public API for streams, and nothing else. */
import type { Duplex } from "node:stream";
import type { LogicalAddress } from "../addr/logical-address.js";
import type { AbortSignal } from "../internal/abort-signal.js";
import type { MetadataInit, Target } from "../rpc/service.js";

/** A stream to a backend. */
export type BackendStream = Duplex & {
  /** The node at its other end. */
  readonly peer: LogicalAddress;
};

export interface OpenStreamOptions {
  protocol?: string;
  metadata?: MetadataInit;
  signal?: AbortSignal;
  timeoutMs?: number;
}

/** A node, as gateways see it. */
export interface StreamOpener {
  readonly address: LogicalAddress;
  openStream(target: Target, options?: OpenStreamOptions): Promise<BackendStream>;
}
