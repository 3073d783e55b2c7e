/** Why a message never went out: what a link tells whoever waits for it. */

export type UnsentReason =
  /** Dialing the peer failed for as long as a message may wait; `cause` is the last failure. */
  | "unreachable"
  /** Discovery does not know the peer, or no longer. */
  | "unknown"
  /** The peer has shut down. */
  | "left";

export class UnsentError extends Error {
  override readonly name = "UnsentError";
  readonly reason: UnsentReason;

  constructor(reason: UnsentReason, message: string, cause?: Error) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}
