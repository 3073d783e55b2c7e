/**
 * One KCP conversation, apart from sockets and clocks: datagrams and the time go in, datagrams and payload come out.
 * It does nothing by itself; its owner calls `flush` after whatever it did, and again at `nextUpdateAt`.
 */
import { Acknowledgements } from "./acknowledgements.js";
import { AddressProof } from "./address-proof.js";
import { CongestionWindow } from "./congestion-window.js";
import { DatagramWriter, type Emit } from "./datagram-writer.js";
import { Flight, type FlyingSegment } from "./flight.js";
import { Inbox } from "./inbox.js";
import { KcpError, type KcpErrorCode } from "./kcp-error.js";
import { Outbox } from "./outbox.js";
import { RoundTrip } from "./round-trip.js";
import { COMMAND, type DatagramFault, datagramFault, HEADER_BYTES, readSegment, Segment, writeHeader } from "./segment.js";
import { serialDiff } from "./serial.js";
import { WindowProbe } from "./window-probe.js";

/** What both sides of a conversation are set to; `KcpOptions` says what each means. */
export interface KcpCoreOptions {
  readonly mode: "stream" | "message";
  readonly noDelay: boolean;
  readonly intervalMs: number;
  readonly resend: number;
  readonly congestionControl: boolean;
  readonly sendWindow: number;
  readonly receiveWindow: number;
  readonly mtu: number;
  readonly deadLink: number;
  readonly maxMessageBytes: number;
  readonly tellEnds: boolean;
  readonly acknowledge: "turn" | "interval";
}

export interface KcpCoreStart {
  readonly now: number;
  /** What the timestamps on the wire begin at: a random number of 32 bits where the peer has to prove its address. */
  readonly timestampOffset?: number;
  /** The sequence number of the first segment in both directions. Plain KCP begins at 0; for tests of the wrap. */
  readonly firstSequence?: number;
  /** False: the peer chose to come here, and has yet to prove that its address is its own. Default true. */
  readonly isProven?: boolean;
}

/** Why a datagram did not count. */
export type InputFault = DatagramFault | "acknowledgement" | "window" | "reset";

/** A peer that has said nothing yet is taken to have this window, as other implementations do. */
const ASSUMED_WINDOW = 128;

/** Segments that are held for a peer which has not proved its address. */
export const UNPROVEN_WINDOW = 32;

/** Payload of a segment that every path carries: larger ones are taken when our own `mtu` is larger. */
const COMMON_PAYLOAD_BYTES = 1_500 - HEADER_BYTES;

/** One flush sends so many datagrams; more follow in the next, so that what arrives is read in between. */
const MAX_DATAGRAMS_PER_FLUSH = 16;

/** Transmissions of our end after which a peer that has ended too is taken to have it: nobody answers where both are gone. */
const LAST_WORDS = 10;

/** Of a peer that is heard, so many times `deadLink` transmissions may get lost: a lossy path is not a dead one. */
const ALIVE_FACTOR = 3;

const NOTHING = Buffer.alloc(0);

export class KcpCore {
  readonly conversation: number;
  readonly #options: KcpCoreOptions;
  readonly #timestampOffset: number;
  readonly #maxPayloadBytes: number;
  readonly #segment = new Segment();
  readonly #outbox: Outbox;
  readonly #flight: Flight;
  readonly #inbox: Inbox;
  readonly #roundTrip: RoundTrip;
  readonly #congestion: CongestionWindow | undefined;
  readonly #acknowledgements = new Acknowledgements();
  readonly #probe = new WindowProbe();
  readonly #proof: AddressProof;
  #remoteWindow = ASSUMED_WINDOW;
  #remoteUnacknowledged: number;
  /** The window and `unacknowledged` that the peer was told last. */
  #toldWindow: number;
  #toldUnacknowledged: number;
  #askOwed = false;
  #tellOwed = false;
  /** The address must be proved, or earn more credit, before anything more can be sent. */
  #isStarved = false;
  /** The last flush left something behind that may be sent. */
  #hasMore = false;
  #lastFlushAt: number;
  /** When the last datagram came that counted. */
  #heardAt: number;
  #failure: KcpError | undefined;
  #retransmissions = 0;

