/** Which sequence numbers went out over a connection, by target: on a loss these may have run, later ones did not. */
import type { LogicalAddress } from "../addr/logical-address.js";
import { seqBefore } from "../wire/header.js";

export interface SentRange {
  readonly to: LogicalAddress;
  /** Trails `last` by less than half the circle of numbers, so that "before" has a meaning; no call is as old as that. */
  first: number;
  last: number;
}

/** How far `first` is moved up when half the circle has gone by. */
const MAX_SPAN = 2 ** 30;

export class SentRanges {
  readonly #ranges = new Map<LogicalAddress, SentRange>();
  #recent: SentRange | undefined;

  /** Hot path. Numbers of one target come in order. */
  add(to: LogicalAddress, seq: number): void {
    const recent = this.#recent;
    if (recent === undefined || recent.to !== to) return this.#switch(to, seq);
    recent.last = seq;
    if (seqBefore(seq, recent.first)) recent.first = (seq - MAX_SPAN) >>> 0;
  }

  [Symbol.iterator](): IterableIterator<SentRange> {
    return this.#ranges.values();
  }

  #switch(to: LogicalAddress, seq: number): void {
    let range = this.#ranges.get(to);
    if (range === undefined) {
      range = { to, first: seq, last: seq };
      this.#ranges.set(to, range);
    }
    this.#recent = range;
    this.add(to, seq);
  }
}
