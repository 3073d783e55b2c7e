/**
 * Metadata on the wire: `length u16`, then entries of `key length u8, key, value length u16, value`, keys in the order
 * in which the sender gave them. What may not be sent is not taken either, so that what was received can be passed on.
 */
import { MAX_METADATA_BYTES, MAX_METADATA_ENTRIES } from "./limits.js";
import { ProtocolError } from "./protocol-error.js";
import { decodeText } from "./text.js";

export type Metadata = ReadonlyMap<string, Uint8Array>;

export const NO_METADATA: Metadata = new Map();

const KEY = /^[a-z0-9][a-z0-9._-]{0,127}$/;
const text = new TextEncoder();

/** Checks and encodes what a caller wrote. @throws TypeError saying which key is wrong or that it is too large. */
export function encodeMetadata(metadata: Readonly<Record<string, string | Uint8Array>> | Metadata): Uint8Array {
  const entries = metadata instanceof Map ? [...metadata] : Object.entries(metadata as Record<string, string | Uint8Array>);
  if (entries.length > MAX_METADATA_ENTRIES)
    throw new TypeError(`metadata has ${entries.length} entries, at most ${MAX_METADATA_ENTRIES} are allowed`);
  const parts: { key: string; value: Uint8Array }[] = [];
  let size = 0;
  for (const [key, given] of entries) {
    if (!KEY.test(key))
      throw new TypeError(`metadata key ${JSON.stringify(key)} is not made of a-z, 0-9, ".", "_", "-" (1 to 128 of them)`);
    const value = typeof given === "string" ? text.encode(given) : given;
    if (!(value instanceof Uint8Array)) throw new TypeError(`metadata ${JSON.stringify(key)} is neither a string nor bytes`);
    size += 3 + key.length + value.length;
    parts.push({ key, value });
  }
  if (size > MAX_METADATA_BYTES) throw new TypeError(`metadata takes ${size} bytes, at most ${MAX_METADATA_BYTES} are allowed`);
  const bytes = new Uint8Array(2 + size);
  bytes[0] = size >>> 8;
  bytes[1] = size;
  let at = 2;
  for (const { key, value } of parts) {
    bytes[at++] = key.length;
    for (let i = 0; i < key.length; i++) bytes[at++] = key.charCodeAt(i);
    bytes[at++] = value.length >>> 8;
    bytes[at++] = value.length;
    bytes.set(value, at);
    at += value.length;
  }
  return bytes;
}

/** Bytes that the metadata at `at` takes, its length field included. @throws {@link ProtocolError} past `end` or over the limit. */
export function metadataLength(body: Uint8Array, at: number, end: number): number {
  if (end - at < 2) throw new ProtocolError("metadata is cut off");
  const length = 2 + ((body[at]! << 8) | body[at + 1]!);
  if (at + length > end) throw new ProtocolError("metadata is longer than its message");
  if (length - 2 > MAX_METADATA_BYTES)
    throw new ProtocolError(`metadata takes ${length - 2} bytes, at most ${MAX_METADATA_BYTES} are allowed`);
  return length;
}

/** Decodes the metadata at `[at, end)`; the values are copies. @throws {@link ProtocolError} when it is malformed. */
export function decodeMetadata(body: Uint8Array, at: number, end: number): Metadata {
  const map = new Map<string, Uint8Array>();
  let pos = at + 2;
  while (pos < end) {
    const keyEnd = pos + 1 + body[pos]!;
    if (keyEnd + 2 > end) throw new ProtocolError("a metadata key is cut off");
    const key = decodeText(body, pos + 1, keyEnd);
    if (!KEY.test(key)) throw new ProtocolError(`metadata has the key ${JSON.stringify(key)}`);
    if (map.has(key)) throw new ProtocolError(`metadata has the key ${JSON.stringify(key)} twice`);
    const valueEnd = keyEnd + 2 + ((body[keyEnd]! << 8) | body[keyEnd + 1]!);
    if (valueEnd > end) throw new ProtocolError("a metadata value is cut off");
    map.set(key, new Uint8Array(body.subarray(keyEnd + 2, valueEnd))); // a copy, and no Buffer
    if (map.size > MAX_METADATA_ENTRIES) throw new ProtocolError(`metadata has more than ${MAX_METADATA_ENTRIES} entries`);
    pos = valueEnd;
  }
  return map;
}
