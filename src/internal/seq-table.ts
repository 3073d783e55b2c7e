/**
 * Entries by sequence number, where numbers are given in order and most entries leave soon: a ring of slots, and a map
 * for the few that stay so long that the ring has come round to their slot.
 *
 * Not a `Map` alone: each time that V8 makes its table anew, the old one goes on pointing to all entries of that moment.
 * Once it is in old space, everything that was in flight survives with it until the next full collection (at 512 calls
 * in flight that took a third of the caller's time).
 */
const LEAST_SLOTS = 64;
const MOST_SLOTS = 65_536;

export class SeqTable<T extends { readonly seq: number }> {
  #slots: (T | undefined)[] = new Array<T | undefined>(LEAST_SLOTS).fill(undefined);
  #mask = LEAST_SLOTS - 1;
  readonly #stayed = new Map<number, T>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(seq: number): boolean {
    return this.#slots[seq & this.#mask]?.seq === seq || this.#stayed.has(seq);
  }

  /** The entry, which stays. */
  get(seq: number): T | undefined {
    const entry = this.#slots[seq & this.#mask];
    return entry?.seq === seq ? entry : this.#stayed.get(seq);
  }

  /** Hot path. There must be no entry of the same number. */
  add(entry: T): void {
    if (this.#size >= this.#slots.length && this.#slots.length < MOST_SLOTS) this.#grow();
    const at = entry.seq & this.#mask;
    const there = this.#slots[at];
    if (there !== undefined) this.#stayed.set(there.seq, there);
    this.#slots[at] = entry;
    this.#size++;
  }

  /** Hot path. Takes the entry out; `undefined` when there is none. */
  take(seq: number): T | undefined {
    const at = seq & this.#mask;
    const entry = this.#slots[at];
    if (entry !== undefined && entry.seq === seq) {
      this.#slots[at] = undefined;
      if (--this.#size === 0 && this.#slots.length > LEAST_SLOTS * 64) this.#reset(LEAST_SLOTS);
      return entry;
    }
    if (this.#stayed.size === 0) return undefined;
    const stayed = this.#stayed.get(seq);
    if (stayed === undefined) return undefined;
    this.#stayed.delete(seq);
    this.#size--;
    return stayed;
  }

  /** All entries, in no order. */
  *[Symbol.iterator](): IterableIterator<T> {
    yield* this.#stayed.values();
    if (this.#size > this.#stayed.size) for (const entry of this.#slots) if (entry !== undefined) yield entry;
  }

  /** All entries, in the order of their numbers. */
  values(): T[] {
    const all = [...this.#stayed.values()];
    for (const entry of this.#slots) if (entry !== undefined) all.push(entry);
    return all.sort((a, b) => (a.seq - b.seq) | 0);
  }

  #grow(): void {
    const entries = this.values();
    this.#reset(this.#slots.length * 2);
    this.#stayed.clear();
    this.#size = 0;
    for (const entry of entries) this.add(entry);
  }

  #reset(slots: number): void {
    this.#slots = new Array<T | undefined>(slots).fill(undefined);
    this.#mask = slots - 1;
  }
}
