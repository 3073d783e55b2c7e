/**
 * What stands at the beginning of each stream between nodes, ahead of the application's own bytes: what the stream is for
 * and between whom. yamux knows nothing of it: to it these are data like any other.
 *
 *     0      2       3     4    5        6  10   14          18
 *     length version flags hops reserved to from remainingMs protocol length u8, protocol, metadata, unknown
 *
 * Big-endian; `length` counts what follows it. The fixed part is at fixed places, so that a harbor reads and patches it
 * in place. Behind the metadata later versions may add what this one skips.
 */
import { getU32, putU32 } from "../wire/header.js";
import { MAX_HOPS, MAX_METADATA_BYTES } from "../wire/limits.js";
import { decodeMetadata, encodeMetadata, type Metadata, metadataLength } from "../wire/metadata.js";
import { ProtocolError } from "../wire/protocol-error.js";
import { decodeText } from "../wire/text.js";

/** Bytes of a protocol's name. */
const MAX_PROTOCOL_BYTES = 128;
/** Bytes of the whole header: what is unknown to this version included. */
export const MAX_OPEN_HEADER_BYTES = 2 + 16 + 1 + MAX_PROTOCOL_BYTES + 2 + MAX_METADATA_BYTES + 256;

const VERSION = 1;
const LENGTH_BYTES = 2;
/** Offsets from the beginning, the length included. */
export const OPEN_AT = { version: 2, flags: 3, hops: 4, to: 6, from: 10, remainingMs: 14, protocol: 18 } as const;
/** What may stand in a protocol's name is between these. */
const SPACE = 0x20;
const DELETE = 0x7f;
/** Version to remaining time, an empty protocol and empty metadata. */
const LEAST_LENGTH = OPEN_AT.protocol - LENGTH_BYTES + 1 + 2;

const PROTOCOL = /^[!-~]{1,128}$/;

export interface OpenHeader {
  /** Logical addresses as numbers: who is meant, who opens. */
  readonly to: number;
  readonly from: number;
  /** How many more nodes it may pass. Default in {@link encodeOpenHeader}: the most. */
  readonly hops: number;
  /** Milliseconds within which the stream is to be accepted; 0: no limit. */
  readonly remainingMs: number;
  /** What will be spoken on it: printable ASCII without spaces, 1 to 128 characters. */
  readonly protocol: string;
  readonly metadata: Metadata;
}

export interface OpenHeaderInit {
  readonly to: number;
  readonly from: number;
  readonly hops?: number | undefined;
  readonly remainingMs: number;
  readonly protocol: string;
  readonly metadata: Readonly<Record<string, string | Uint8Array>> | Metadata;
}

/** @throws TypeError for a protocol or metadata that may not be sent. */
export function encodeOpenHeader(init: OpenHeaderInit): Uint8Array {
  if (!PROTOCOL.test(init.protocol)) {
    const shown = JSON.stringify(init.protocol.slice(0, 200));
    throw new TypeError(`a stream's protocol is 1 to ${MAX_PROTOCOL_BYTES} printable ASCII characters without spaces, got ${shown}`);
  }
  const metadata = encodeMetadata(init.metadata);
  const size = OPEN_AT.protocol + 1 + init.protocol.length + metadata.length;
  const bytes = new Uint8Array(size);
  bytes[0] = (size - LENGTH_BYTES) >>> 8;
  bytes[1] = size - LENGTH_BYTES;
  bytes[OPEN_AT.version] = VERSION;
  bytes[OPEN_AT.hops] = init.hops ?? MAX_HOPS;
  putU32(bytes, OPEN_AT.to, init.to);
  putU32(bytes, OPEN_AT.from, init.from);
  putU32(bytes, OPEN_AT.remainingMs, init.remainingMs);
  bytes[OPEN_AT.protocol] = init.protocol.length;
  for (let index = 0; index < init.protocol.length; index++) bytes[OPEN_AT.protocol + 1 + index] = init.protocol.charCodeAt(index);
  bytes.set(metadata, OPEN_AT.protocol + 1 + init.protocol.length);
  return bytes;
}

/**
 * How many bytes the header at the beginning of `bytes` has, its length field included; `undefined` when two bytes are
 * not there yet. @throws {@link ProtocolError} for a length that no header has: whatever a peer announces, no more is kept.
 */
export function openHeaderBytes(bytes: Uint8Array): number | undefined {
  if (bytes.length < LENGTH_BYTES) return undefined;
  const length = (bytes[0]! << 8) | bytes[1]!;
  if (length < LEAST_LENGTH || length > MAX_OPEN_HEADER_BYTES - LENGTH_BYTES)
    throw new ProtocolError(`an open header's length is ${length}, not from ${LEAST_LENGTH} to ${MAX_OPEN_HEADER_BYTES - LENGTH_BYTES}`);
  return LENGTH_BYTES + length;
}

/** What harbors look at, and nothing else: at its fixed places, whatever a later version has behind them. */
export type OpenRoute = Pick<OpenHeader, "to" | "from" | "hops" | "remainingMs">;

/** Reads the route of a whole header. @throws {@link ProtocolError} for a version that never was. */
export function openRouteOf(bytes: Uint8Array): OpenRoute {
  const version = bytes[OPEN_AT.version]!;
  if (version < VERSION) throw new ProtocolError(`an open header has version ${version}`);
  return {
    to: getU32(bytes, OPEN_AT.to),
    from: getU32(bytes, OPEN_AT.from),
    hops: bytes[OPEN_AT.hops]!,
    remainingMs: getU32(bytes, OPEN_AT.remainingMs),
  };
}

/** Makes a whole header the one that goes on: a hop less, and `remainingMs` in place of what it said. All else stays as it came. */
export function passOnOpenHeader(bytes: Uint8Array, remainingMs: number): void {
  bytes[OPEN_AT.hops]!--;
  putU32(bytes, OPEN_AT.remainingMs, remainingMs);
}

/** Decodes the header of which {@link openHeaderBytes} has told that all of it is here. @throws {@link ProtocolError} */
export function decodeOpenHeader(bytes: Uint8Array): OpenHeader {
  const end = openHeaderBytes(bytes);
  if (end === undefined || bytes.length < end) throw new ProtocolError("an open header is cut off");
  const route = openRouteOf(bytes);
  const protocolEnd = OPEN_AT.protocol + 1 + bytes[OPEN_AT.protocol]!;
  if (protocolEnd > end) throw new ProtocolError("an open header's protocol is cut off");
  const protocol = protocolAt(bytes, OPEN_AT.protocol + 1, protocolEnd);
  const metadataEnd = protocolEnd + metadataLength(bytes, protocolEnd, end);
  return { ...route, protocol, metadata: decodeMetadata(bytes, protocolEnd, metadataEnd) };
}

/** Hot path: a letter at a time is faster than a decoder and a pattern for the few that there are. */
function protocolAt(bytes: Uint8Array, start: number, end: number): string {
  let protocol = "";
  for (let at = start; at < end; at++) {
    const code = bytes[at]!;
    if (code <= SPACE || code >= DELETE) return wrongProtocol(bytes, start, end);
    protocol += String.fromCharCode(code);
  }
  return end - start >= 1 && end - start <= MAX_PROTOCOL_BYTES ? protocol : wrongProtocol(bytes, start, end);
}

function wrongProtocol(bytes: Uint8Array, start: number, end: number): never {
  throw new ProtocolError(`an open header has the protocol ${JSON.stringify(decodeText(bytes, start, end))}`);
}
