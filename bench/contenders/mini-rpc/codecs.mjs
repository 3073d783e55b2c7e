/** Codecs of the echo message: `encode(value)` gives a string or Buffer, `decode(buffer, from, to)` the value. */
import { STRINGS } from "./strings.mjs";

/** `encode` is `null` where the value itself goes into the frame. */
export async function makeCodec({ codec, bytes, str }) {
  switch (codec) {
    case "json":
      return {
        encode: (value) => JSON.stringify({ msg: value }),
        decode: (buffer, from, to) => JSON.parse(buffer.utf8Slice(from, to)).msg,
      };
    case "protobufjs":
      return protobufjs(bytes);
    case "protobuf-es":
      return protobufEs(bytes);
    case "none":
      return { encode: null, decode: bytes ? (buffer, from, to) => Buffer.from(buffer.subarray(from, to)) : STRINGS[str].get };
    default:
      throw new Error(`unknown codec ${codec}`);
  }
}

async function protobufjs(bytes) {
  const { default: protobuf } = await import("protobufjs");
  const Echo = protobuf.parse('syntax="proto3"; message Echo { string msg = 1; bytes data = 2; }').root.lookupType("Echo");
  return {
    encode: (value) => Echo.encode(bytes ? { data: value } : { msg: value }).finish(),
    decode: (buffer, from, to) => {
      const message = Echo.decode(buffer.subarray(from, to));
      return bytes ? message.data : message.msg;
    },
  };
}

async function protobufEs(bytes) {
  const { EchoSchema, create, fromBinary, toBinary } = await import("../../fixtures/echo-es.mjs");
  return {
    encode: (value) => toBinary(EchoSchema, create(EchoSchema, bytes ? { data: value } : { msg: value })),
    decode: (buffer, from, to) => {
      const message = fromBinary(EchoSchema, buffer.subarray(from, to));
      return bytes ? message.data : message.msg;
    },
  };
}
