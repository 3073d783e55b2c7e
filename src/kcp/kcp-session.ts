/** One conversation as a Node.js stream. */
import { Duplex } from "node:stream";
import type { Conversation } from "./conversation.js";
import { formatRemote } from "./datagram-socket.js";
import { KcpError } from "./kcp-error.js";
import type { ResolvedKcpOptions } from "./kcp-options.js";
import type { SessionHost } from "./session-host.js";

/** Bytes of a large write that are handed on at once. */
const PIECE_BYTES = 16 * 1024;

interface Write {
  readonly bytes: Uint8Array;
  offset: number;
  readonly taken: (error?: Error | null) => void;
}

/** The same with every version of Node.js, whose own sizes differ. */
const STREAM_BUFFERS = { decodeStrings: true, readableHighWaterMark: 16 * 1024, writableHighWaterMark: 16 * 1024 } as const;

/**
 * A KCP session: a byte stream, or in message mode a stream of `Uint8Array`s in object mode.
 *
 * Writes wait while a send window's worth is not acknowledged, and the peer's window closes while nobody reads here.
 * `end()` finishes when the peer has everything; with `tellEnds` the peer sees the end, and this side may read on.
 * `destroy()` drops what has not left and, with `tellEnds`, ends the peer's side with `RESET`. Errors are {@link KcpError}s.
 */
export class KcpSession extends Duplex {
  readonly #conversation: Conversation;
  readonly #options: ResolvedKcpOptions;
  readonly #host: SessionHost;
  #wantsData = false;
  #hasEnded = false;
  #write: Write | undefined;
  #finished: ((error?: Error | null) => void) | undefined;
  #isFinished = false;
  #saidProven: boolean;

  /** @internal */
  constructor(conversation: Conversation, options: ResolvedKcpOptions, host: SessionHost) {
    super(options.mode === "message" ? { objectMode: true } : STREAM_BUFFERS);
    this.#conversation = conversation;
    this.#options = options;
    this.#host = host;
    this.#saidProven = conversation.core.isProven;
    conversation.user = { onProgress: () => this.#progress() };
  }

  /** The conversation's number, which both sides have in common. */
  get conversation(): number {
    return this.#conversation.core.conversation;
  }

  /** The peer's network address, `10.0.1.7:8011`. */
  get remote(): string {
    return formatRemote(this.#conversation.remote);
  }

  /** Whether the peer has shown that it receives at that address; event `"proven"`. Until then it gets no more bytes than it has sent. */
  get isProven(): boolean {
    return this.#conversation.core.isProven;
  }

  /** Smoothed, in milliseconds; `undefined` before the first measurement. */
  get roundTripMs(): number | undefined {
    return this.#conversation.core.roundTripMs;
  }

  /** Segments sent more than once. */
  get retransmissions(): number {
    return this.#conversation.core.retransmissions;
  }

  /** @internal */
  override _read(): void {
    this.#wantsData = true;
    this.#deliver();
  }

  /** @internal */
  override _write(chunk: unknown, _encoding: string, taken: (error?: Error | null) => void): void {
    if (!(chunk instanceof Uint8Array)) return taken(new TypeError("a message is a Uint8Array"));
    if (this.#options.mode === "message") {
      const { maxMessageBytes } = this.#options;
      if (chunk.byteLength === 0)
        return taken(new KcpError("EMPTY_MESSAGE", "a message has at least one byte: an empty one would be an end"));
      if (chunk.byteLength > maxMessageBytes)
        return taken(new KcpError("MESSAGE_TOO_LARGE", `a message of ${chunk.byteLength} bytes; maxMessageBytes is ${maxMessageBytes}`));
    }
    this.#write = { bytes: chunk, offset: 0, taken };
    this.#feed();
  }

  /** @internal */
  override _final(finished: (error?: Error | null) => void): void {
    if (this.#options.tellEnds) this.#conversation.core.end();
    this.#finished = finished;
    this.#host.touch(this.#conversation);
    this.#finishIfSettled();
  }

  /** @internal */
  override _destroy(error: Error | null, closed: (error?: Error | null) => void): void {
    const { core } = this.#conversation;
    this.#conversation.user = undefined;
    const isOver = this.#finished !== undefined && core.isSettled && core.hasEnded;
    const isKnown = core.failure?.code === "RESET" || core.failure?.code === "REFUSED";
    this.#host.leave(this.#conversation, !this.#options.tellEnds || isKnown ? "nothing" : isOver ? "acknowledge" : "reset");
    core.fail(error instanceof KcpError ? error : new KcpError("CLOSED", "the session was destroyed"));
    this.#write = undefined;
    closed(error);
  }

  #progress(): void {
    if (this.destroyed) return;
    const { core } = this.#conversation;
    if (core.failure !== undefined) {
      this.destroy(core.failure);
      return;
    }
    if (core.isProven && !this.#saidProven) {
      this.#saidProven = true;
      this.emit("proven");
    }
    this.#deliver();
    this.#feed();
    this.#finishIfSettled();
  }

  #deliver(): void {
    const { core } = this.#conversation;
    let hasRead = false;
    while (this.#wantsData && core.isReadable) {
      hasRead = true;
      this.#wantsData = this.push(core.receive());
    }
    // Reading may have opened the window again.
    if (hasRead) this.#host.touch(this.#conversation);
    if (!core.hasEnded || this.#hasEnded) return;
    this.#hasEnded = true;
    this.push(null);
  }

  /** Hands on as much of the write that waits as there is room for. */
  #feed(): void {
    const { core } = this.#conversation;
    const write = this.#write;
    if (write === undefined || core.failure !== undefined) return;
    const { bytes } = write;
    const pieceBytes = this.#options.mode === "message" ? bytes.byteLength : PIECE_BYTES;
    const before = write.offset;
    while (write.offset < bytes.byteLength && core.hasRoom) {
      core.send(bytes.subarray(write.offset, write.offset + pieceBytes));
      write.offset += pieceBytes;
    }
    if (write.offset > before) this.#host.touch(this.#conversation);
    if (write.offset < bytes.byteLength) return;
    this.#write = undefined;
    write.taken();
  }

  #finishIfSettled(): void {
    const finished = this.#finished;
    if (finished === undefined || this.#isFinished || !this.#conversation.core.isSettled) return;
    this.#isFinished = true;
    finished();
  }
}
