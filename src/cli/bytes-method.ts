/** A method whose messages pass as bytes: their types are not known when this is compiled. */
import { BinaryWriter } from "../protobuf/binary-writer.js";
import { rawBytes } from "../rpc/raw-bytes.js";
import { type Codec, defineMethod, type Method } from "../rpc/service.js";

const bytes: Codec<Uint8Array> = {
  encode: (message, writer = new BinaryWriter()) => writer.raw(message),
  decode: rawBytes.decode,
  fromPartial: (message) => message as Uint8Array,
};

export function bytesMethod(name: string): Method<Uint8Array, Uint8Array> {
  return defineMethod(name, "unary", bytes, bytes);
}
