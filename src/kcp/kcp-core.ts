/**
 * One KCP conversation, apart from sockets and clocks: datagrams and the time go in, datagrams and payload come out.
 * It does nothing by itself; its owner calls `flush` after whatever it did, and again at `nextUpdateAt`.
 */
import { Acknowledgements } from "./acknowledgements.js";
import { AddressProof } from "./address-proof.js";
import { DatagramWriter, type Emit } from "./datagram-writer.js";
import { Inbox, type InboxOptions } from "./inbox.js";
import { KcpError, type KcpErrorCode } from "./kcp-error.js";
import { COMMAND, type DatagramFault, datagramFault, HEADER_BYTES, readSegment, resetDatagram, Segment } from "./segment.js";
import { Sender, type SenderOptions } from "./sender.js";
import { serialDiff } from "./serial.js";
import { WindowProbe } from "./window-probe.js";

/** What both sides of a conversation are set to; `KcpOptions` says what each means. */
export interface KcpCoreOptions extends SenderOptions, InboxOptions {
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

/** Segments that are held for a peer which has not proved its address. */
export const UNPROVEN_WINDOW = 32;

/** Payload of a segment that every path carries: larger ones are taken when our own `mtu` is larger. */
const COMMON_PAYLOAD_BYTES = 1_500 - HEADER_BYTES;

const NOTHING = Buffer.alloc(0);

export class KcpCore {
  readonly conversation: number;
  readonly #options: KcpCoreOptions;
  readonly #timestampOffset: number;
  readonly #maxPayloadBytes: number;
  readonly #segment = new Segment();
  readonly #sender: Sender;
  readonly #inbox: Inbox;
  readonly #acknowledgements = new Acknowledgements();
  readonly #probe = new WindowProbe();
  readonly #proof: AddressProof;
  /** The window and `unacknowledged` that the peer was told last. */
  #toldWindow: number;
  #toldUnacknowledged: number;
  #askOwed = false;
  #tellOwed = false;
  /** The address must be proved, or earn more credit, before what waits can be sent, or what is to be acknowledged. */
  #isSenderStarved = false;
  #isControlStarved = false;
  #lastFlushAt: number;
  /** When the last datagram came that counted. */
  #heardAt: number;
  #failure: KcpError | undefined;

  constructor(conversation: number, options: KcpCoreOptions, start: KcpCoreStart) {
    const { now, timestampOffset = 0, firstSequence = 0, isProven = true } = start;
    this.conversation = conversation;
    this.#options = options;
    this.#timestampOffset = timestampOffset;
    this.#maxPayloadBytes = Math.max(options.mtu - HEADER_BYTES, COMMON_PAYLOAD_BYTES);
    this.#sender = new Sender(firstSequence, options);
    this.#inbox = new Inbox(firstSequence, options);
    this.#proof = new AddressProof(isProven);
    if (!isProven) this.#inbox.limit = UNPROVEN_WINDOW;
    this.#toldUnacknowledged = firstSequence;
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
    return this.#sender.waitingSegments;
  }

  /** Segments that wait to be read, those beyond a gap included: the receive window at most. */
  get heldSegments(): number {
    return this.#inbox.size;
  }

  /** Everything that was sent has arrived. */
  get isSettled(): boolean {
    return this.#sender.isSettled;
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
    return this.#sender.roundTripMs;
  }

  /** Segments sent more than once. */
  get retransmissions(): number {
    return this.#sender.retransmissions;
  }

  /** Takes bytes (stream mode) or one message, copied; they leave with `flush`. More than `hasRoom` allows is taken too. */
  send(bytes: Uint8Array): void {
    this.#sender.push(bytes);
    this.#isSenderStarved = false; // what could not be sent before was larger, perhaps
  }

  /** Tells the peer the end after all that was sent; nothing may be sent any more. Only with `tellEnds`. */
  end(): void {
    this.#sender.end();
    this.#isSenderStarved = false;
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
    this.#isSenderStarved = this.#isControlStarved = false;
    this.#heardAt = now;
    return this.#inputSegments(datagram, now);
  }

