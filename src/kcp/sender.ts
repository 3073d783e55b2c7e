/** The sending half of a conversation: what waits, what is in flight, and what goes out when. */
import { CongestionWindow } from "./congestion-window.js";
import type { DatagramWriter } from "./datagram-writer.js";
import { type Acknowledged, Flight, type FlyingSegment } from "./flight.js";
import { Outbox } from "./outbox.js";
import { RoundTrip } from "./round-trip.js";
import { COMMAND } from "./segment.js";
import { serialDiff } from "./serial.js";

export interface SenderOptions {
  readonly mode: "stream" | "message";
  readonly noDelay: boolean;
  readonly intervalMs: number;
  readonly resend: number;
  readonly congestionControl: boolean;
  readonly sendWindow: number;
  readonly mtu: number;
  readonly deadLink: number;
}

/** What the rest of the conversation knows when something is to be sent. */
export interface SendingState {
  readonly now: number;
  /** Milliseconds as they go onto the wire. */
  readonly timestamp: number;
  readonly isProven: boolean;
  /** When the peer was heard last. */
  readonly heardAt: number;
  /** The peer has ended: it has no reason to stay when our end has reached it. */
  readonly peerHasEnded: boolean;
}

/** A peer that has said nothing yet is taken to have this window, as other implementations do. */
const ASSUMED_WINDOW = 128;

/** One flush sends so many datagrams; more follow in the next, so that what arrives is read in between. */
const MAX_DATAGRAMS_PER_FLUSH = 16;

/** Transmissions of our end after which a peer that has ended too is taken to have it: nobody answers where both are gone. */
const LAST_WORDS = 10;

/** Of a peer that is heard, so many times `deadLink` transmissions may get lost: a lossy path is not a dead one. */
const ALIVE_FACTOR = 3;

export class Sender {
  readonly #options: SenderOptions;
  readonly #outbox: Outbox;
  readonly #flight: Flight;
  readonly #roundTrip: RoundTrip;
  readonly #congestion: CongestionWindow | undefined;
  #remoteWindow = ASSUMED_WINDOW;
  #remoteUnacknowledged: number;
  /** Of the datagram that is being read: the transmissions that it acknowledges, and how things stood before. */
  #orders: number[] = [];
  #sizeBefore = 0;
  #wasFull = false;
  #hasMore = false;
  #retransmissions = 0;

  constructor(firstSequence: number, options: SenderOptions) {
    this.#options = options;
    this.#outbox = new Outbox(options.mode, options.mtu);
    this.#roundTrip = new RoundTrip(options.noDelay, options.intervalMs);
    this.#flight = new Flight(firstSequence, this.#roundTrip);
    this.#congestion = options.congestionControl ? new CongestionWindow(options.sendWindow) : undefined;
    this.#remoteUnacknowledged = firstSequence;
  }

  get waitingSegments(): number {
    return this.#outbox.segments + this.#flight.size;
  }

  get isSettled(): boolean {
    return this.#outbox.isEmpty && this.#flight.size === 0;
  }

  get roundTripMs(): number | undefined {
    return this.#roundTrip.smoothedMs;
  }

  get retransmissions(): number {
    return this.#retransmissions;
  }

  get remoteWindow(): number {
    return this.#remoteWindow;
  }

  /** The sequence number of the next new segment. */
  get next(): number {
    return this.#flight.next;
  }

  push(bytes: Uint8Array): void {
    this.#outbox.push(bytes);
  }

  end(): void {
    this.#outbox.pushEnd();
  }

  clear(): void {
    this.#outbox.clear();
    this.#flight.clear();
  }

