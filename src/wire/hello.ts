/**
 * The opening of a connection (docs/protocol.md, "Opening"): records of `type u8, length u16, body`, behind the frozen
 * preface. A hello is `min version u8, max version u8` and type-length-value fields (`tag u16, length u16, value`) of
 * which unknown ones are ignored; a known one stands there once.
 */
import { ADDRESS_LAYOUT } from "../addr/logical-address.js";
import { getU32, putU32 } from "./header.js";
import { MAX_NOTE_BYTES } from "./limits.js";
import { ProtocolError } from "./protocol-error.js";
import { cutText, decodeText, tryDecodeText } from "./text.js";

export const RECORD = {
  hello: 1,
  proof: 2,
  /** The acceptor takes the connection; frames may follow. */
  accepted: 3,
  /** The acceptor does not; body: reason u16, text. */
  refused: 4,
  /** The acceptor has not decided yet; body: milliseconds u32 until it will have. */
  wait: 5,
} as const;

/** What a connection is for. */
export const PURPOSE = {
  /** Frames: calls, one-way messages, relay. */
  messages: 1,
  /** A yamux session. */
  streams: 2,
  /** Only to learn who is there: closed after the proofs. */
  probe: 3,
} as const;

export type Purpose = (typeof PURPOSE)[keyof typeof PURPOSE];

/** Why an opening is refused. Before mutual proof only diagnostic: nothing is closed or replaced because of one. */
export const REFUSAL = {
  /** See the text; also what a number that is not known here becomes. */
  other: 0,
  malformed: 1,
  version: 2,
  layout: 3,
  cluster: 4,
  noCommonKey: 5,
  badProof: 6,
  wrongAddress: 7,
  insecure: 8,
  duplicate: 9,
  replaced: 10,
  draining: 11,
  busy: 12,
  timeout: 13,
  identity: 14,
  purpose: 15,
  notStarted: 16,
} as const;

const TAG = {
  layout: 1,
  cluster: 2,
  from: 3,
  to: 4,
  fromIncarnation: 5,
  toIncarnation: 6,
  purpose: 7,
  nonce: 8,
  keyIds: 9,
  maxPayloadBytes: 10,
  software: 11,
} as const;

export const NONCE_BYTES = 32;
export const KEY_ID_BYTES = 8;
export const MAX_KEYS = 8;
const MAX_CLUSTER_BYTES = 64;
const MAX_SOFTWARE_BYTES = 64;
const KNOWN: ReadonlySet<number> = new Set(Object.values(TAG));

export interface Hello {
  readonly minVersion: number;
  readonly maxVersion: number;
  /** Bits of group, type and id. */
  readonly layout: readonly [number, number, number];
  readonly cluster: string;
  readonly from: number;
  readonly to: number;
  readonly fromIncarnation: bigint;
  /** 0n when not known. */
  readonly toIncarnation: bigint;
  readonly purpose: number;
  readonly nonce: Uint8Array;
  /** The dialer's: every key that it holds; the acceptor's: the one chosen, or none. */
  readonly keyIds: readonly Uint8Array[];
  readonly maxPayloadBytes: number;
  /** For people: library and version. */
  readonly software: string;
}

export const OWN_LAYOUT: readonly [number, number, number] = [ADDRESS_LAYOUT.groupBits, ADDRESS_LAYOUT.typeBits, ADDRESS_LAYOUT.idBits];

export function encodeRecord(type: number, body: Uint8Array): Uint8Array {
  const record = new Uint8Array(3 + body.length);
  record[0] = type;
  record[1] = body.length >>> 8;
  record[2] = body.length;
  record.set(body, 3);
  return record;
}

