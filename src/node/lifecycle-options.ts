/** What `start()` and `close()` take, and what `close()` gives. */
import type { AbortSignal } from "../internal/abort-signal.js";

export interface StartOptions {
  /** Milliseconds to find this node's place, listen and register. Default 10,000. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface CloseOptions {
  /** Milliseconds for what has begun to finish. Default 10,000. */
  timeoutMs?: number | undefined;
}

/** What `close()` had to cut off. */
export interface CloseReport {
  readonly timedOut: boolean;
  /** Calls of this node that had no reply yet. */
  readonly callsCut: number;
  /** Requests of others that handlers still worked on. */
  readonly requestsCut: number;
  /** Messages that waited for a link and were not sent. */
  readonly messagesLost: number;
  /** Streams that had not ended. */
  readonly streamsCut: number;
}