  constructor(conversation: number, options: KcpCoreOptions, start: KcpCoreStart) {
    const { now, timestampOffset = 0, firstSequence = 0, isProven = true } = start;
    this.conversation = conversation;
    this.#options = options;
    this.#timestampOffset = timestampOffset;
    this.#maxPayloadBytes = Math.max(options.mtu - HEADER_BYTES, COMMON_PAYLOAD_BYTES);
    this.#roundTrip = new RoundTrip(options.noDelay, options.intervalMs);
    this.#congestion = options.congestionControl ? new CongestionWindow(options.sendWindow) : undefined;
    this.#outbox = new Outbox(options.mode, options.mtu);
    this.#flight = new Flight(firstSequence, this.#roundTrip);
    this.#inbox = new Inbox(firstSequence, options);
    this.#proof = new AddressProof(isProven);
    if (!isProven) this.#inbox.limit = UNPROVEN_WINDOW;
    this.#remoteUnacknowledged = this.#toldUnacknowledged = firstSequence;
    this.#toldWindow = this.#inbox.window;
    this.#lastFlushAt = this.#heardAt = now;
  }

  /** Why the conversation cannot go on; `undefined` while it can. */
  get failure(): KcpError | undefined {
    return this.#failure;
  }

  get isProven(): boolean {
    return this.#proof.isProven;
  }

  /** Whether `send` should be called: past this, less than the send window waits for acknowledgement. */
  get hasRoom(): boolean {
    return this.waitingSegments < this.#options.sendWindow;
  }

  /** Segments that wait to be sent or to be acknowledged. */
  get waitingSegments(): number {
    return this.#outbox.segments + this.#flight.size;
  }

  /** Segments that wait to be read, those beyond a gap included: the receive window at most. */
  get heldSegments(): number {
    return this.#inbox.size;
  }

  /** Everything that was sent has arrived. */
  get isSettled(): boolean {
    return this.#outbox.isEmpty && this.#flight.size === 0;
  }

  get isReadable(): boolean {
    return this.#inbox.isReadable;
  }

  /** The peer has told its end, and all before it was read. */
  get hasEnded(): boolean {
    return this.#inbox.hasEnded;
  }

  /** The sequence number of the peer's that is expected next. */
  get nextExpected(): number {
    return this.#inbox.next;
  }

  /** Milliseconds, smoothed; `undefined` before the first measurement. */
  get roundTripMs(): number | undefined {
    return this.#roundTrip.smoothedMs;
  }

  /** Segments sent more than once. */
  get retransmissions(): number {
    return this.#retransmissions;
  }

  /** Takes bytes (stream mode) or one message, copied; they leave with `flush`. More than `hasRoom` allows is taken too. */
  send(bytes: Uint8Array): void {
    this.#outbox.push(bytes);
  }

  /** Tells the peer the end after all that was sent; nothing may be sent any more. Only with `tellEnds`. */
  end(): void {
    this.#outbox.pushEnd();
  }

