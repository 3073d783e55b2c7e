/** One direction of the in-memory network: what is sent arrives later, in order, as the direction's conditions say. */
import type { Clock, Random, TimerHandle } from "../internal/clock.js";

/** How things go from one host to another. The way back has conditions of its own. */
export interface DirectionConditions {
  /** Milliseconds on the way; 0 is the next turn. Default 1. */
  readonly latencyMs: number;
  /** Up to so many milliseconds more, by chance; the order within a connection stays. Default 0. */
  readonly jitterMs: number;
  /** For each connection. Default `Infinity`. */
  readonly bytesPerSecond: number;
  /** The most that one `onData` brings. Default 64 KiB. */
  readonly maxChunkBytes: number;
  /** Whether chunks are cut and merged by chance, as TCP may; else each turn's writes arrive as one chunk. Default true. */
  readonly randomCuts: boolean;
  /** What becomes of new connections: `"swallowed"` ones stay pending until aborted. Default `"answered"`. */
  readonly dials: "answered" | "refused" | "swallowed";
  /** Whether nothing gets through for now; it is kept, as TCP would send it again. Default false. */
  readonly held: boolean;
  /** Whether the receiving ends read what has arrived. Default true. */
  readonly receiverReads: boolean;
}

export const DEFAULT_CONDITIONS: DirectionConditions = {
  latencyMs: 1,
  jitterMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  maxChunkBytes: 64 * 1024,
  randomCuts: true,
  dials: "answered",
  held: false,
  receiverReads: true,
};

/** What travels. A `credit` tells the sender how many of its bytes were read. */
export type Packet =
  | { readonly type: "open" | "accept" | "refuse" | "end" | "reset" }
  | { readonly type: "data"; readonly bytes: Buffer }
  | { readonly type: "credit"; readonly byteCount: number };

/** From one host to another: the conditions that all connections between the two share. */
export class Direction {
  readonly lanes = new Set<Lane>();
  #conditions: DirectionConditions;

  constructor(conditions: DirectionConditions) {
    this.#conditions = conditions;
  }

  get conditions(): DirectionConditions {
    return this.#conditions;
  }

  change(conditions: Partial<DirectionConditions>): void {
    this.#conditions = { ...this.#conditions, ...conditions };
    for (const lane of [...this.lanes]) lane.conditionsChanged();
  }
}

export interface LaneReceiver {
  arrived(packet: Packet): void;
  /** Reading may be possible again. */
  conditionsChanged(): void;
}

interface Underway {
  readonly packet: Packet;
  readonly arrivesAt: number;
}

/** One connection's share of a direction: first in, first out. */
export class Lane {
  readonly direction: Direction;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #receiver: LaneReceiver;
  readonly #underway: Underway[] = [];
  #lastSentAt = 0;
  #isArmed = false;
  #timer: TimerHandle;

  constructor(direction: Direction, clock: Clock, random: Random, receiver: LaneReceiver) {
    this.direction = direction;
    this.#clock = clock;
    this.#random = random;
    this.#receiver = receiver;
    direction.lanes.add(this);
  }

  send(packet: Packet): void {
    const { latencyMs, jitterMs, bytesPerSecond } = this.direction.conditions;
    const byteCount = packet.type === "data" ? packet.bytes.length : 0;
    this.#lastSentAt = Math.max(this.#clock.now(), this.#lastSentAt) + (byteCount * 1_000) / bytesPerSecond;
    const delayMs = latencyMs + (jitterMs > 0 ? this.#random.next() * jitterMs : 0);
    this.#underway.push({ packet, arrivesAt: this.#lastSentAt + delayMs });
    this.#arm();
  }

  conditionsChanged(): void {
    this.#arm();
    this.#receiver.conditionsChanged();
  }

  /** Nobody is there any more, at either end: what is on its way is dropped. */
  close(): void {
    this.#underway.length = 0;
    this.direction.lanes.delete(this);
    this.#clock.clearTimeout(this.#timer);
  }

  /** Waits for the first in line; what is due before it waits for it too. */
  #arm(): void {
    const first = this.#underway[0];
    if (first === undefined || this.#isArmed || this.direction.conditions.held) return;
    this.#isArmed = true;
    const delayMs = first.arrivesAt - this.#clock.now();
    // Bytes under way keep the process alive, as those of a socket do.
    if (delayMs > 0) this.#timer = this.#clock.setTimeout(() => this.#deliver(), delayMs, true);
    else this.#clock.nextTurn(() => this.#deliver());
  }

  #deliver(): void {
    // The first one without a look at the clock: a real timer may fire a fraction of a millisecond early.
    let dueAt = Number.POSITIVE_INFINITY;
    try {
      while (this.#underway.length > 0 && this.#underway[0]!.arrivesAt <= dueAt && !this.direction.conditions.held) {
        dueAt = this.#clock.now();
        this.#receiver.arrived(this.#merged(this.#underway.shift()!.packet, dueAt));
      }
    } finally {
      this.#isArmed = false;
      this.#arm();
    }
  }

  /** `packet`, by chance together with the bytes that have arrived right behind it. */
  #merged(packet: Packet, dueAt: number): Packet {
    const { randomCuts, maxChunkBytes } = this.direction.conditions;
    if (packet.type !== "data" || !randomCuts) return packet;
    const pieces = [packet.bytes];
    let byteCount = packet.bytes.length;
    for (let next = this.#underway[0]; next !== undefined && next.packet.type === "data"; next = this.#underway[0]) {
      byteCount += next.packet.bytes.length;
      if (next.arrivesAt > dueAt || byteCount > maxChunkBytes || this.#random.next() < 0.5) break;
      pieces.push(next.packet.bytes);
      this.#underway.shift();
    }
    return pieces.length === 1 ? packet : { type: "data", bytes: Buffer.concat(pieces) };
  }
}
