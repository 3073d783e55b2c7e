/** A message and its codec as generated code has them, small enough to read: field 1 is text, field 2 bytes. */
import { BinaryReader } from "../../src/protobuf/binary-reader.js";
import { BinaryWriter } from "../../src/protobuf/binary-writer.js";
import { type Codec, defineMethod, type Message, type Method } from "../../src/rpc/service.js";

export interface Note {
  readonly text: string;
  readonly data: Uint8Array;
}

const codec: Codec<Note> = {
  encode(note, writer = new BinaryWriter()) {
    if (note.text !== "") writer.uint32(10).string(note.text);
    if (note.data.length > 0) writer.uint32(18).bytes(note.data);
    return writer;
  },
  decode(input, length) {
    const reader = input instanceof Uint8Array ? new BinaryReader(input) : input;
    const end = length === undefined ? reader.len : reader.pos + length;
    let text = "";
    let data: Uint8Array = new Uint8Array(0);
    while (reader.pos < end) {
      const tag = reader.uint32();
      if (tag === 10) text = reader.string();
      else if (tag === 18) data = reader.bytes();
      else reader.skip(tag & 7);
    }
    return { text, data };
  },
  fromPartial(partial: Partial<Note> | undefined) {
    return { text: partial?.text ?? "", data: partial?.data ?? new Uint8Array(0) };
  },
};

export const noteCodec = codec;

export function noteMethod(name: string): Method<Note, Note> {
  return defineMethod(`test.Notes/${name}`, "unary", codec, codec);
}

export const echo = noteMethod("echo");

export const noteMessage: Message<Note> = { ...codec, messageId: 7, messageName: "test.Note" };

export function textNote(text: string): Note {
  return { text, data: new Uint8Array(0) };
}

/** A note whose encoding has `bytes` bytes exactly. */
export function sizedNote(bytes: number): Note {
  for (let size = bytes; size >= 0; size--) {
    const note = { text: "", data: new Uint8Array(size) };
    const { length } = codec.encode(note).finish();
    if (length === bytes) return note;
    if (length < bytes) break;
  }
  throw new RangeError(`no note has ${bytes} bytes exactly`);
}
