/**
 * The fixed frame header (docs/protocol.md, "Frames"): all that a relay reads, patched in place.
 *
 *     0        4    5     6    7        8  12   16    20  24          28
 *     length   kind flags hops reserved to from epoch seq remainingMs body
 *
 * Big-endian; `length` counts what follows it: 24 and the body.
 */
import { HEADER_BYTES } from "./limits.js";

/** Frame kinds. A reader skips an unknown one marked {@link FLAGS.ignorable} and answers any other with UNIMPLEMENTED. */
export const KIND = {
  /** A call: method id, [metadata], payload. */
  request: 1,
  /** The handler's result: [metadata], payload. */
  reply: 2,
  /** The handler ran and failed. */
  error: 3,
  /** The caller no longer waits; body: one byte, why. */
  cancel: 4,
  /** One-way to a method: as a request, without an answer. */
  post: 5,
  /** One-way protobuf message: message id, [metadata], payload. */
  message: 6,
  /** One-way raw bytes: 16-bit command, [metadata], payload. */
  bytes: 7,
  /** A piece of one of the above. */
  fragment: 8,
  ping: 9,
  pong: 10,
  /** The receiver did not run the request: body as an error. */
  refused: 11,
  /** The sender takes no new work on this link; body: reason, text. */
  goAway: 12,
  /** A harbor could not pass the frame on: body as an error, with the path. */
  hopError: 13,
  /** A harbor lost the link to a target: body: target, last forwarded seq. */
  gone: 14,
} as const;

export const FLAGS = {
  /** The body begins with metadata (after the method, message or command). */
  metadata: 0x01,
  /** On a fragment: the sender gives the message up; what came of it is dropped. */
  abort: 0x02,
  /** A reader that does not know the kind may skip the frame. */
  ignorable: 0x80,
} as const;

/** Offsets into a frame. */
export const AT = {
  length: 0,
  kind: 4,
  flags: 5,
  hops: 6,
  reserved: 7,
  to: 8,
  from: 12,
  epoch: 16,
  seq: 20,
  remainingMs: 24,
  body: 28,
} as const;

/** `value` as a big-endian u32 at `at`. By shifts: a call into `Buffer` costs more than the bytes. */
export function putU32(buffer: Uint8Array, at: number, value: number): void {
  buffer[at] = value >>> 24;
  buffer[at + 1] = value >>> 16;
  buffer[at + 2] = value >>> 8;
  buffer[at + 3] = value;
}

/** The big-endian u32 at `at`; the caller has checked the bounds. */
export function getU32(buffer: Uint8Array, at: number): number {
  return ((buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!) >>> 0;
}

/** Hot path. Writes the header of the frame that begins at `start` and ends at `end`. */
export function putHeader(
  buffer: Uint8Array,
  start: number,
  end: number,
  kind: number,
  flags: number,
  hops: number,
  to: number,
  from: number,
  epoch: number,
  seq: number,
  remainingMs: number,
): void {
  putU32(buffer, start, end - start - 4);
  buffer[start + 4] = kind;
  buffer[start + 5] = flags;
  buffer[start + 6] = hops;
  buffer[start + 7] = 0;
  putU32(buffer, start + 8, to);
  putU32(buffer, start + 12, from);
  putU32(buffer, start + 16, epoch);
  putU32(buffer, start + 20, seq);
  putU32(buffer, start + 24, remainingMs);
}

/** Header fields by name, for tests, tools and cold paths. */
export interface FrameHeader {
  readonly kind: number;
  readonly flags: number;
  readonly hops: number;
  readonly to: number;
  readonly from: number;
  readonly epoch: number;
  readonly seq: number;
  readonly remainingMs: number;
}

/** One whole frame in a buffer of its own. For cold paths; hot ones write behind a header in place. */
export function encodeFrame(header: FrameHeader, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(HEADER_BYTES + body.length);
  const { kind, flags, hops, to, from, epoch, seq, remainingMs } = header;
  putHeader(frame, 0, frame.length, kind, flags, hops, to, from, epoch, seq, remainingMs);
  frame.set(body, HEADER_BYTES);
  return frame;
}

/** The header of the frame at `start`; the caller has checked that 28 bytes are there. */
export function decodeHeader(frame: Uint8Array, start = 0): FrameHeader {
  return {
    kind: frame[start + AT.kind]!,
    flags: frame[start + AT.flags]!,
    hops: frame[start + AT.hops]!,
    to: getU32(frame, start + AT.to),
    from: getU32(frame, start + AT.from),
    epoch: getU32(frame, start + AT.epoch),
    seq: getU32(frame, start + AT.seq),
    remainingMs: getU32(frame, start + AT.remainingMs),
  };
}

/** Whether sequence number `a` comes before `b`, on the circle of 32 bits. */
export function seqBefore(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

/** The number after `seq`; 0 is never used. */
export function nextSeq(seq: number): number {
  return (seq + 1) >>> 0 || 1;
}
