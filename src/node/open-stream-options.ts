/** What programs say when they open a stream, and who takes it. */
import type { AbortSignal } from "../internal/abort-signal.js";
import type { MetadataInit } from "../rpc/service.js";
import type { ClusterStream } from "./cluster-stream.js";

export interface OpenStreamOptions {
  /** What will be spoken on it: 1 to 128 printable ASCII characters without spaces. Default `"default"`. */
  protocol?: string | undefined;
  /** What the handler gets with it. */
  metadata?: MetadataInit | undefined;
  /** Aborting it gives the opening up; a stream that is open stays. */
  signal?: AbortSignal | undefined;
  /** Milliseconds until `DEADLINE_EXCEEDED`, connecting included. Default: the option `stream.openTimeoutMs`. */
  timeoutMs?: number | undefined;
}

export type StreamHandler = (stream: ClusterStream) => void | Promise<void>;
