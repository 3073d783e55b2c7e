/** Timing and limits of links. Checked and filled in by `src/node/options.ts`. */
export interface LinkOptions {
  /** Milliseconds one dial may take until the connection stands. Default 5,000. */
  dialTimeoutMs?: number | undefined;
  /** Milliseconds the opening may take on either side, and each of its steps at the dialer. Default 5,000. */
  handshakeTimeoutMs?: number | undefined;
  /** Milliseconds that messages wait for a peer whose dials fail, before they fail with UNAVAILABLE. Default 5,000. */
  reachTimeoutMs?: number | undefined;
  /** First back-off between dials; doubles with each failure, with full jitter. Default 100. */
  backoffMs?: number | undefined;
  /** Largest back-off. Default 2,000. */
  maxBackoffMs?: number | undefined;
  /** Dials per second of this node, to all peers together. Default 200. */
  maxDialsPerSecond?: number | undefined;
  /** Milliseconds without a byte from the peer until it is pinged. Default 15,000. */
  keepaliveMs?: number | undefined;
  /** Milliseconds without a byte until it is pinged while calls wait for it. Default 3,000. */
  probeMs?: number | undefined;
  /** Milliseconds for the answer to a ping; after that the link is dead. Default 5,000. */
  keepaliveTimeoutMs?: number | undefined;
  /** Milliseconds after which a link is dead on which bytes arrive but pings stay unanswered. Default 60,000. */
  unansweredMs?: number | undefined;
  /** Milliseconds without a message until a link is closed; the next one opens it again. `false`, the default: never. */
  idleMs?: number | false | undefined;
  /**
   * Milliseconds after which a link changes its connection, so that load spreads over new nodes: at its next quiet moment, and
   * without one when a tenth more is over. Nothing is lost or overtaken; what is sent meanwhile waits as for any connection.
   * While a message above 64 KiB is under way the connection stays. `false`, the default: never.
   */
  maxAgeMs?: number | false | undefined;
  /** Messages queued while the link is not ready. Past it, sends fail at once. Default 1,024. */
  maxPendingMessages?: number | undefined;
  /** Bytes queued while the link is not ready. An empty queue takes one message of any legal size. Default 8 MiB. */
  maxPendingBytes?: number | undefined;
  /** Bytes written but not yet taken by the system, from which on `await send()` waits. Default 1 MiB. */
  highWaterBytes?: number | undefined;
  /** The same, from which on requests fail and replies become a small error. Default 16 MiB. */
  maxBufferedBytes?: number | undefined;
  /** The same, from which on the link is destroyed: slow peer. Default 32 MiB. */
  slowPeerBytes?: number | undefined;
  /** Bytes announced by unfinished large messages of one peer. Default 16 MiB. */
  maxPartialBytes?: number | undefined;
  /** Openings of strangers under way at once. Default 256. */
  maxOpenings?: number | undefined;
}
