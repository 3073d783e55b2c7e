/** Why a stream is over, other than by its two ends. */
import { describeHarborReset, readHarborReset, wasNeverAsked } from "./harbor-reset.js";
import { describeReset, RESET } from "./reset-code.js";

export type StreamErrorReason =
  /** The peer reset it; `resetCode` says why. */
  | "reset"
  /** The peer never accepted it: opening it again, over another session, repeats nothing. */
  | "refused"
  /** The peer did not acknowledge it in time; whether it has taken it meanwhile is not known. */
  | "timeout"
  /** The session, or the connection below it, is gone, or one behind a harbor. What was not read yet is lost. */
  | "lost"
  /** This side reset it: too much was unread in the session, most of it here. */
  | "over-budget"
  /** The session opens no streams (any more); the message says why. */
  | "unavailable";

export class StreamError extends Error {
  override readonly name = "StreamError";
  readonly reason: StreamErrorReason;
  /** The code that travelled, or travels when another stream is destroyed with this error. */
  readonly resetCode: number;

  constructor(reason: StreamErrorReason, message: string, options: { resetCode?: number; cause?: Error | undefined } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.resetCode = options.resetCode ?? RESET_OF[reason];
  }

  static is(error: unknown): error is StreamError {
    return error instanceof Error && error.name === "StreamError" && "resetCode" in error;
  }
}

const RESET_OF: Readonly<Record<StreamErrorReason, number>> = {
  reset: RESET.unspecified,
  refused: RESET.refused,
  timeout: RESET.cancelled,
  lost: RESET.failed,
  "over-budget": RESET.overBudget,
  unavailable: RESET.refused,
};

/**
 * What a reset by the peer means. Before it acknowledged the stream, a reset without another reason says that it never
 * took it: "refused".
 */
export function resetByPeer(streamId: number, remote: string, code: number, wasAcknowledged: boolean): StreamError {
  const ofHarbor = readHarborReset(code);
  if (ofHarbor !== undefined) {
    const isRefused = !wasAcknowledged && wasNeverAsked(ofHarbor.reason);
    const what = `stream ${streamId} to ${remote} was ${isRefused ? "refused" : "lost"}: ${describeHarborReset(ofHarbor)}`;
    return new StreamError(isRefused ? "refused" : "lost", what, { resetCode: code });
  }
  const isRefusal = !wasAcknowledged && (code === RESET.unspecified || code === RESET.refused);
  if (isRefusal) return new StreamError("refused", `stream ${streamId} to ${remote} was refused: the peer did not accept it`);
  return new StreamError("reset", `stream ${streamId} to ${remote} was reset by the peer: ${describeReset(code)}`, { resetCode: code });
}

/** The code that tells the peer why this side destroys a stream. */
export function resetCodeFor(error: Error | null): number {
  // What Node.js destroys with when a reader stops in the middle, or a signal ends a pipeline.
  if (error === null || error.name === "AbortError") return RESET.cancelled;
  // A harbor's word is only its own to say.
  return StreamError.is(error) && readHarborReset(error.resetCode) === undefined ? error.resetCode : RESET.failed;
}
