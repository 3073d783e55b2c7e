/** One message of a streaming call to its frame and back. */
import { messageOf } from "../../internal/message-of.js";
import { BinaryReader } from "../../protobuf/binary-reader.js";
import type { Codec } from "../service.js";
import { encodeFrame, FRAME } from "./call-frames.js";

/** `"tooLarge"`: over the limit of one end; `"malformed"`: not what the method declares. */
export type MessageFault = "tooLarge" | "malformed";

export class MessageError extends Error {
  readonly fault: MessageFault;

  constructor(fault: MessageFault, message: string, cause?: unknown) {
    super(message, { cause });
    this.fault = fault;
  }
}

/** @throws {@link MessageError} */
export function encodeMessage(codec: Codec<unknown>, value: unknown, maxBytes: number): Buffer {
  let body: Uint8Array;
  try {
    body = codec.encode(value).finish();
  } catch (cause) {
    throw new MessageError("malformed", `cannot be encoded: ${messageOf(cause)}`, cause);
  }
  if (body.length > maxBytes) throw new MessageError("tooLarge", `is over the limit of ${maxBytes} bytes`);
  return encodeFrame(FRAME.message, body);
}

/** @throws {@link MessageError} */
export function decodeMessage(codec: Codec<unknown>, body: Buffer): unknown {
  try {
    const reader = new BinaryReader(body);
    const value = codec.decode(reader, body.length);
    reader.expectEnd();
    return value;
  } catch (cause) {
    throw new MessageError("malformed", `cannot be decoded: ${messageOf(cause)}`, cause);
  }
}
