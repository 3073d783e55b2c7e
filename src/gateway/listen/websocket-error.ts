/** How a WebSocket fails. Apart from the stream: users see it, and need no types of `ws` for it. */

/** A WebSocket ended other than in order. */
export class WebSocketError extends Error {
  override readonly name = "WebSocketError";
  /** The close code; 1006 where the connection was lost without one. */
  readonly closeCode: number;
  /** The other end broke the protocol, or sent a message that is too large. */
  readonly isFault: boolean;

  constructor(closeCode: number, message: string, options: { cause?: unknown; isFault?: boolean | undefined } = {}) {
    super(message, options);
    this.closeCode = closeCode;
    this.isFault = options.isFault ?? false;
  }

  static is(error: unknown): error is WebSocketError {
    return error instanceof Error && error.name === "WebSocketError" && "closeCode" in error;
  }
}
