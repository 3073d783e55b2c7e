/**
 * Streams that nobody has acknowledged yet, with a bound: how many the other side is asked for at once, how many wait to
 * be asked for, and since when.
 */

export class PendingOpens<Stream> {
  readonly #maxAsked: number;
  readonly #maxHeld: number;
  /** By the time at which they were opened, earliest first. */
  readonly #asked = new Map<Stream, number>();
  readonly #held = new Map<Stream, number>();

  constructor(maxAsked: number, maxHeld: number) {
    this.#maxAsked = maxAsked;
    this.#maxHeld = maxHeld;
  }

  get askedCount(): number {
    return this.#asked.size;
  }

  get heldCount(): number {
    return this.#held.size;
  }

  /** Whether there is no room for another one. */
  get isFull(): boolean {
    return this.#asked.size >= this.#maxAsked && this.#held.size >= this.#maxHeld;
  }

  /** Adds a stream. True: it may be asked for now; false: it is held until another one is settled. */
  add(stream: Stream, now: number): boolean {
    const isAsked = this.#asked.size < this.#maxAsked;
    (isAsked ? this.#asked : this.#held).set(stream, now);
    return isAsked;
  }

  /** The stream was acknowledged, or is over. Gives one that may be asked for in its place. */
  settle(stream: Stream): Stream | undefined {
    if (!this.#asked.delete(stream)) {
      this.#held.delete(stream);
      return undefined;
    }
    const next = this.#held.entries().next();
    if (next.done) return undefined;
    const [held, openedAt] = next.value;
    this.#held.delete(held);
    this.#asked.set(held, openedAt);
    return held;
  }

  /** Those that were opened at `before` or earlier; held ones first, so that none is asked for as the others go. */
  since(before: number): Stream[] {
    const late: Stream[] = [];
    for (const group of [this.#held, this.#asked]) {
      for (const [stream, openedAt] of group) {
        if (openedAt > before) break;
        late.push(stream);
      }
    }
    return late;
  }

  /** All, held ones first. */
  all(): Stream[] {
    return [...this.#held.keys(), ...this.#asked.keys()];
  }
}
