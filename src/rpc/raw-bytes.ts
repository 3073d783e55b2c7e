/** The codec of raw messages: bytes as they are. */
import type { BinaryReader } from "../protobuf/binary-reader.js";

export const rawBytes = {
  /** A plain `Uint8Array` over memory that nobody else writes to. */
  decode(input: BinaryReader | Uint8Array, length?: number): Uint8Array {
    if (input instanceof Uint8Array) return input;
    const { buf, pos } = input;
    return new Uint8Array(buf.buffer, buf.byteOffset + pos, length ?? input.len - pos);
  },
};