/** The body of a hello record. @throws RangeError for an incarnation that has no 64 bits. */
export function encodeHello(hello: Hello): Uint8Array {
  const fields: [number, Uint8Array][] = [
    [TAG.layout, Uint8Array.from(hello.layout)],
    [TAG.cluster, cutText(hello.cluster, MAX_CLUSTER_BYTES)],
    [TAG.from, u32(hello.from)],
    [TAG.to, u32(hello.to)],
    [TAG.fromIncarnation, u64(hello.fromIncarnation)],
    [TAG.toIncarnation, u64(hello.toIncarnation)],
    [TAG.purpose, Uint8Array.of(hello.purpose)],
    [TAG.nonce, hello.nonce],
    [TAG.keyIds, Buffer.concat(hello.keyIds)],
    [TAG.maxPayloadBytes, u32(hello.maxPayloadBytes)],
    [TAG.software, cutText(hello.software, MAX_SOFTWARE_BYTES)],
  ];
  const bytes = new Uint8Array(2 + fields.reduce((sum, [, value]) => sum + 4 + value.length, 0));
  bytes[0] = hello.minVersion;
  bytes[1] = hello.maxVersion;
  let at = 2;
  for (const [tag, value] of fields) {
    bytes.set([tag >>> 8, tag & 0xff, value.length >>> 8, value.length & 0xff], at);
    bytes.set(value, at + 4);
    at += 4 + value.length;
  }
  return bytes;
}

/** @throws {@link ProtocolError} when a field is cut off, has a wrong size or comes twice, or a needed one is missing. */
export function decodeHello(body: Uint8Array): Hello {
  if (body.length < 2) throw new ProtocolError("the hello is empty");
  const fields = new Map<number, Uint8Array>();
  for (let at = 2; at < body.length; ) {
    if (at + 4 > body.length) throw new ProtocolError("a field of the hello is cut off");
    const end = at + 4 + ((body[at + 2]! << 8) | body[at + 3]!);
    if (end > body.length) throw new ProtocolError("a field of the hello is cut off");
    const tag = (body[at]! << 8) | body[at + 1]!;
    if (KNOWN.has(tag) && fields.has(tag)) throw new ProtocolError(`the hello has its field ${tag} twice`);
    fields.set(tag, body.subarray(at + 4, end));
    at = end;
  }
  const field = (name: keyof typeof TAG, least: number, most: number): Uint8Array => {
    const value = fields.get(TAG[name]);
    if (value === undefined) throw new ProtocolError(`the hello lacks its field "${name}"`);
    if (value.length < least || value.length > most) throw new ProtocolError(`the hello's field "${name}" has ${value.length} bytes`);
    return value;
  };
  const layout = field("layout", 3, 3);
  const keys = field("keyIds", 0, KEY_ID_BYTES * MAX_KEYS);
  if (keys.length % KEY_ID_BYTES !== 0) throw new ProtocolError(`the hello's field "keyIds" has ${keys.length} bytes`);
  const cluster = tryDecodeText(field("cluster", 1, MAX_CLUSTER_BYTES));
  if (cluster === undefined) throw new ProtocolError(`the hello's field "cluster" is no UTF-8`);
  return {
    minVersion: body[0]!,
    maxVersion: body[1]!,
    layout: [layout[0]!, layout[1]!, layout[2]!],
    cluster,
    from: getU32(field("from", 4, 4), 0),
    to: getU32(field("to", 4, 4), 0),
    fromIncarnation: getU64(field("fromIncarnation", 8, 8)),
    toIncarnation: getU64(field("toIncarnation", 8, 8)),
    purpose: field("purpose", 1, 1)[0]!,
    nonce: field("nonce", 16, 64),
    keyIds: Array.from({ length: keys.length / KEY_ID_BYTES }, (_, i) => keys.subarray(i * KEY_ID_BYTES, (i + 1) * KEY_ID_BYTES)),
    maxPayloadBytes: getU32(field("maxPayloadBytes", 4, 4), 0),
    software: fields.has(TAG.software) ? decodeText(field("software", 0, MAX_SOFTWARE_BYTES)) : "",
  };
}

/** The body of a refusal. */
export function encodeRefusal(reason: number, text: string): Uint8Array {
  const said = cutText(text, MAX_NOTE_BYTES);
  const body = new Uint8Array(2 + said.length);
  body[0] = reason >>> 8;
  body[1] = reason;
  body.set(said, 2);
  return body;
}

/** @throws {@link ProtocolError} */
export function decodeRefusal(body: Uint8Array): { reason: number; text: string } {
  if (body.length < 2) throw new ProtocolError("the refusal is cut off");
  return { reason: (body[0]! << 8) | body[1]!, text: decodeText(body, 2) };
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  putU32(bytes, 0, value);
  return bytes;
}

function u64(value: bigint): Uint8Array {
  if (BigInt.asUintN(64, value) !== value) throw new RangeError(`an incarnation is from 0 to 2^64-1, not ${value}`);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}

function getU64(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0);
}
