/** What waits to be sent, in memory of its own. Cut into segments only when these leave, so that small writes share one. */
import { HEADER_BYTES, MAX_FRAGMENTS } from "./segment.js";

/** The payload of one segment, and how many of the same message follow it. */
export interface OutgoingPart {
  readonly payload: Buffer;
  readonly fragment: number;
}

/** A message, or bytes of a stream with room for more behind them. */
interface Waiting {
  readonly memory: Buffer;
  start: number;
  end: number;
  /** Segments in which the rest must leave, as the fragment before it has said. */
  promised: number | undefined;
}

const NOTHING = Buffer.alloc(0);

export class Outbox {
  readonly #joins: boolean;
  readonly #partBytes: number;
  #waiting: Waiting[] = [];
  #bytes = 0;
  #segments = 0;
  #end: "open" | "waiting" | "taken" = "open";

  /**
   * @param mode - `"stream"`: what is pushed is joined and cut as fits; `"message"`: each push is a message.
   * @param mtu - Bytes of the largest datagram.
   */
  constructor(mode: "stream" | "message", mtu: number) {
    this.#joins = mode === "stream";
    this.#partBytes = mtu - HEADER_BYTES;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#end !== "waiting";
  }

  /** Segments that what waits will need. */
  get segments(): number {
    return (this.#joins ? Math.ceil(this.#bytes / this.#partBytes) : this.#segments) + (this.#end === "waiting" ? 1 : 0);
  }

  /** Copies `bytes`, which must not be empty. */
  push(bytes: Uint8Array): void {
    this.#bytes += bytes.byteLength;
    this.#segments += this.#segmentsOf(bytes.byteLength);
    const last = this.#joins ? this.#waiting.at(-1) : undefined;
    if (last !== undefined && last.memory.length - last.end >= bytes.byteLength) {
      last.memory.set(bytes, last.end);
      last.end += bytes.byteLength;
      return;
    }
    // Alone it leaves in this turn; behind others more of its kind may follow.
    const room = this.#joins && last !== undefined ? Math.max(bytes.byteLength, this.#partBytes) : bytes.byteLength;
    const memory = Buffer.allocUnsafe(room);
    memory.set(bytes);
    this.#waiting.push({ memory, start: 0, end: bytes.byteLength, promised: undefined });
  }

  /** An empty segment goes out after everything else: the end, where both sides have agreed on telling it. */
  pushEnd(): void {
    this.#end = "waiting";
  }

  /**
   * Takes the next segment's payload, at most `maxBytes` of it and never more than a datagram holds. `undefined` when
   * nothing waits, or when so little would cut a message into more than `maxFragments`, or into more than its fragments
   * have announced.
   */
  take(maxBytes: number, maxFragments = MAX_FRAGMENTS): OutgoingPart | undefined {
    const bytes = Math.min(maxBytes, this.#partBytes);
    const next = this.#waiting[0];
    if (next === undefined) {
      if (this.#end !== "waiting") return undefined;
      this.#end = "taken";
      return { payload: NOTHING, fragment: 0 };
    }
    if (bytes < 1) return undefined; // an empty segment would be an end
    return this.#joins ? { payload: this.#takeJoined(bytes), fragment: 0 } : this.#takeFragment(next, bytes, maxFragments);
  }

  clear(): void {
    this.#waiting = [];
    this.#bytes = this.#segments = 0;
    this.#end = "taken";
  }

  #takeFragment(message: Waiting, bytes: number, maxFragments: number): OutgoingPart | undefined {
    const left = message.end - message.start;
    const segments = message.promised ?? this.#segmentsOf(left);
    const isOneMore = bytes < left - (segments - 1) * this.#partBytes;
    if (isOneMore && (message.promised !== undefined || segments >= maxFragments)) return undefined;
    const payload = this.#takeFrom(message, bytes);
    const fragment = this.#segmentsOf(message.end - message.start);
    message.promised = fragment;
    this.#segments += fragment - segments;
    return { payload, fragment };
  }

  #takeJoined(bytes: number): Buffer {
    const first = this.#takeFrom(this.#waiting[0]!, bytes);
    if (first.length === bytes || this.#waiting.length === 0) return first;
    const parts = [first];
    for (let missing = bytes - first.length; missing > 0 && this.#waiting.length > 0; ) {
      const part = this.#takeFrom(this.#waiting[0]!, missing);
      parts.push(part);
      missing -= part.length;
    }
    return Buffer.concat(parts);
  }

  #takeFrom(waiting: Waiting, bytes: number): Buffer {
    const end = Math.min(waiting.end, waiting.start + bytes);
    const payload = waiting.memory.subarray(waiting.start, end);
    this.#bytes -= end - waiting.start;
    waiting.start = end;
    if (end === waiting.end) this.#waiting.shift();
    return payload;
  }

  #segmentsOf(bytes: number): number {
    return Math.ceil(bytes / this.#partBytes);
  }
}
