/** Which sequence numbers went out over a connection, by target: on a loss these may have run, later ones did not. */
import type { LogicalAddress } from "../addr/logical-address.js";

export interface SentRange {
  readonly to: LogicalAddress;
  readonly first: number;
  last: number;
}

export class SentRanges {
  readonly #ranges = new Map<LogicalAddress, SentRange>();
  #recent: SentRange | undefined;

  /** Hot path. Numbers of one target come in order. */
  add(to: LogicalAddress, seq: number): void {
    const recent = this.#recent;
    if (recent !== undefined && recent.to === to) recent.last = seq;
    else this.#switch(to, seq);
  }

  [Symbol.iterator](): IterableIterator<SentRange> {
    return this.#ranges.values();
  }

  #switch(to: LogicalAddress, seq: number): void {
    let range = this.#ranges.get(to);
    if (range === undefined) {
      range = { to, first: seq, last: seq };
      this.#ranges.set(to, range);
    } else {
      range.last = seq;
    }
    this.#recent = range;
  }
}
