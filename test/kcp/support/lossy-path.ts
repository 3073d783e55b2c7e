/** One direction of a path between two cores, on virtual time: what happens to datagrams comes from a seed. */
import type { SeededRandom } from "../../../src/testing/seeded-random.js";

export interface PathFaults {
  /** Probabilities, 0 to 1. */
  readonly loss: number;
  readonly duplication: number;
  /** Of a datagram whose bytes are changed where the structure shows it: lengths, commands, conversation, or cut short. */
  readonly corruption: number;
  /** Of a datagram of random bytes that comes along with another one. */
  readonly garbage: number;
  readonly delayMs: number;
  /** Up to so much more, each datagram for itself: they overtake one another. */
  readonly jitterMs: number;
  /** When nothing passes. */
  readonly blackouts: readonly { readonly from: number; readonly to: number }[];
}

interface OnTheWay {
  readonly at: number;
  readonly datagram: Buffer;
}

export class LossyPath {
  readonly #faults: PathFaults;
  readonly #random: SeededRandom;
  #onTheWay: OnTheWay[] = [];

  constructor(faults: PathFaults, random: SeededRandom) {
    this.#faults = faults;
    this.#random = random;
  }

  /** When the next datagram arrives. */
  get nextAt(): number {
    return this.#onTheWay[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  send(datagram: Buffer, now: number): void {
    const { loss, duplication, corruption, garbage, blackouts } = this.#faults;
    if (blackouts.some(({ from, to }) => now >= from && now < to)) return;
    const random = this.#random;
    if (random.chance(garbage)) this.#put(Buffer.from(random.bytes(random.below(1_500))), now);
    if (random.chance(loss)) return;
    this.#put(Buffer.from(random.chance(corruption) ? this.#corrupted(datagram) : datagram), now);
    if (random.chance(duplication)) this.#put(Buffer.from(datagram), now);
  }

  /** Takes out what has arrived by `now`. */
  take(now: number): Buffer[] {
    let count = 0;
    while (count < this.#onTheWay.length && this.#onTheWay[count]!.at <= now) count++;
    return this.#onTheWay.splice(0, count).map(({ datagram }) => datagram);
  }

  #put(datagram: Buffer, now: number): void {
    const at = now + this.#faults.delayMs + this.#random.next() * this.#faults.jitterMs;
    let index = this.#onTheWay.length;
    while (index > 0 && this.#onTheWay[index - 1]!.at > at) index--;
    this.#onTheWay.splice(index, 0, { at, datagram });
  }

  #corrupted(datagram: Buffer): Buffer {
    const random = this.#random;
    const copy = Buffer.from(datagram);
    switch (random.below(4)) {
      case 0: // another length
        copy.writeUInt32LE((copy.readUInt32LE(20) ^ (1 + random.below(0xffff_fffe))) >>> 0, 20);
        return copy;
      case 1: // another command
        copy[4] = (copy[4]! + 5 + random.below(200)) & 0xff;
        return copy;
      case 2: // another conversation
        copy[random.below(4)]! ^= 1 + random.below(255);
        return copy;
      default: // cut short
        return copy.subarray(0, random.below(copy.length));
    }
  }
}
