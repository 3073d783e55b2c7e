/** Cuts what arrives into frames. */
import { HEADER_BYTES } from "./frame.mjs";

const SIDE_BYTES = 4096;
const HANDED_OUT_BYTES = 65_536; // a frame above this is given away whole, with the side buffer it is in

export class FrameReader {
  #onFrame;
  #side = null; // the beginning of a frame that goes on in the next chunk
  #sideLength = 0;
  #chunk = null;
  #at = 0;
  #end = 0;

  /** `onFrame(type, id, method, buffer, payloadFrom, end, start)`: the buffer is only good during the call. */
  constructor(onFrame) {
    this.#onFrame = onFrame;
  }

  /** Takes the first `length` bytes of `chunk`, which may be used again afterwards. */
  feed(chunk, length) {
    let at = 0;
    if (this.#sideLength > 0) {
      this.#chunk = chunk;
      this.#at = 0;
      this.#end = length;
      if (!this.#completeFrame()) return;
      at = this.#at;
    }
    while (length - at >= 4) {
      const bytes = (chunk[at] | (chunk[at + 1] << 8) | (chunk[at + 2] << 16) | (chunk[at + 3] << 24)) + 4;
      if (length - at < bytes) break;
      this.#frame(chunk, at, at + bytes);
      at += bytes;
    }
    if (at < length) {
      const rest = length - at;
      if (this.#side === null || this.#side.length < rest) this.#side = Buffer.allocUnsafeSlow(Math.max(SIDE_BYTES, rest));
      chunk.copy(this.#side, 0, at, length);
      this.#sideLength = rest;
    }
  }

  /** False: the chunk was too short for it. */
  #completeFrame() {
    if (!this.#fillSide(4)) return false;
    const bytes = this.#side.readUInt32LE(0) + 4;
    if (!this.#fillSide(bytes)) return false;
    const frame = this.#side;
    this.#sideLength = 0;
    if (bytes > HANDED_OUT_BYTES) this.#side = null;
    this.#frame(frame, 0, bytes);
    return true;
  }

  /** Brings the side buffer to `bytes`, if the chunk has them. */
  #fillSide(bytes) {
    const take = Math.min(bytes - this.#sideLength, this.#end - this.#at);
    if (take > 0) {
      if (this.#side.length < bytes) {
        const larger = Buffer.allocUnsafeSlow(Math.max(bytes, 2 * this.#side.length));
        this.#side.copy(larger, 0, 0, this.#sideLength);
        this.#side = larger;
      }
      this.#chunk.copy(this.#side, this.#sideLength, this.#at, this.#at + take);
      this.#sideLength += take;
      this.#at += take;
    }
    return this.#sideLength >= bytes;
  }

  #frame(buffer, at, end) {
    const id = (buffer[at + 5] | (buffer[at + 6] << 8) | (buffer[at + 7] << 16) | (buffer[at + 8] << 24)) >>> 0;
    this.#onFrame(buffer[at + 4], id, buffer[at + 9] | (buffer[at + 10] << 8), buffer, at + HEADER_BYTES, end, at);
  }
}
