/** What became of a message that was handed to a link. */
export const COMMIT = {
  /** Behind all that was sent before, on a connection that is open. */
  sent: 0,
  /** Waits for the connection; `withdraw` can still take it back. */
  queued: 1,
  /** Not taken: the queue for a link that is not ready is full. */
  pendingFull: 2,
  /** Not taken: too many bytes wait to be read by the peer. */
  congested: 3,
  /** Not taken: discovery does not know the target. */
  unknownTarget: 4,
  /** Not taken: this node, or the peer, is closing. */
  closed: 5,
} as const;

export type CommitResult = (typeof COMMIT)[keyof typeof COMMIT];