  /** Whether `sequence` is one that a peer may expect from us: in flight, or the next one. */
  mayExpect(sequence: number): boolean {
    return serialDiff(sequence, this.#flight.first) >= 0 && serialDiff(sequence, this.#flight.next) <= 0;
  }

  /** Before the segments of a datagram. */
  beginInput(): void {
    this.#orders = [];
    this.#sizeBefore = this.#flight.size;
    this.#wasFull = this.#flight.span >= this.#sendableSpan();
  }

  /** The window of a segment; that of an older datagram that was overtaken is older too. */
  tellWindow(window: number, unacknowledged: number): void {
    const isNew = serialDiff(unacknowledged, this.#remoteUnacknowledged) >= 0 && serialDiff(unacknowledged, this.#flight.next) <= 0;
    if (!isNew) return;
    this.#remoteUnacknowledged = unacknowledged;
    this.#remoteWindow = window;
  }

  /** One segment arrived. `"unsent"`: it was never sent; `undefined`: it is not in flight any more. */
  acknowledge(sequence: number, timestamp: number, now: number): Acknowledged | "unsent" | undefined {
    if (serialDiff(sequence, this.#flight.next) >= 0) return "unsent";
    const acknowledged = this.#flight.acknowledge(sequence, timestamp, now);
    if (acknowledged === undefined) return undefined;
    if (acknowledged.order > 0) this.#orders.push(acknowledged.order);
    if (acknowledged.roundTripMs !== undefined) this.#roundTrip.measured(acknowledged.roundTripMs);
    return acknowledged;
  }

  /** After the segments of a datagram: all before `unacknowledged` have arrived. False when these were never sent. */
  endInput(unacknowledged: number): boolean {
    const isKnown = this.#flight.acknowledgeBefore(unacknowledged);
    if (this.#orders.length > 0) this.#flight.overtaken(this.#orders);
    if (this.#wasFull) this.#congestion?.acknowledged(this.#sizeBefore - this.#flight.size);
    return isKnown;
  }

  /** Sends new segments, and old ones again. Gives why the link is dead, when it is. */
  write(writer: DatagramWriter, state: SendingState): string | undefined {
    this.#hasMore = false;
    this.#writeNew(writer, state);
    return this.#hasMore || !this.#isAgainDue(state.now) ? undefined : this.#writeAgain(writer, state);
  }

  /** When something is to be sent: `now` or before for at once, else not before `nextTick`. */
  nextAt(now: number, isProven: boolean, nextTick: number): number {
    if (this.#hasMore || (!this.#outbox.isEmpty && this.#maySendNew(isProven)) || this.#someOvertaken()) return now;
    return Math.max(this.#flight.earliest, nextTick);
  }

  #writeNew(writer: DatagramWriter, state: SendingState): void {
    while (!this.#outbox.isEmpty && this.#maySendNew(state.isProven)) {
      if (writer.datagrams >= MAX_DATAGRAMS_PER_FLUSH) {
        this.#hasMore = true;
        return;
      }
      const part = writer.allowedBytes < 0 ? undefined : this.#outbox.take(writer.allowedBytes, this.#remoteWindow);
      if (part === undefined) return writer.starve();
      this.#transmit(writer, this.#flight.add(part.payload, part.fragment), state, false);
    }
  }

  /** Looks at all segments in flight. */
  #writeAgain(writer: DatagramWriter, state: SendingState): string | undefined {
    const { resend } = this.#options;
    const { now } = state;
    const overtakes = this.#overtakesToResend();
    let earliest = Number.POSITIVE_INFINITY;
    let mostOvertaken = 0;
    let skipped = false;
    let timedOut = false;
    for (const segment of this.#flight.unacknowledged()) {
      const isOvertaken = resend > 0 && segment.overtakenBy >= overtakes;
      const isDue = isOvertaken || segment.resendAt <= now;
      if (isDue && this.#isLastWord(segment, state)) {
        this.#flight.acknowledgeBefore(this.#flight.next);
        return undefined;
      }
      if (isDue && this.#isDead(segment, state))
        return `segment ${segment.sequence} was sent ${segment.transmissions} times without an answer`;
      if (isDue && !this.#fitsRemoteWindow(segment)) this.#flight.postpone(segment, now);
      else if (isDue && this.#mayTransmit(writer, segment)) {
        this.#transmit(writer, segment, state, !isOvertaken);
        this.#retransmissions++;
        if (isOvertaken) skipped = true;
        else timedOut = true;
      }
      earliest = Math.min(earliest, segment.resendAt);
      mostOvertaken = Math.max(mostOvertaken, segment.overtakenBy);
    }
    this.#flight.scanned(earliest, mostOvertaken);
    if (skipped) this.#congestion?.skipped(this.#flight.size, resend);
    if (timedOut) this.#congestion?.timedOut();
    return undefined;
  }

  #isAgainDue(now: number): boolean {
    return this.#flight.earliest <= now || this.#someOvertaken();
  }

  #someOvertaken(): boolean {
    return this.#options.resend > 0 && this.#flight.mostOvertaken >= this.#overtakesToResend();
  }

  /** As many as `resend` says; one is enough for the last segments of all, which nothing overtakes soon. */
  #overtakesToResend(): number {
    return this.#outbox.isEmpty ? 1 : this.#options.resend;
  }

  /** What the peer dropped because it holds too much already is not sent again before it has room. */
  #fitsRemoteWindow(segment: FlyingSegment): boolean {
    return serialDiff(segment.sequence, this.#remoteUnacknowledged) < this.#remoteWindow;
  }

  #mayTransmit(writer: DatagramWriter, segment: FlyingSegment): boolean {
    if (writer.datagrams >= MAX_DATAGRAMS_PER_FLUSH) this.#hasMore = true;
    else if (writer.allowedBytes < segment.payload.length) writer.starve();
    else return true;
    return false;
  }

  #transmit(writer: DatagramWriter, segment: FlyingSegment, { now, timestamp }: SendingState, timedOut: boolean): void {
    this.#flight.sent(segment, now, timestamp, timedOut);
    writer.write(COMMAND.push, segment.fragment, timestamp, segment.sequence, segment.payload);
  }

  /** Both sides have ended, and only our end is not acknowledged: the peer is gone, most likely, and misses nothing. */
  #isLastWord(segment: FlyingSegment, { now, heardAt, peerHasEnded }: SendingState): boolean {
    const isEnd = segment.payload.length === 0 && this.#flight.size === 1;
    return isEnd && peerHasEnded && segment.transmissions >= LAST_WORDS && now - heardAt >= segment.timeoutMs;
  }

  #isDead({ transmissions, timeoutMs }: FlyingSegment, { now, heardAt }: SendingState): boolean {
    const { deadLink } = this.#options;
    return transmissions >= (now - heardAt >= timeoutMs ? deadLink : deadLink * ALIVE_FACTOR);
  }

  /** An unproven peer gets one segment at a time: its acknowledgement is the proof. */
  #maySendNew(isProven: boolean): boolean {
    return isProven ? this.#flight.span < this.#sendableSpan() : this.#flight.size === 0;
  }

  #sendableSpan(): number {
    const { sendWindow } = this.#options;
    return Math.min(sendWindow, this.#remoteWindow, this.#congestion?.segments ?? sendWindow);
  }
}
