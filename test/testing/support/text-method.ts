/** A service of one method: text in, text out. */
import { BinaryReader } from "../../../src/protobuf/binary-reader.js";
import { BinaryWriter } from "../../../src/protobuf/binary-writer.js";
import { type Codec, defineMethod } from "../../../src/rpc/service.js";

export interface Text {
  readonly text: string;
}

const text: Codec<Text> = {
  encode: ({ text }, writer = new BinaryWriter()) => writer.uint32(10).string(text),
  decode: (input, length) => {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const end = length === undefined ? reader.len : reader.pos + length;
    let text = "";
    while (reader.pos < end) {
      const tag = reader.uint32();
      if (tag === 10) text = reader.string();
      else reader.skip(tag & 7, tag >>> 3);
    }
    return { text };
  },
  fromPartial: (partial: Partial<Text>) => ({ text: partial.text ?? "" }),
};

export const say = defineMethod("test.Chat/say", "unary", text, text);