  /** Sends what is due: acknowledgements, probes, new segments, and old ones again. */
  flush(now: number, emit: Emit): void {
    if (this.#failure !== undefined) return;
    this.#lastFlushAt = now;
    const isProven = this.#proof.isProven;
    const mayAcknowledge = this.#proof.acknowledgementBytes >= HEADER_BYTES;
    const unacknowledged = mayAcknowledge ? this.#inbox.next : this.#toldUnacknowledged;
    const writer = new DatagramWriter(this.conversation, this.#options.mtu, this.#proof, this.#inbox.window, unacknowledged, emit);
    if (isProven) this.#writeControl(writer, now);
    const timestamp = this.#timestamp(now);
    const dead = this.#sender.write(writer, { now, timestamp, isProven, heardAt: this.#heardAt, peerHasEnded: this.#inbox.endArrived });
    if (dead !== undefined) this.#fails("DEAD_LINK", dead);
    // The proof goes before everything else: it needs a segment of ours that the peer acknowledges.
    if (!isProven) this.#writeControl(writer, now);
    writer.finish();
    this.#isSenderStarved = writer.isStarved;
    if (writer.datagrams === 0) return;
    this.#toldWindow = this.#inbox.window;
    this.#toldUnacknowledged = unacknowledged;
  }

  /** When `flush` should be called next, if nothing else happens: `now` or before for at once, `Infinity` for never. */
  nextUpdateAt(now: number): number {
    if (this.#failure !== undefined) return Number.POSITIVE_INFINITY;
    const nextTick = this.#lastFlushAt + this.#options.intervalMs;
    const sendAt = this.#isSenderStarved ? Number.POSITIVE_INFINITY : this.#sender.nextAt(now, this.#proof.isProven, nextTick);
    return this.#isControlStarved ? sendAt : Math.min(sendAt, this.#controlAt(now, nextTick));
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
    this.#sender.clear();
    this.#inbox.clear();
  }

  #inputSegments(datagram: Buffer, now: number): InputFault | undefined {
    const segment = this.#segment;
    this.#sender.beginInput();
    let fault: InputFault | undefined;
    let arrivedBefore: number | undefined;
    for (let offset = 0; offset < datagram.length && this.#failure === undefined; offset = segment.end) {
      readSegment(datagram, offset, segment);
      fault = this.#inputSegment(datagram, segment, now) ?? fault;
      if (segment.command === COMMAND.reset) continue;
      if (arrivedBefore === undefined || serialDiff(segment.unacknowledged, arrivedBefore) > 0) arrivedBefore = segment.unacknowledged;
    }
    // After the acknowledgements of single segments: they tell more about what they name.
    if (this.#failure === undefined && arrivedBefore !== undefined && !this.#sender.endInput(arrivedBefore)) return "acknowledgement";
    return fault;
  }

  #inputSegment(datagram: Buffer, segment: Segment, now: number): InputFault | undefined {
    if (segment.command === COMMAND.reset) return this.#resetByPeer(segment);
    this.#sender.tellWindow(segment.window, segment.unacknowledged);
    this.#probe.heard(this.#sender.remoteWindow, now);
    switch (segment.command) {
      case COMMAND.ack:
        return this.#acknowledged(segment, now);
      case COMMAND.push:
        return this.#pushed(datagram, segment);
      case COMMAND.askWindow:
        this.#tellOwed = true;
        return undefined;
      default:
        return undefined;
    }
  }

  #acknowledged({ sequence, timestamp }: Segment, now: number): InputFault | undefined {
    const acknowledged = this.#sender.acknowledge(sequence, timestamp, now);
    if (acknowledged === "unsent") return "acknowledgement";
    if (acknowledged?.echoed !== true || this.#proof.isProven) return undefined;
    this.#proof.proven();
    this.#inbox.limit = this.#options.receiveWindow;
    this.#tellOwed = true;
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
    if (!this.#options.tellEnds || !this.#sender.mayExpect(unacknowledged)) return "reset";
    this.#fails("RESET", "the peer destroyed its end, or does not know this session");
    return undefined;
  }

  #writeControl(writer: DatagramWriter, now: number): void {
    this.#acknowledgements.drain(this.#inbox.next, (sequence, timestamp) => {
      if (!this.#maySendControl(writer)) return false;
      writer.write(COMMAND.ack, 0, timestamp, sequence, NOTHING);
      return true;
    });
    const { unanswered, at } = this.#probe;
    const ask = this.#askOwed || now >= at;
    if (ask && unanswered >= this.#options.deadLink) return this.#fails("DEAD_LINK", `${unanswered} window probes were not answered`);
    if (ask && this.#maySendControl(writer)) {
      writer.write(COMMAND.askWindow, 0, this.#timestamp(now), this.#sender.next, NOTHING);
      this.#probe.asked(now);
      this.#askOwed = false;
    }
    if (this.#tellOwed && this.#maySendControl(writer)) {
      // Every segment tells the window.
      if (writer.datagrams === 0) writer.write(COMMAND.tellWindow, 0, this.#timestamp(now), this.#sender.next, NOTHING);
      this.#tellOwed = false;
    }
  }

  #controlAt(now: number, nextTick: number): number {
    if (this.#tellOwed || this.#askOwed) return now;
    const { at } = this.#probe;
    if (this.#acknowledgements.isEmpty) return at;
    return Math.min(at, this.#options.acknowledge === "turn" ? now : nextTick);
  }

  #maySendControl(writer: DatagramWriter): boolean {
    const may = writer.allowedAcknowledgementBytes >= 0;
    if (!may) this.#isControlStarved = true;
    return may;
  }

  #timestamp(now: number): number {
    return (Math.floor(now) + this.#timestampOffset) >>> 0;
  }

  #fails(code: KcpErrorCode, problem: string): void {
    this.fail(new KcpError(code, problem));
  }
}
