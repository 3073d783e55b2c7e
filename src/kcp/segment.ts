/**
 * KCP's only structure on the wire, little-endian: a header of 24 bytes, then the payload. A datagram holds one or more of
 * them, back to back and all of the same conversation.
 *
 *     conversation u32 | command u8 | fragment u8 | window u16 | timestamp u32 | sequence u32 | unacknowledged u32 | length u32
 */
import { asBuffer } from "../internal/as-buffer.js";

export const HEADER_BYTES = 24;

/** What a segment is for. All but `reset` are KCP's own; others ignore the datagram of a command that they do not know. */
export const COMMAND = {
  /** Carries payload and takes a sequence number. */
  push: 81,
  /** Says that the segment with this sequence number arrived; gives its timestamp back. */
  ack: 82,
  /** Asks how much the peer can take. */
  askWindow: 83,
  /** Says it; every segment does, this one has no other purpose. */
  tellWindow: 84,
  /** Ends the session at once. In a datagram of its own. */
  reset: 85,
} as const;

/** Highest value of the fragment field, which counts the fragments of the same message that follow. */
const MAX_FRAGMENT = 255;
export const MAX_FRAGMENTS = MAX_FRAGMENT + 1;

/** The window field has 16 bits. */
export const MAX_WINDOW = 0xffff;

/** One segment, read where it lies: `readSegment` fills the same object again, so that reading allocates nothing. */
export class Segment {
  command = 0;
  fragment = 0;
  /** Segments that its sender can take beyond `unacknowledged`. */
  window = 0;
  timestamp = 0;
  sequence = 0;
  /** The lowest sequence number that its sender has not received: all before have arrived. */
  unacknowledged = 0;
  /** Where the payload begins and ends in the datagram. */
  start = 0;
  end = 0;
}

/** Reads the segment at `offset`; its `end` is where the next one begins. The datagram must have passed {@link datagramFault}. */
export function readSegment(datagram: Buffer, offset: number, into: Segment): void {
  into.command = datagram[offset + 4]!;
  into.fragment = datagram[offset + 5]!;
  into.window = datagram.readUInt16LE(offset + 6);
  into.timestamp = datagram.readUInt32LE(offset + 8);
  into.sequence = datagram.readUInt32LE(offset + 12);
  into.unacknowledged = datagram.readUInt32LE(offset + 16);
  into.start = offset + HEADER_BYTES;
  into.end = into.start + datagram.readUInt32LE(offset + 20);
}

/** The conversation that a datagram says to belong to; `undefined` for one that is too short to say. */
export function conversationOf(datagram: Uint8Array): number | undefined {
  return datagram.byteLength < HEADER_BYTES ? undefined : asBuffer(datagram).readUInt32LE(0);
}

/** What is wrong with a datagram. All of it is checked before any of it counts. */
export type DatagramFault = "short" | "conversation" | "command" | "length";

/**
 * Whether `datagram` is whole segments of this conversation and nothing else, none with more than `maxPayloadBytes`.
 * Gives what is wrong, `undefined` when nothing is.
 */
export function datagramFault(datagram: Buffer, conversation: number, maxPayloadBytes: number): DatagramFault | undefined {
  if (datagram.length < HEADER_BYTES) return "short";
  let offset = 0;
  while (offset < datagram.length) {
    if (datagram.length - offset < HEADER_BYTES) return "short";
    if (datagram.readUInt32LE(offset) !== conversation) return "conversation";
    const command = datagram[offset + 4]!;
    if (command < COMMAND.push || command > COMMAND.reset) return "command";
    const length = datagram.readUInt32LE(offset + 20);
    if (length > maxPayloadBytes || (length > 0 && command !== COMMAND.push)) return "length";
    offset += HEADER_BYTES + length;
    if (offset > datagram.length) return "length";
  }
  return undefined;
}

/** Writes a header at `offset`; gives where the payload goes. */
export function writeHeader(
  into: Buffer,
  offset: number,
  conversation: number,
  command: number,
  fragment: number,
  window: number,
  timestamp: number,
  sequence: number,
  unacknowledged: number,
  length: number,
): number {
  let at = into.writeUInt32LE(conversation, offset);
  at = into.writeUInt8(command, at);
  at = into.writeUInt8(fragment, at);
  at = into.writeUInt16LE(window, at);
  at = into.writeUInt32LE(timestamp, at);
  at = into.writeUInt32LE(sequence, at);
  at = into.writeUInt32LE(unacknowledged, at);
  return into.writeUInt32LE(length, at);
}

/** Tells the peer that there is no such session; `unacknowledged` is a sequence number of its own that it has in flight, or sends next. */
export function resetDatagram(conversation: number, unacknowledged: number): Buffer {
  const datagram = Buffer.allocUnsafe(HEADER_BYTES);
  writeHeader(datagram, 0, conversation, COMMAND.reset, 0, 0, 0, 0, unacknowledged, 0);
  return datagram;
}
