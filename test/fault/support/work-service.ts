/** What nodes of a history do for each other: one method and two one-way messages, whose payload says what the handler does. */
import { BinaryReader } from "../../../src/protobuf/binary-reader.js";
import { BinaryWriter } from "../../../src/protobuf/binary-writer.js";
import { type Codec, defineMethod, type Message } from "../../../src/rpc/service.js";

/** What the handler of a request does. */
export type Act =
  | { readonly type: "echo" }
  | { readonly type: "later"; readonly ms: number }
  | { readonly type: "never" }
  | { readonly type: "throw"; readonly how: "rpc" | "plain" | "nothing" }
  | { readonly type: "throw-later"; readonly ms: number }
  /** Calls another node, by address or by its type, and answers when that has ended. */
  | { readonly type: "nested"; readonly to: string | number; readonly timeoutMs: number; readonly detached: boolean; readonly inner: Act };

export interface Work {
  readonly id: number;
  readonly act: Act;
  /** Bytes of the reply's payload. */
  readonly replyBytes: number;
  readonly payload: Uint8Array;
}

export interface Done {
  readonly id: number;
  /** Address of the node that did it. */
  readonly by: number;
  readonly payload: Uint8Array;
}

function codecOf<T>(
  toJson: (value: T) => unknown,
  payloadOf: (value: T) => Uint8Array,
  from: (json: never, payload: Uint8Array) => T,
): Codec<T> {
  return {
    encode: (value, writer = new BinaryWriter()) =>
      writer
        .uint32(10)
        .string(JSON.stringify(toJson(value)))
        .uint32(18)
        .bytes(payloadOf(value)),
    decode: (input, length) => {
      const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
      const end = length === undefined ? reader.len : reader.pos + length;
      let json = "null";
      let payload = new Uint8Array(0);
      while (reader.pos < end) {
        const tag = reader.uint32();
        if (tag === 10) json = reader.string();
        else if (tag === 18) payload = Uint8Array.from(reader.bytes());
        else reader.skip(tag & 7, tag >>> 3);
      }
      return from(JSON.parse(json) as never, payload);
    },
    fromPartial: (value: T) => value,
  };
}

const work = codecOf<Work>(
  ({ id, act, replyBytes }) => ({ id, act, replyBytes }),
  ({ payload }) => payload,
  (json: Omit<Work, "payload">, payload) => ({ ...json, payload }),
);

const done = codecOf<Done>(
  ({ id, by }) => ({ id, by }),
  ({ payload }) => payload,
  (json: Omit<Done, "payload">, payload) => ({ ...json, payload }),
);

export const doWork = defineMethod("fault.Work/do", "unary", work, done);
/** One at a time for each key, see {@link keyOf}. */
export const doInTurn = defineMethod("fault.Work/inTurn", "unary", work, done);
/** A few at once. */
export const doLimited = defineMethod("fault.Work/limited", "unary", work, done);

/** The mailbox's key of a piece of work. */
export function keyOf({ id }: Work): number {
  return id % 3;
}

export const workNote: Message<Work> = { ...work, messageId: 77, messageName: "fault.WorkNote" };

export const WORK_COMMAND = 7;

/** Bytes that tell whose they are and where they belong: mixed-up ones are noticed. */
export function patternOf(id: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = (id * 31 + index * 7 + (index >>> 8)) & 0xff;
  return bytes;
}

/** What is wrong with `payload`; `undefined` when it is `id`'s own and whole. */
export function payloadFault(id: number, length: number, payload: Uint8Array): string | undefined {
  if (payload.length !== length) return `${payload.length} bytes came of ${length}`;
  return Buffer.compare(payload, patternOf(id, length)) === 0 ? undefined : "the bytes are not those that were sent";
}
