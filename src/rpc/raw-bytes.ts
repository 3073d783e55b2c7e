/** The codec of raw messages: bytes as they are. */
import type { BinaryReader } from "../protobuf/binary-reader.js";

/** A smaller payload is copied, so that keeping it does not keep the whole chunk in which it came. */
const VIEW_FROM_BYTES = 1024;

export const rawBytes = {
  /** A plain `Uint8Array` that nobody else writes to. */
  decode(input: BinaryReader | Uint8Array, length?: number): Uint8Array {
    if (input instanceof Uint8Array) return input;
    const { buf, pos } = input;
    const size = length ?? input.len - pos;
    input.pos = pos + size;
    const view = new Uint8Array(buf.buffer, buf.byteOffset + pos, size);
    return size < VIEW_FROM_BYTES ? view.slice() : view;
  },
};
