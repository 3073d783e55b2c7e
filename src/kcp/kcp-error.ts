/** Why a session ended before both sides had finished, or a message was not taken. */

export type KcpErrorCode =
  /** A segment was sent `deadLink` times, or as many window probes, and nobody answered. */
  | "DEAD_LINK"
  /** Nothing arrived for `idleTimeoutMs`. */
  | "IDLE"
  /** Nothing proved in time that the peer's address is its own. */
  | "UNPROVEN"
  /** The peer destroyed its end, or knows nothing of this session. */
  | "RESET"
  /** The peer does what the protocol does not allow. */
  | "PROTOCOL"
  /** The peer sent a message larger than `maxMessageBytes` or than our window, or the application tried to. */
  | "MESSAGE_TOO_LARGE"
  /** The application wrote a message without bytes, which the wire cannot tell from an end. */
  | "EMPTY_MESSAGE"
  /** The peer's port is closed. */
  | "REFUSED"
  /** The listener or the socket is closed. */
  | "CLOSED";

export class KcpError extends Error {
  override readonly name = "KcpError";
  readonly code: KcpErrorCode;

  constructor(code: KcpErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /** Also true for a `KcpError` of another installed copy of the library, where `instanceof` fails. */
  static is(error: unknown): error is KcpError {
    return error instanceof Error && error.name === "KcpError" && "code" in error;
  }
}