  /** Bytes of the stream, or a whole message; `undefined` when nothing can be read now. */
  receive(): Buffer | undefined {
    const payload = this.#inbox.read();
    // A window that was told to be nearly closed and is open again: the peer may wait for the word.
    const { receiveWindow } = this.#options;
    if (payload !== undefined && this.#toldWindow < receiveWindow / 4 && this.#inbox.window >= receiveWindow / 2) this.#tellOwed = true;
    return payload;
  }

  /** Asks the peer for its window: any answer shows that it lives. */
  ask(): void {
    this.#askOwed = true;
  }

  /** Takes a datagram from the peer; its memory may be kept. Gives why it did not count, or not all of it. */
  input(datagram: Buffer, now: number): InputFault | undefined {
    if (this.#failure !== undefined) return undefined;
    const fault = datagramFault(datagram, this.conversation, this.#maxPayloadBytes);
    if (fault !== undefined) return fault;
    if (!this.#proof.isProven) this.#proof.received(datagram.length);
    this.#isStarved = false;
    this.#heardAt = now;
    return this.#inputSegments(datagram, now);
  }

  /** Sends what is due: acknowledgements, probes, new segments, and old ones again. */
  flush(now: number, emit: Emit): void {
    if (this.#failure !== undefined) return;
    this.#lastFlushAt = now;
    this.#hasMore = this.#isStarved = false;
    const mayAcknowledge = this.#proof.acknowledgementBytes >= HEADER_BYTES;
    const unacknowledged = mayAcknowledge ? this.#inbox.next : this.#toldUnacknowledged;
    const { mtu } = this.#options;
    const writer = new DatagramWriter(this.conversation, mtu, this.#proof, this.#inbox.window, unacknowledged, emit);
    if (this.#proof.isProven) this.#writeControl(writer, now);
    this.#writeNew(writer, now);
    this.#writeAgain(writer, now);
    // The proof goes before everything else: it needs a segment of ours that the peer acknowledges.
    if (!this.#proof.isProven) this.#writeControl(writer, now);
    writer.finish();
    if (writer.datagrams === 0) return;
    this.#toldWindow = this.#inbox.window;
    this.#toldUnacknowledged = unacknowledged;
  }

  /** When `flush` should be called next, if nothing else happens: `now` or before for at once, `Infinity` for never. */
  nextUpdateAt(now: number): number {
    if (this.#failure !== undefined || this.#isStarved) return Number.POSITIVE_INFINITY;
    const { acknowledge, intervalMs, resend } = this.#options;
    if (this.#hasMore || this.#tellOwed || this.#askOwed) return now;
    if (!this.#outbox.isEmpty && this.#maySendNew()) return now;
    if (resend > 0 && this.#flight.mostOvertaken >= this.#overtakesToResend()) return now;
    const nextTick = this.#lastFlushAt + intervalMs;
    const acknowledgeAt = this.#acknowledgements.isEmpty ? Number.POSITIVE_INFINITY : acknowledge === "turn" ? now : nextTick;
    return Math.min(acknowledgeAt, Math.max(this.#flight.earliest, nextTick), this.#probe.at);
  }

  /** The datagram that tells the peer that this side is gone; `undefined` when it may not be sent. */
  resetDatagram(): Buffer | undefined {
    if (this.#proof.datagramBytes < HEADER_BYTES) return undefined;
    this.#proof.sent(HEADER_BYTES);
    return resetDatagram(this.conversation, this.#inbox.next);
  }

  /** Ends the conversation on this side and frees what it held. */
  fail(error: KcpError): void {
    this.#failure ??= error;
    this.#outbox.clear();
    this.#flight.clear();
    this.#inbox.clear();
  }

  #inputSegments(datagram: Buffer, now: number): InputFault | undefined {
    const segment = this.#segment;
    const orders: number[] = [];
    const unacknowledgedBefore = this.#flight.size;
    const wasFull = this.#flight.span >= this.#sendableSpan();
    let fault: InputFault | undefined;
    let arrivedBefore = this.#flight.first;
    for (let offset = 0; offset < datagram.length && this.#failure === undefined; offset = segment.end) {
      readSegment(datagram, offset, segment);
      fault = this.#inputSegment(datagram, segment, orders, now) ?? fault;
      const isReset = segment.command === COMMAND.reset;
      if (!isReset && serialDiff(segment.unacknowledged, arrivedBefore) > 0) arrivedBefore = segment.unacknowledged;
    }
    // After the acknowledgements of single segments: they tell more about what they name.
    if (!this.#flight.acknowledgeBefore(arrivedBefore)) fault = "acknowledgement";
    if (orders.length > 0) this.#flight.overtaken(orders);
    if (wasFull) this.#congestion?.acknowledged(unacknowledgedBefore - this.#flight.size);
    return fault;
  }

  #inputSegment(datagram: Buffer, segment: Segment, orders: number[], now: number): InputFault | undefined {
    if (segment.command === COMMAND.reset) return this.#resetByPeer(segment);
    // An older datagram that was overtaken knows an older window.
    if (serialDiff(segment.unacknowledged, this.#remoteUnacknowledged) >= 0 && serialDiff(segment.unacknowledged, this.#flight.next) <= 0) {
      this.#remoteUnacknowledged = segment.unacknowledged;
      this.#remoteWindow = segment.window;
    }
    this.#probe.heard(this.#remoteWindow, now);
    switch (segment.command) {
      case COMMAND.ack:
        return this.#acknowledged(segment, orders, now);
      case COMMAND.push:
        return this.#pushed(datagram, segment);
      case COMMAND.askWindow:
        this.#tellOwed = true;
        return undefined;
      default:
        return undefined;
    }
  }

  #acknowledged({ sequence, timestamp }: Segment, orders: number[], now: number): InputFault | undefined {
    if (serialDiff(sequence, this.#flight.next) >= 0) return "acknowledgement";
    const told = this.#flight.acknowledge(sequence, timestamp, now);
    if (told === undefined) return undefined;
    if (told.order > 0) orders.push(told.order);
    if (told.roundTripMs !== undefined) this.#roundTrip.measured(told.roundTripMs);
    if (told.echoed && !this.#proof.isProven) {
      this.#proof.proven();
      this.#inbox.limit = this.#options.receiveWindow;
      this.#tellOwed = true;
    }
    return undefined;
  }

  #pushed(datagram: Buffer, { sequence, fragment, timestamp, start, end }: Segment): InputFault | undefined {
    const { length } = datagram;
    // A small segment must not keep a large datagram in memory.
    const payload = end - start >= length / 2 ? datagram.subarray(start, end) : Buffer.from(datagram.subarray(start, end));
    const acceptance = this.#inbox.accept(sequence, fragment, payload);
    if (acceptance.type === "fault") this.#fails(acceptance.code, acceptance.problem);
    if (acceptance.type === "outside") {
      this.#tellOwed = true;
      return "window";
    }
    this.#acknowledgements.add(sequence, timestamp, this.#inbox.next);
    return undefined;
  }

  /** Anybody can send one; only who sees this conversation knows what of ours has arrived. */
  #resetByPeer({ unacknowledged }: Segment): InputFault | undefined {
    const { first, next } = this.#flight;
    if (!this.#options.tellEnds || serialDiff(unacknowledged, first) < 0 || serialDiff(unacknowledged, next) > 0) return "reset";
    this.#fails("RESET", "the peer destroyed its end, or does not know this session");
    return undefined;
  }

  #writeControl(writer: DatagramWriter, now: number): void {
    this.#acknowledgements.drain(this.#inbox.next, (sequence, timestamp) => {
      if (writer.allowedAcknowledgementBytes < 0) {
        this.#isStarved = true;
        return false;
      }
      writer.write(COMMAND.ack, 0, timestamp, sequence, NOTHING);
      return true;
    });
    const ask = this.#askOwed || now >= this.#probe.at;
    if (ask && this.#probe.unanswered >= this.#options.deadLink)
      return this.#fails("DEAD_LINK", `${this.#probe.unanswered} window probes were not answered`);
    if (ask && this.#maySendControl(writer)) {
      writer.write(COMMAND.askWindow, 0, this.#timestamp(now), this.#flight.next, NOTHING);
      this.#probe.asked(now);
      this.#askOwed = false;
    }
    if (this.#tellOwed && this.#maySendControl(writer)) {
      // Every segment tells the window.
      if (writer.datagrams === 0) writer.write(COMMAND.tellWindow, 0, this.#timestamp(now), this.#flight.next, NOTHING);
      this.#tellOwed = false;
    }
  }

  #maySendControl(writer: DatagramWriter): boolean {
    const may = writer.allowedAcknowledgementBytes >= 0;
    if (!may) this.#isStarved = true;
    return may;
  }

  #writeNew(writer: DatagramWriter, now: number): void {
    while (!this.#outbox.isEmpty && this.#maySendNew()) {
      if (writer.datagrams >= MAX_DATAGRAMS_PER_FLUSH) {
        this.#hasMore = true;
        return;
      }
      const part = writer.allowedBytes < 0 ? undefined : this.#outbox.take(Math.max(writer.allowedBytes, 0), this.#remoteWindow);
      if (part === undefined) {
        this.#isStarved = true;
        return;
      }
      this.#transmit(writer, this.#flight.add(part.payload, part.fragment), now, false);
    }
  }

  /** Looks at the segments in flight when one of them is due, or was overtaken. */
  #writeAgain(writer: DatagramWriter, now: number): void {
    const { resend } = this.#options;
    const overtakes = this.#overtakesToResend();
    const someOvertaken = resend > 0 && this.#flight.mostOvertaken >= overtakes;
    if (this.#hasMore || (this.#flight.earliest > now && !someOvertaken)) return;
    let earliest = Number.POSITIVE_INFINITY;
    let mostOvertaken = 0;
    let skipped = false;
    let timedOut = false;
    for (const segment of this.#flight.unacknowledged()) {
      const isOvertaken = resend > 0 && segment.overtakenBy >= overtakes;
      const isDue = isOvertaken || segment.resendAt <= now;
      if (isDue && this.#isGivenUp(segment, now)) return;
      if (isDue && !this.#fitsRemoteWindow(segment)) this.#flight.postpone(segment, now);
      else if (isDue && this.#mayTransmit(writer, segment)) {
        this.#transmit(writer, segment, now, !isOvertaken);
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
  }

  /** What the peer dropped because it holds too much already is not sent again before it has room. */
  #fitsRemoteWindow(segment: FlyingSegment): boolean {
    return serialDiff(segment.sequence, this.#remoteUnacknowledged) < this.#remoteWindow;
  }

  #mayTransmit(writer: DatagramWriter, segment: FlyingSegment): boolean {
    if (writer.datagrams >= MAX_DATAGRAMS_PER_FLUSH) this.#hasMore = true;
    else if (writer.allowedBytes < segment.payload.length) this.#isStarved = true;
    else return true;
    return false;
  }

  #transmit(writer: DatagramWriter, segment: FlyingSegment, now: number, timedOut: boolean): void {
    const timestamp = this.#timestamp(now);
    this.#flight.sent(segment, now, timestamp, timedOut);
    writer.write(COMMAND.push, segment.fragment, timestamp, segment.sequence, segment.payload);
  }

  /** Whether a segment was sent too often: the link is dead, or both sides have ended and only our last word is not acknowledged. */
  #isGivenUp(segment: FlyingSegment, now: number): boolean {
    const isLastWord = segment.payload.length === 0 && this.#inbox.endArrived && this.#flight.size === 1;
    const isSilent = now - this.#heardAt >= segment.timeoutMs;
    if (isLastWord && isSilent && segment.transmissions >= LAST_WORDS) {
      this.#flight.acknowledgeBefore(this.#flight.next);
      return true;
    }
    const { deadLink } = this.#options;
    if (segment.transmissions < (isSilent ? deadLink : deadLink * ALIVE_FACTOR)) return false;
    this.#fails("DEAD_LINK", `segment ${segment.sequence} was sent ${segment.transmissions} times without an answer`);
    return true;
  }

  /** As many as `resend` says; one is enough for the last segments of all, which nothing overtakes soon. */
  #overtakesToResend(): number {
    return this.#outbox.isEmpty ? 1 : this.#options.resend;
  }

  /** An unproven peer gets one segment at a time: its acknowledgement is the proof. */
  #maySendNew(): boolean {
    return this.#proof.isProven ? this.#flight.span < this.#sendableSpan() : this.#flight.size === 0;
  }

  #sendableSpan(): number {
    const { sendWindow } = this.#options;
    return Math.min(sendWindow, this.#remoteWindow, this.#congestion?.segments ?? sendWindow);
  }

  #timestamp(now: number): number {
    return (Math.floor(now) + this.#timestampOffset) >>> 0;
  }

  #fails(code: KcpErrorCode, problem: string): void {
    this.fail(new KcpError(code, problem));
  }
}

/** Tells the peer that there is no such session; `unacknowledged` is a sequence number of its own that it has in flight, or sends next. */
export function resetDatagram(conversation: number, unacknowledged: number): Buffer {
  const datagram = Buffer.allocUnsafe(HEADER_BYTES);
  writeHeader(datagram, 0, conversation, COMMAND.reset, 0, 0, 0, 0, unacknowledged, 0);
  return datagram;
}
