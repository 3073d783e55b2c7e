/** Which sequence numbers went out over a connection, by target: on a loss these may have run, later ones did not. */
import type { LogicalAddress } from "../addr/logical-address.js";
import { seqBefore } from "../wire/header.js";

export interface SentRange {
  readonly to: LogicalAddress;
  first: number;
  last: number;
}

/** Numbers that a range spans at most: half the circle can be compared, and calls that wait are far fewer. */
const MAX_SPAN = 2 ** 30;

export class SentRanges {
  /** How many there were. */
  count = 0;
  readonly #ranges = new Map<LogicalAddress, SentRange>();
  #recent: SentRange | undefined;

  /** Hot path. Numbers of one target come in order. */
  add(to: LogicalAddress, seq: number): void {
    this.count++;
    const recent = this.#recent;
    if (recent === undefined || recent.to !== to) return this.#switch(to, seq);
    recent.last = seq;
    if (((seq - recent.first) | 0) < 0) recent.first = (seq - MAX_SPAN) >>> 0;
  }

  has(to: LogicalAddress, seq: number): boolean {
    const range = this.#ranges.get(to);
    return range !== undefined && !seqBefore(seq, range.first) && !seqBefore(range.last, seq);
  }

  /** The number that went out last to `to`; `undefined`: none did. */
  lastTo(to: LogicalAddress): number | undefined {
    return this.#ranges.get(to)?.last;
  }

  /** The numbers that went to `to`. */
  of(to: LogicalAddress): SentRange | undefined {
    return this.#ranges.get(to);
  }

  /** Nothing that went to `to` is waited for: the next number begins anew. */
  forget(to: LogicalAddress): void {
    this.#ranges.delete(to);
    if (this.#recent?.to === to) this.#recent = undefined;
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
      if (((seq - range.first) | 0) < 0) range.first = (seq - MAX_SPAN) >>> 0;
    }
    this.#recent = range;
  }
}
