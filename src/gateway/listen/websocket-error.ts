/** How a WebSocket fails. Apart from the stream: users see it, and need no types of `ws` for it. */

/** A WebSocket ended other than in order. */
export class WebSocketError extends Error {
  override readonly name = "WebSocketError";
  /** The close code; 1006 where the connection was lost without one. */
  readonly closeCode: number;

  constructor(closeCode: number, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.closeCode = closeCode;
  }

  static is(error: unknown): error is WebSocketError {
    return error instanceof Error && error.name === "WebSocketError" && "closeCode" in error;
  }
}
