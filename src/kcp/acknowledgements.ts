/**
 * What arrived and was not yet told. Every segment tells what arrived without a gap (`unacknowledged`), so only those
 * beyond a gap are listed one by one, and the last one that arrived, from which the peer measures its round trip.
 */
import { serialDiff } from "./serial.js";

export class Acknowledgements {
  /** Timestamps by sequence number, of segments beyond a gap: never more than the receive window. */
  readonly #beyond = new Map<number, number>();
  #lastSequence = 0;
  #lastTimestamp = 0;
  #owed = false;

  get isEmpty(): boolean {
    return !this.#owed;
  }

  /** `next`: the lowest sequence number that has not arrived. */
  add(sequence: number, timestamp: number, next: number): void {
    // Sent again while it waited here to be read: what came first tells how long the peer really has to wait.
    if (this.#owed && sequence === this.#lastSequence) return;
    this.#owed = true;
    this.#lastSequence = sequence;
    this.#lastTimestamp = timestamp;
    if (serialDiff(sequence, next) > 0) this.#beyond.set(sequence, timestamp);
  }

  /** Hands each that is still worth telling to `tell`, the last one that arrived in the end. When `tell` gives false, the rest stays owed. */
  drain(next: number, tell: (sequence: number, timestamp: number) => boolean): void {
    if (!this.#owed) return;
    for (const [sequence, timestamp] of this.#beyond) {
      const isWorth = serialDiff(sequence, next) > 0 && sequence !== this.#lastSequence;
      if (isWorth && !tell(sequence, timestamp)) return;
      this.#beyond.delete(sequence);
    }
    if (tell(this.#lastSequence, this.#lastTimestamp)) this.#owed = false;
  }
}
