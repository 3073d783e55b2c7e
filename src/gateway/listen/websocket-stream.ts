/** A WebSocket as a Node.js `Duplex`, of bytes or of messages. */
import { Duplex } from "node:stream";
import type { RawData, WebSocket } from "ws";
import type { Goodbye } from "./listener.js";
import { WebSocketError } from "./websocket-error.js";

/** The peer has left in order: it wants nothing more, and what is written now cannot reach it. */
const ORDERLY_CODES: ReadonlySet<number> = new Set([1000, 1001, 1005]);
const NORMAL_CODE = 1000;
const MAX_CLOSE_TEXT_BYTES = 123;
/** Bytes of one message of a byte stream at most. */
const MAX_PIECE_BYTES = 64 * 1024;
const BINARY = { binary: true } as const;

export interface WebSocketStreamOptions {
  readonly mode: "stream" | "message";
  readonly bufferBytes: number;
}

/**
 * Each write is one binary message, or in a stream of bytes as many as it takes; what comes, binary or text, is its bytes. WebSockets know no half-close: `end()` says
 * goodbye behind all that was written, and what the peer says until it answers is still read. A peer that leaves in order
 * ends the reading side; the stream closes when that was read.
 */
export class WebSocketStream extends Duplex {
  readonly #webSocket: WebSocket;
  readonly #isInPieces: boolean;
  #isPaused = false;
  #heard = true;
  #goodbye: Goodbye | undefined;
  #failure: Error | undefined;

  constructor(webSocket: WebSocket, { mode, bufferBytes }: WebSocketStreamOptions) {
    const objectMode = mode === "message";
    // In object mode a mark counts messages: one waits, and the next is waited for.
    super(objectMode ? { objectMode, highWaterMark: 1 } : { readableHighWaterMark: bufferBytes, writableHighWaterMark: bufferBytes });
    this.#webSocket = webSocket;
    this.#isInPieces = !objectMode;
    webSocket.on("message", (data) => this.#onMessage(data));
    webSocket.on("ping", () => this.#onHeard());
    webSocket.on("pong", () => this.#onHeard());
    webSocket.on("error", (error) => {
      this.#failure ??= error; // "close" follows
    });
    webSocket.once("close", (code, text) => this.#onClose(code, text));
  }

  /** Asks whether the peer is still there. False when it said nothing since the last time, though it could have been heard. */
  probe(): boolean {
    if (this.#isPaused || this.destroyed || this.#webSocket.readyState !== this.#webSocket.OPEN) return true;
    if (!this.#heard) return false;
    this.#heard = false;
    this.#webSocket.ping();
    return true;
  }

  /** Ends it with a close code of one's own; what was written goes first, what comes is not read. */
  sayGoodbye(goodbye: Goodbye): void {
    this.#goodbye ??= goodbye;
    this.destroy();
  }

  override _read(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#webSocket.resume();
  }

  override _write(chunk: Uint8Array, _encoding: string, written: (error?: Error | null) => void): void {
    const webSocket = this.#webSocket;
    if (webSocket.readyState === webSocket.CLOSED) return written(new WebSocketError(NORMAL_CODE, "the other end has left"));
    const sent = (error?: Error | null): void => {
      // What fails because the connection is ending, fails with the reason that "close" brings.
      if (!error) written();
      else if (webSocket.readyState === webSocket.CLOSED) written(this.#failure ?? error);
    };
    if (this.#isInPieces && chunk.length > MAX_PIECE_BYTES) this.#sendPieces(chunk, sent);
    else webSocket.send(chunk, BINARY, sent);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#webSocket.close(NORMAL_CODE);
    done();
  }

  /** Is over when the connection is: whoever counts connections counts right. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const webSocket = this.#webSocket;
    if (webSocket.readyState === webSocket.CLOSED) return done(error);
    webSocket.once("close", () => done(error));
    if (this.#isPaused) webSocket.resume();
    if (this.#goodbye === undefined) webSocket.terminate();
    else webSocket.close(this.#goodbye.code, shortened(this.#goodbye.text));
  }

  /** Bytes have no bounds to keep, and the other end takes messages up to a size. */
  #sendPieces(chunk: Uint8Array, sent: (error?: Error | null) => void): void {
    for (let at = 0; at < chunk.length; at += MAX_PIECE_BYTES) {
      const end = at + MAX_PIECE_BYTES;
      this.#webSocket.send(chunk.subarray(at, end), BINARY, end < chunk.length ? undefined : sent);
    }
  }

  #onHeard(): void {
    this.#heard = true;
  }

  #onMessage(data: RawData): void {
    this.#heard = true;
    if (this.destroyed || this.push(data) || this.#isPaused) return;
    this.#isPaused = true;
    this.#webSocket.pause();
  }

  #onClose(code: number, text: Buffer): void {
    if (this.destroyed) return;
    if (this.#failure !== undefined || !(ORDERLY_CODES.has(code) || this.writableFinished)) {
      const said = text.length > 0 ? `: ${text}` : "";
      const reason = this.#failure?.message ?? (code === 1006 ? "the connection was lost" : `closed with code ${code}${said}`);
      // A WebSocket fails by what it was sent; a connection that is lost closes it without an error.
      this.destroy(new WebSocketError(code, reason, { cause: this.#failure, isFault: this.#failure !== undefined }));
      return;
    }
    if (this.readableEnded) return void this.destroy();
    this.once("end", () => this.destroy());
    this.push(null);
  }
}

/** Cut to what a close frame holds, between two characters. */
function shortened(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_CLOSE_TEXT_BYTES) return text;
  let end = MAX_CLOSE_TEXT_BYTES;
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.toString("utf8", 0, end);
}
