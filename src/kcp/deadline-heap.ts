/** Many things that are due at some time, and one timer for all of them: a binary heap, the soonest on top. */

/** Something with a deadline. The two fields belong to the heap. */
export interface Scheduled {
  /** When it is looked at next; it may turn out to be due later by then. */
  heapAt: number;
  /** Place in the heap; -1: not in it. */
  heapIndex: number;
}

export class DeadlineHeap<T extends Scheduled> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  get soonest(): T | undefined {
    return this.#items[0];
  }

  /**
   * Looks at `item` no later than `at`. One that is in the heap with a sooner time keeps it: deadlines move back with
   * every datagram, and moving them in the heap each time would cost more than one look too many.
   */
  schedule(item: T, at: number): void {
    if (item.heapIndex < 0) {
      if (at === Number.POSITIVE_INFINITY) return;
      item.heapIndex = this.#items.push(item) - 1;
    } else if (at >= item.heapAt) return;
    item.heapAt = at;
    this.#rise(item);
  }

  remove(item: T): void {
    const { heapIndex } = item;
    if (heapIndex < 0) return;
    item.heapIndex = -1;
    const last = this.#items.pop()!;
    if (last === item) return;
    this.#put(last, heapIndex);
    this.#rise(last);
    this.#sink(last);
  }

  #rise(item: T): void {
    while (item.heapIndex > 0) {
      const above = (item.heapIndex - 1) >> 1;
      const parent = this.#items[above]!;
      if (parent.heapAt <= item.heapAt) return;
      this.#put(parent, item.heapIndex);
      this.#put(item, above);
    }
  }

  #sink(item: T): void {
    for (;;) {
      const left = this.#items[2 * item.heapIndex + 1];
      const right = this.#items[2 * item.heapIndex + 2];
      const child = right !== undefined && right.heapAt < left!.heapAt ? right : left;
      if (child === undefined || child.heapAt >= item.heapAt) return;
      const below = child.heapIndex;
      this.#put(child, item.heapIndex);
      this.#put(item, below);
    }
  }

  #put(item: T, index: number): void {
    this.#items[index] = item;
    item.heapIndex = index;
  }
}
