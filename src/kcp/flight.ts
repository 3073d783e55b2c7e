/** Segments that were sent and are not yet acknowledged: which of them are due again, and which ones later arrivals have overtaken. */
import type { RoundTrip } from "./round-trip.js";
import { serialAdd, serialDiff } from "./serial.js";
import { SerialRing } from "./serial-ring.js";

export interface FlyingSegment {
  readonly sequence: number;
  readonly fragment: number;
  readonly payload: Buffer;
  /** Milliseconds on the wire of the first transmission and of the last one. */
  firstTimestamp: number;
  timestamp: number;
  /** When the last transmission left. */
  sentAt: number;
  /** When the next one is due, unless an acknowledgement comes before. */
  resendAt: number;
  timeoutMs: number;
  transmissions: number;
  /** Place of the last transmission among all that this side has made. */
  order: number;
  /** Segments acknowledged that were sent after the last transmission of this one. */
  overtakenBy: number;
}

/** What an acknowledgement told. */
export interface Acknowledged {
  readonly order: number;
  /** From the transmission that is acknowledged to now; `undefined` when the timestamp is of none that was made. */
  readonly roundTripMs: number | undefined;
  /** The timestamp was one that only who receives our segments knows. */
  readonly echoed: boolean;
}

export class Flight {
  readonly #ring: SerialRing<FlyingSegment>;
  readonly #roundTrip: RoundTrip;
  #next: number;
  #order = 0;
  #earliest = Number.POSITIVE_INFINITY;
  #mostOvertaken = 0;

  constructor(firstSequence: number, roundTrip: RoundTrip) {
    this.#ring = new SerialRing(firstSequence);
    this.#next = firstSequence;
    this.#roundTrip = roundTrip;
  }

  /** The lowest sequence number that is not acknowledged. */
  get first(): number {
    return this.#ring.first;
  }

  /** The sequence number of the next new segment. */
  get next(): number {
    return this.#next;
  }

  /** Segments between the two, those in between that were acknowledged out of order included: what the windows limit. */
  get span(): number {
    return serialDiff(this.#next, this.#ring.first);
  }

  /** Segments that are not acknowledged. */
  get size(): number {
    return this.#ring.size;
  }

  /** No segment is due before. `Infinity`: none is in flight. */
  get earliest(): number {
    return this.#ring.size === 0 ? Number.POSITIVE_INFINITY : this.#earliest;
  }

  /** At least how often the segment was overtaken that was overtaken most, since {@link scanned}. */
  get mostOvertaken(): number {
    return this.#ring.size === 0 ? 0 : this.#mostOvertaken;
  }

  /** Adds a new segment, which has yet to be {@link sent}. */
  add(payload: Buffer, fragment: number): FlyingSegment {
    const sequence = this.#next;
    const { timeoutMs } = this.#roundTrip;
    const segment = {
      sequence,
      fragment,
      payload,
      firstTimestamp: 0,
      timestamp: 0,
      sentAt: 0,
      resendAt: 0,
      timeoutMs,
      transmissions: 0,
      order: 0,
      overtakenBy: 0,
    };
    this.#ring.set(sequence, segment);
    this.#next = serialAdd(sequence, 1);
    return segment;
  }

  /** Notes a transmission; `timedOut`: of a segment whose last one ran out of time. */
  sent(segment: FlyingSegment, now: number, timestamp: number, timedOut: boolean): void {
    if (segment.transmissions === 0) segment.firstTimestamp = timestamp;
    if (timedOut) segment.timeoutMs = this.#roundTrip.backOff(segment.timeoutMs);
    else segment.timeoutMs = this.#roundTrip.timeoutMs;
    segment.timestamp = timestamp;
    segment.sentAt = now;
    segment.resendAt = now + segment.timeoutMs;
    segment.transmissions++;
    segment.order = ++this.#order;
    segment.overtakenBy = 0;
    if (segment.resendAt < this.#earliest) this.#earliest = segment.resendAt;
  }

  /** Lets a segment wait that the peer has no room for, as if it had been sent again. */
  postpone(segment: FlyingSegment, now: number): void {
    segment.resendAt = now + segment.timeoutMs;
    segment.overtakenBy = 0;
  }

  /** Takes out one segment; `undefined` when it is not in flight. */
  acknowledge(sequence: number, timestamp: number, now: number): Acknowledged | undefined {
    const segment = this.#ring.get(sequence);
    if (segment === undefined || segment.transmissions === 0) return undefined;
    this.#ring.remove(sequence);
    this.#advance();
    const isLast = timestamp === segment.timestamp;
    // Which of the transmissions it was tells how long answers take, also where they take longer than they were waited for:
    // else a path that becomes slow would never be known as such, and everything on it would be sent twice.
    const earlierMs = serialDiff(segment.timestamp, timestamp);
    const wasMade = earlierMs >= 0 && earlierMs <= serialDiff(segment.timestamp, segment.firstTimestamp);
    return {
      // Nobody knows which segments an earlier transmission has overtaken.
      order: isLast ? segment.order : 0,
      roundTripMs: wasMade ? now - segment.sentAt + earlierMs : undefined,
      echoed: isLast || timestamp === segment.firstTimestamp,
    };
  }

  /** Takes out all before `sequence`; false when it lies outside of what was sent. */
  acknowledgeBefore(sequence: number): boolean {
    if (serialDiff(sequence, this.#ring.first) < 0) return true;
    if (serialDiff(sequence, this.#next) > 0) return false;
    while (this.#ring.first !== sequence) {
      if (this.#ring.get(this.#ring.first) !== undefined) this.#ring.remove(this.#ring.first);
      this.#ring.advance();
    }
    this.#advance();
    return true;
  }

  /** `orders`: those of segments that were acknowledged just now. Each has overtaken the ones whose last transmission was before it. */
  overtaken(orders: readonly number[]): void {
    let highest = 0;
    for (const order of orders) if (order > highest) highest = order;
    for (let sequence = this.#ring.first, left = this.#ring.size; left > 0; sequence = serialAdd(sequence, 1)) {
      const segment = this.#ring.get(sequence);
      if (segment === undefined) continue;
      left--;
      if (segment.order >= highest) continue;
      for (const order of orders) if (order > segment.order) segment.overtakenBy++;
      if (segment.overtakenBy > this.#mostOvertaken) this.#mostOvertaken = segment.overtakenBy;
    }
  }

  /** In the order of their sequence numbers. */
  *unacknowledged(): Generator<FlyingSegment> {
    for (let sequence = this.#ring.first, left = this.#ring.size; left > 0; sequence = serialAdd(sequence, 1)) {
      const segment = this.#ring.get(sequence);
      if (segment === undefined) continue;
      left--;
      yield segment;
    }
  }

  /** All segments were looked at: the first of them is due at `earliest`, and one was overtaken `mostOvertaken` times. */
  scanned(earliest: number, mostOvertaken: number): void {
    this.#earliest = earliest;
    this.#mostOvertaken = mostOvertaken;
  }

  clear(): void {
    this.#ring.clear();
  }

  #advance(): void {
    while (this.#ring.first !== this.#next && this.#ring.get(this.#ring.first) === undefined) this.#ring.advance();
  }
}
