/**
 * Bytes to frames, however they were cut. A frame that lies whole in a chunk is handed out in place; one that crosses
 * chunks is put together once, in memory of its own: one frame's at most, whatever a peer announces.
 */
import { getU32 } from "./header.js";
import { HEADER_BYTES, MAX_FRAME_BODY_BYTES } from "./limits.js";
import { ProtocolError } from "./protocol-error.js";

/** Gets the frame at `buffer[start, end)`, header included. The bytes stay as they are: views may be kept. */
export type FrameSink = (buffer: Buffer, start: number, end: number) => void;

const LEAST = HEADER_BYTES - 4;
const MOST = LEAST + MAX_FRAME_BODY_BYTES;

export class FrameReader {
  readonly #sink: FrameSink;
  /** The beginning of a frame that the last chunk cut off: `#held` bytes of `#rest`. */
  #rest: Buffer | undefined;
  #held = 0;
  #stopped = false;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Bytes held of an unfinished frame. */
  get heldBytes(): number {
    return this.#held;
  }

  /** No more frames are handed out, also from the chunk that is being read. */
  stop(): void {
    this.#stopped = true;
    this.#rest = undefined;
    this.#held = 0;
  }

  /** @throws {@link ProtocolError} for a length that no frame has, and what the sink throws. After that no more frames are handed out. */
  push(chunk: Buffer): void {
    try {
      this.#read(chunk);
    } catch (error) {
      this.stop(); // where the next frame begins is not known any more
      throw error;
    }
  }

  #read(chunk: Buffer): void {
    let at = 0;
    if (this.#held > 0) {
      at = this.#complete(chunk);
      if (at < 0) return;
    }
    const sink = this.#sink;
    const size = chunk.length;
    while (!this.#stopped && size - at >= 4) {
      const length = getU32(chunk, at);
      if (length < LEAST || length > MOST) throw badLength(length);
      const end = at + 4 + length;
      if (end > size) break;
      sink(chunk, at, end);
      at = end;
    }
    if (at < size && !this.#stopped) this.#hold(chunk, at);
  }

  /** Fills up the held frame and hands it out. Gives the offset behind it, or -1 when the chunk was not enough. */
  #complete(chunk: Buffer): number {
    let rest = this.#rest!;
    let at = 0;
    if (this.#held < 4) {
      const take = Math.min(4 - this.#held, chunk.length);
      chunk.copy(rest, this.#held, 0, take);
      this.#held += take;
      at = take;
      if (this.#held < 4) return -1;
      const length = getU32(rest, 0);
      if (length < LEAST || length > MOST) throw badLength(length);
      const whole = Buffer.allocUnsafeSlow(4 + length);
      rest.copy(whole, 0, 0, 4);
      rest = whole;
      this.#rest = whole;
    }
    const take = Math.min(rest.length - this.#held, chunk.length - at);
    chunk.copy(rest, this.#held, at, at + take);
    this.#held += take;
    if (this.#held < rest.length) return -1;
    this.#rest = undefined;
    this.#held = 0;
    this.#sink(rest, 0, rest.length);
    return at + take;
  }

  #hold(chunk: Buffer, at: number): void {
    const held = chunk.length - at;
    const rest = Buffer.allocUnsafeSlow(held < 4 ? 4 : 4 + getU32(chunk, at));
    chunk.copy(rest, 0, at);
    this.#rest = rest;
    this.#held = held;
  }
}

function badLength(length: number): ProtocolError {
  return new ProtocolError(`frame length ${length} is not from ${LEAST} to ${MOST}`);
}
