/** Methods that take a text and give one: enough for tests that are not about messages. */
import { BinaryReader } from "../../src/protobuf/binary-reader.js";
import { BinaryWriter } from "../../src/protobuf/binary-writer.js";
import { type Codec, defineMethod, type Message, type Method } from "../../src/rpc/service.js";

export interface Text {
  text: string;
}

/** What ts-proto writes for `message Text { string text = 1; }`. */
export const textCodec: Codec<Text> = {
  encode(message: Text, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.text !== "") writer.uint32(10).string(message.text);
    return writer;
  },
  decode(input: BinaryReader | Uint8Array, length?: number): Text {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const end = length === undefined ? reader.len : reader.pos + length;
    const message = { text: "" };
    while (reader.pos < end) {
      const tag = reader.uint32();
      if (tag === 10) message.text = reader.string();
      else reader.skip(tag & 7);
    }
    return message;
  },
  fromPartial: (partial: Partial<Text>): Text => ({ text: partial.text ?? "" }),
};

export function textMethod(name: string): Method<Text, Text> {
  return defineMethod(name, "unary", textCodec, textCodec);
}

export function textMessage(messageId: number, messageName: string): Message<Text> {
  return { ...textCodec, messageId, messageName };
}
