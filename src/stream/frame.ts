/**
 * The frames of yamux (docs/streams.md, "Frames"): a header of twelve bytes, and behind that of a data frame its payload.
 *
 *     0       1    2     4        8      12
 *     version type flags streamId length payload
 *
 * Big-endian. `length`: of data its bytes, of a window update the credit, of a ping what is echoed, of a go-away its code.
 */
import { getU32, putU32 } from "../wire/header.js";

/** Bytes of a frame's header. */
export const FRAME_HEADER_BYTES = 12;

export const YAMUX_VERSION = 0;

export const TYPE = {
  data: 0,
  /** Grants credit; also carries flags when there is no data for them to travel with. */
  windowUpdate: 1,
  ping: 2,
  goAway: 3,
} as const;

/** They combine: test bits, never equality. Bits that are not named here mean nothing. */
export const FLAG = {
  /** Opens a stream; on a ping: answer this. */
  syn: 1,
  /** Acknowledges a stream; on a ping: this is the answer. */
  ack: 2,
  /** The sender writes no more. */
  fin: 4,
  /** The stream is over at once, both ways. */
  rst: 8,
} as const;

/** Why a session ends: the length of a go-away. */
export const GO_AWAY = {
  /** Takes no new streams; those that are open go on. */
  normal: 0,
  /** The receiver of this broke the protocol. */
  protocolError: 1,
  /** The sender of this failed. */
  internalError: 2,
} as const;

/** The window of a new stream in both directions, when nothing else was agreed. */
export const STANDARD_WINDOW_BYTES = 256 * 1024;

/** The most that a `length`, a stream's id or a window can be. */
export const MAX_U32 = 2 ** 32 - 1;

/** Hot path. Writes a header at `at`; the caller has checked the room. */
export function putFrame(buffer: Uint8Array, at: number, type: number, flags: number, streamId: number, length: number): void {
  buffer[at] = YAMUX_VERSION;
  buffer[at + 1] = type;
  buffer[at + 2] = flags >>> 8;
  buffer[at + 3] = flags;
  putU32(buffer, at + 4, streamId);
  putU32(buffer, at + 8, length);
}

/** Header fields by name, for tests, tools and cold paths. */
export interface YamuxFrame {
  readonly version: number;
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly length: number;
}

/** The header at `at`; the caller has checked that 12 bytes are there. */
export function decodeFrame(bytes: Uint8Array, at = 0): YamuxFrame {
  return {
    version: bytes[at]!,
    type: bytes[at + 1]!,
    flags: (bytes[at + 2]! << 8) | bytes[at + 3]!,
    streamId: getU32(bytes, at + 4),
    length: getU32(bytes, at + 8),
  };
}

/** One frame in memory of its own. With `payload`, `length` is its size. */
export function encodeFrame(type: number, flags: number, streamId: number, length: number, payload?: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + (payload?.length ?? 0));
  putFrame(frame, 0, type, flags, streamId, payload?.length ?? length);
  if (payload !== undefined) frame.set(payload, FRAME_HEADER_BYTES);
  return frame;
}
