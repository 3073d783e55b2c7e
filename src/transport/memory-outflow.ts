/** The sending half of an in-memory connection: a socket buffer of limited size, and what waits for room in it. */
import type { Clock, Random } from "../internal/clock.js";
import type { Lane } from "./memory-lane.js";

export interface OutflowEvents {
  /** All has left after a `write` that returned false. */
  drained(): void;
  /** The last byte and the end after it have left. */
  ended(): void;
}

/**
 * Bytes for which there is room are copied at once, so that the caller may use its buffer again. The others stay in the
 * caller's memory until there is room: whoever writes into that too early sends the wrong bytes, as with a real socket.
 */
export class Outflow {
  readonly #lane: Lane;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #bufferBytes: number;
  readonly #events: OutflowEvents;
  /** The caller's own buffers; no copies. */
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** Copies, to be cut and sent when the turn is over: its writes merge, as TCP's do. */
  #taken: Buffer[] = [];
  /** Taken and not yet read by the peer. */
  #unreadBytes = 0;
  #phase: "open" | "ending" | "ended" | "abandoned" = "open";
  #isTurnDue = false;
  #drainOwed = false;

  constructor(lane: Lane, clock: Clock, random: Random, bufferBytes: number, events: OutflowEvents) {
    this.#lane = lane;
    this.#clock = clock;
    this.#random = random;
    this.#bufferBytes = bufferBytes;
    this.#events = events;
  }

  get bufferedBytes(): number {
    return this.#waitingBytes;
  }

  get isOpen(): boolean {
    return this.#phase === "open";
  }

  /** See `Connection.write`. */
  write(bytes: Uint8Array): boolean {
    if (this.#phase !== "open") return true;
    if (this.#waitingBytes === 0 && bytes.byteLength <= this.#bufferBytes - this.#unreadBytes) {
      this.#take(bytes);
      this.#settleAfterTurn();
      return true;
    }
    if (bytes.byteLength > 0) this.#waiting.push(bytes);
    this.#waitingBytes += bytes.byteLength;
    this.#drainOwed = true;
    this.#settleAfterTurn();
    return false;
  }

  /** Ends behind what was written. */
  end(): void {
    if (this.#phase !== "open") return;
    this.#phase = "ending";
    this.#settleAfterTurn();
  }

  /** The peer has read so many bytes. */
  credit(byteCount: number): void {
    this.#unreadBytes -= byteCount;
    if (this.#waitingBytes > 0) this.#settleAfterTurn();
  }

  /** Forgets what has not left. */
  abandon(): void {
    this.#phase = "abandoned";
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
    this.#taken = [];
  }

  #take(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    this.#taken.push(Buffer.from(bytes));
    this.#unreadBytes += bytes.byteLength;
  }

  #settleAfterTurn(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    this.#clock.afterTurn(() => {
      this.#isTurnDue = false;
      if (this.#phase !== "abandoned") this.#settle();
    });
  }

  #settle(): void {
    this.#takeWaiting();
    this.#sendTaken();
    if (this.#waitingBytes > 0) return;
    const isDrained = this.#drainOwed;
    const isEnded = this.#phase === "ending";
    this.#drainOwed = false;
    if (isEnded) {
      this.#phase = "ended";
      this.#lane.send({ type: "end" });
    }
    if (isDrained) this.#events.drained();
    if (isEnded) this.#events.ended();
  }

  #takeWaiting(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const room = this.#bufferBytes - this.#unreadBytes;
      if (room <= 0) return;
      const part = first.subarray(0, room);
      this.#take(part);
      this.#waitingBytes -= part.byteLength;
      if (part.byteLength === first.byteLength) this.#waiting.shift();
      else this.#waiting[0] = first.subarray(part.byteLength);
    }
  }

  #sendTaken(): void {
    if (this.#taken.length === 0) return;
    const bytes = this.#taken.length === 1 ? this.#taken[0]! : Buffer.concat(this.#taken);
    this.#taken = [];
    for (let start = 0; start < bytes.length; ) {
      const end = start + this.#pieceLength(bytes.length - start);
      this.#lane.send({ type: "data", bytes: bytes.subarray(start, end) });
      start = end;
    }
  }

  /** Every other piece is whole, so that both long and short ones are common. */
  #pieceLength(restBytes: number): number {
    const { maxChunkBytes, randomCuts } = this.#lane.direction.conditions;
    const longest = Math.min(restBytes, maxChunkBytes);
    return randomCuts && this.#random.next() < 0.5 ? 1 + Math.floor(this.#random.next() * longest) : longest;
  }
}
