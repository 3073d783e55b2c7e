/** What has come in for this node to work on, since it was made. */
export interface DispatchCounters {
  requests: number;
  refused: number;
  oneWays: number;
  /** One-way messages that no handler took, or that were over a limit or malformed. */
  oneWaysDropped: number;
  oneWaysFailed: number;
  /** Results that nobody waited for any more. */
  lateReplies: number;
}
