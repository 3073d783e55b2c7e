/**
 * Bytes to frames, however they were cut. Payload is handed on in place as it comes, in as many pieces as it comes in:
 * nothing is kept here but a header that was cut off.
 */
import { getU32 } from "../wire/header.js";
import { ProtocolError } from "../wire/protocol-error.js";
import { FRAME_HEADER_BYTES, TYPE, YAMUX_VERSION } from "./frame.js";

export interface FrameSink {
  /** A header. The payload of a data frame follows by {@link onPayload}, unless `length` is 0. */
  onFrame(type: number, flags: number, streamId: number, length: number): void;
  /** The next bytes of the data frame named last: `chunk[start, end)`. `isLast`: its payload is complete with them. */
  onPayload(chunk: Buffer, start: number, end: number, isLast: boolean): void;
}

export class FrameReader {
  readonly #sink: FrameSink;
  /** The beginning of a header: `#heldBytes` of it. */
  readonly #held = new Uint8Array(FRAME_HEADER_BYTES);
  #heldBytes = 0;
  #payloadLeft = 0;
  #stopped = false;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Nothing more is handed out, also from the chunk that is being read. */
  stop(): void {
    this.#stopped = true;
  }

  /** @throws {@link ProtocolError} for a version or type that does not exist, and what the sink throws. After that nothing more is handed out. */
  push(chunk: Buffer): void {
    try {
      this.#read(chunk);
    } catch (error) {
      this.#stopped = true; // where the next frame begins is not known any more
      throw error;
    }
  }

  #read(chunk: Buffer): void {
    const size = chunk.length;
    let at = 0;
    while (at < size && !this.#stopped) {
      if (this.#payloadLeft > 0) {
        const end = Math.min(size, at + this.#payloadLeft);
        this.#payloadLeft -= end - at;
        this.#sink.onPayload(chunk, at, end, this.#payloadLeft === 0);
        at = end;
      } else if (this.#heldBytes === 0 && size - at >= FRAME_HEADER_BYTES) {
        this.#header(chunk, at);
        at += FRAME_HEADER_BYTES;
      } else {
        at = this.#hold(chunk, at);
      }
    }
  }

  /** Adds to the header that is held; hands it out when it is whole. Gives the offset behind what was taken. */
  #hold(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + FRAME_HEADER_BYTES - this.#heldBytes);
    this.#held.set(chunk.subarray(at, end), this.#heldBytes);
    this.#heldBytes += end - at;
    if (this.#heldBytes === FRAME_HEADER_BYTES) {
      this.#heldBytes = 0;
      this.#header(this.#held, 0);
    }
    return end;
  }

  #header(bytes: Uint8Array, at: number): void {
    const version = bytes[at]!;
    const type = bytes[at + 1]!;
    if (version !== YAMUX_VERSION) throw new ProtocolError(`a frame has version ${version}, not ${YAMUX_VERSION}`);
    if (type > TYPE.goAway) throw new ProtocolError(`a frame has type ${type}, which does not exist`);
    const length = getU32(bytes, at + 8);
    if (type === TYPE.data) this.#payloadLeft = length;
    this.#sink.onFrame(type, (bytes[at + 2]! << 8) | bytes[at + 3]!, getU32(bytes, at + 4), length);
  }
}
