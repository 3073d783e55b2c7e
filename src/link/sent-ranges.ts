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
  /** Made with the second target: most connections have one, and those that only answer have none. */
  #ranges: Map<LogicalAddress, SentRange> | undefined;
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
    const range = this.#range(to);
    return range !== undefined && !seqBefore(seq, range.first) && !seqBefore(range.last, seq);
  }

  /** Whether this went out last of all, as far as that is known: with several targets it is not. */
  endsWith(to: LogicalAddress, seq: number): boolean {
    return this.#ranges === undefined && this.#recent?.to === to && this.#recent.last === seq;
  }

  /** The numbers that went to `to`. */
  of(to: LogicalAddress): SentRange | undefined {
    return this.#range(to);
  }

  /** Nothing that went to `to` is waited for: the next number begins anew. */
  forget(to: LogicalAddress): void {
    this.#ranges?.delete(to);
    if (this.#recent?.to === to) this.#recent = this.#ranges?.values().next().value;
    if (this.#recent === undefined) this.#ranges = undefined;
  }

  [Symbol.iterator](): IterableIterator<SentRange> {
    if (this.#ranges !== undefined) return this.#ranges.values();
    return (this.#recent === undefined ? [] : [this.#recent]).values();
  }

  #range(to: LogicalAddress): SentRange | undefined {
    return this.#recent?.to === to ? this.#recent : this.#ranges?.get(to);
  }

  #switch(to: LogicalAddress, seq: number): void {
    const recent = this.#recent;
    if (recent === undefined) {
      this.#recent = { to, first: seq, last: seq };
      return;
    }
    this.#ranges ??= new Map([[recent.to, recent]]);
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
