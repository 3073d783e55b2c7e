/** Messages in and out, told over `clusterts:message`. Called only while somebody listens. */
import { type AddressText, formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { messageEvents } from "../events/channels.js";
import type { MessageKind } from "../events/events.js";
import { BinaryReader } from "../protobuf/binary-reader.js";
import { decodeError } from "../wire/error-codec.js";
import { FLAGS, getU32, KIND } from "../wire/header.js";
import { metadataLength } from "../wire/metadata.js";
import type { HandlerTable } from "./handler-table.js";
import type { Codec, Method } from "./service.js";

const KIND_NAMES: Readonly<Record<number, MessageKind>> = {
  [KIND.request]: "request",
  [KIND.reply]: "reply",
  [KIND.error]: "error",
  [KIND.refused]: "refused",
  [KIND.cancel]: "cancel",
  [KIND.post]: "post",
  [KIND.message]: "message",
  [KIND.bytes]: "bytes",
  [KIND.hopError]: "hopError",
};

const nothing = (): undefined => undefined;

/** What is known about a message that came: the name behind its number, and how to read its payload. */
interface Read {
  readonly name: string;
  readonly codec: Pick<Codec<unknown>, "decode"> | undefined;
}

/** A message that was handed to a link. `payload` is what was encoded. */
export function sayOut(
  self: LogicalAddress,
  kind: number,
  to: LogicalAddress,
  method: string,
  seq: number,
  bytes: number,
  payload: () => unknown,
): void {
  const name = KIND_NAMES[kind];
  if (name === undefined) return;
  const ends = { node: formatAddress(self), peer: formatAddress(to) };
  messageEvents.publish({ type: "message", ...ends, direction: "out", kind: name, method, seq, bytes, payload });
}

/** A message that has come. `methodOf`: of the call that a reply belongs to, if it is still known. */
export function sayIn(
  self: LogicalAddress,
  kind: number,
  flags: number,
  from: LogicalAddress,
  seq: number,
  body: Buffer,
  start: number,
  end: number,
  handlers: HandlerTable,
  methodOf: (from: LogicalAddress, seq: number) => Method<unknown, unknown> | undefined,
): void {
  const name = KIND_NAMES[kind];
  if (name === undefined) return;
  const ends: { readonly node: AddressText; readonly peer: AddressText } = { node: formatAddress(self), peer: formatAddress(from) };
  const say = (method: string, bytes: number, payload: () => unknown): void =>
    messageEvents.publish({ type: "message", ...ends, direction: "in", kind: name, method, seq, bytes, payload });
  if (kind === KIND.cancel) return say("", 0, nothing);
  if (kind === KIND.error || kind === KIND.refused || kind === KIND.hopError)
    return say(methodOf(from, seq)?.name ?? "", end - start, () => decodeError(body, start, end));
  const isReply = kind === KIND.reply;
  const call = isReply ? methodOf(from, seq) : undefined;
  const { name: method, codec }: Read = isReply
    ? { name: call?.name ?? "", codec: call?.output }
    : readerOf(kind, end - start < 4 ? undefined : getU32(body, start), handlers);
  const at = payloadStart(flags, body, isReply ? start : Math.min(start + 4, end), end);
  say(method, Math.max(0, end - at), () => codec?.decode(new BinaryReader(body.subarray(at, end))));
}

function readerOf(kind: number, id: number | undefined, handlers: HandlerTable): Read {
  if (id === undefined) return { name: "", codec: undefined };
  const hash = `#${id.toString(16).padStart(8, "0")}`;
  switch (kind) {
    case KIND.message: {
      const message = handlers.message(id);
      return { name: message?.name ?? hash, codec: message?.codec };
    }
    case KIND.bytes:
      return { name: `command ${id}`, codec: handlers.command(id)?.codec };
    default: {
      const method = handlers.method(id)?.method;
      return { name: method?.name ?? hash, codec: method?.input };
    }
  }
}

/** Where the payload begins; the end when what stands in front of it is malformed. */
function payloadStart(flags: number, body: Buffer, at: number, end: number): number {
  if ((flags & FLAGS.metadata) === 0) return at;
  try {
    return at + metadataLength(body, at, end);
  } catch {
    return end; // who reads it for good refuses the message, and says why
  }
}
