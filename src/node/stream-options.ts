/** Timing and limits of streams. Checked and filled in by `src/node/options.ts`. */
export interface StreamOptions {
  /** Milliseconds until a stream that its target has not accepted fails, connecting included. Default 10,000. */
  openTimeoutMs?: number | undefined;
  /** Bytes of one stream that may wait here to be read: how far its writer gets ahead of its reader. Default 262,144, and at least that. */
  windowBytes?: number | undefined;
  /** Bytes of all streams of one session that may wait here to be read; past it the one with the most that has waited the longest is reset. Default 64 MiB. */
  maxUnreadBytes?: number | undefined;
  /** Streams with one peer at once, of both sides together. Past it, opening fails and the peer's are refused. Default 65,536. */
  maxStreams?: number | undefined;
  /** Streams of one session that have come and whose opening has not been read. Past it, further ones are refused. Default 256. */
  acceptBacklog?: number | undefined;
}
