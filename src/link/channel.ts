/**
 * One open connection to a peer that has proved who it is: frames in, frames out, one write per turn.
 * It knows nothing of dialing and of what the frames mean; its `Link` (or the table of anonymous peers) owns it.
 */
import { formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { asBuffer } from "../internal/as-buffer.js";
import type { Clock } from "../internal/clock.js";
import type { Resolved } from "../internal/resolved.js";
import type { BinaryWriter } from "../protobuf/binary-writer.js";
import type { Connection } from "../transport/transport.js";
import type { Assembly } from "../wire/fragment.js";
import { FrameReader } from "../wire/frame-reader.js";
import { AT, getU32, KIND } from "../wire/header.js";
import { ProtocolError } from "../wire/protocol-error.js";
import { type ChannelEvents, FOREIGN } from "./channel-events.js";
import { FIRST_MARK } from "./fragment-window.js";
import { decodeGoAway, encodeGoAway, type GoAwayReason } from "./go-away.js";
import type { PeerHello } from "./handshake.js";
import { Heartbeat } from "./heartbeat.js";
import { isOrdered } from "./large-messages.js";
import type { LastWords } from "./last-words.js";
import type { LinkOptions } from "./link-options.js";
import { Outflow } from "./outflow.js";
import { PartialMessages } from "./partial-messages.js";
import { SlowPeerError } from "./peer-fault.js";
import type { HeldMessage } from "./pending-queue.js";
import type { SentRanges } from "./sent-ranges.js";

export interface ChannelCounters {
  /** Pings, pongs and go-aways, of both directions: frames that do not count as use. */
  readonly control: number;
  readonly framesIn: number;
  readonly framesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Frames dropped because their addresses were not the peer's to use, by the peer's fault. */
  readonly forged: number;
  /** Fragments of messages that had been given up. */
  readonly strayFragments: number;
}

const NO_BODY = new Uint8Array(0);

export class Channel {
  readonly peer: PeerHello;
  readonly openedAt: number;
  /** Largest payload that both ends take. */
  readonly maxPayloadBytes: number;
  /** Settles when the connection is gone. */
  readonly closed: Promise<void>;
  readonly #self: LogicalAddress;
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #events: ChannelEvents;
  readonly #reader = new FrameReader((buffer, start, end) => this.#onFrame(buffer, start, end));
  readonly #partial: PartialMessages;
  readonly #out: Outflow;
  readonly #heartbeat: Heartbeat;
  readonly #counters = { control: 0, framesIn: 0, bytesIn: 0, bytesOut: 0, forged: 0, strayFragments: 0 };
  /** Of our requests the last that the peer took, when it has said that it takes no more. */
  peerTook: number | undefined;
  /** The connection that came after this one, to the same process. */
  successor: Channel | undefined;
  #resolveClosed: () => void = () => {};
  #closed = false;
  /** Highest sequence number taken from the peer itself: said in go-away. */
  #lastTaken = 0;
  /** Number of our request that the peer answered last. */
  #lastAnswered = 0;

  constructor(
    self: LogicalAddress,
    peer: PeerHello,
    connection: Connection,
    clock: Clock,
    options: Resolved<LinkOptions>,
    maxPayloadBytes: number,
    events: ChannelEvents,
  ) {
    this.#self = self;
    this.peer = peer;
    this.#connection = connection;
    this.#clock = clock;
    this.#events = events;
    this.maxPayloadBytes = Math.min(maxPayloadBytes, peer.maxPayloadBytes);
    this.openedAt = clock.now();
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#partial = new PartialMessages(peer.address, maxPayloadBytes, options.maxPartialBytes);
    this.#heartbeat = new Heartbeat(clock, options, (seq) => {
      this.#control(KIND.ping, seq, NO_BODY);
      return this.#out.inOrder;
    });
    this.#out = new Outflow(self, peer.address, connection, clock, options, {
      onWrite: (bytes) => {
        this.#heartbeat.lastWriteAt = clock.now();
        this.#counters.bytesOut += bytes;
      },
      onCongested: (bytes) => events.onLimit(this, "link.highWaterBytes", `${bytes} bytes wait to be read by the peer`),
      onTooSlow: (bytes) => {
        const error = new SlowPeerError(bytes);
        events.onLimit(this, "link.slowPeerBytes", error.message);
        this.destroy(error);
      },
    });
  }

  /** Takes the connection over. `rest` is what came behind the opening. */
  open(rest: Buffer): void {
    this.#connection.setHandler({
      onData: (chunk) => this.#onData(asBuffer(chunk)),
      onDrain: () => this.#out.onDrain(),
      onClose: (error) => this.#finish(error ?? new Error("the peer closed the connection")),
    });
    if (rest.length > 0) this.#onData(rest);
  }

  get remote(): string {
    return this.#connection.remote;
  }

  get counters(): ChannelCounters {
    return { ...this.#counters, framesOut: this.#out.framesOut };
  }

  /** Round-trip time of the last ping in milliseconds. */
  get rttMs(): number | undefined {
    return this.#heartbeat.rttMs;
  }

  /** Requests and one-way messages that have been handed to this connection, by target. */
  get sent(): SentRanges {
    return this.#out.sent;
  }

  /** Frames of both directions that carried messages: unchanged means unused. */
  get messageCount(): number {
    return this.#counters.framesIn + this.#out.framesOut - this.#counters.control;
  }

  /** When what is being read arrived. */
  get arrivedAt(): number {
    return this.#heartbeat.lastReadAt;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Whether the peer has read every request and one-way message that was sent, those of others included: it has answered the last one, or a ping behind it. */
  get isSettled(): boolean {
    if (this.#closed) return true;
    if (this.isSending) return false;
    const { inOrder, sent } = this.#out;
    return this.#heartbeat.answeredFor === inOrder || (inOrder === sent.count && sent.endsWith(this.peer.address, this.#lastAnswered));
  }

  /** See {@link Outflow}. */
  get isSending(): boolean {
    return this.#out.isSending;
  }

  /** Whether a message of the peer has come in part. */
  get isReceiving(): boolean {
    return this.#partial.count > 0;
  }

  /** Whether requests or one-way messages of the peer have been taken, from this connection or one that came after it. */
  get hasTaken(): boolean {
    return this.#lastTaken !== 0 || this.successor?.hasTaken === true;
  }

  /** Bytes that wait here and in the transport. */
  get bufferedBytes(): number {
    return this.#out.bufferedBytes;
  }

  /** See {@link Outflow}, for all of these. */
  get congested(): boolean {
    return this.#out.congested;
  }

  get overfull(): boolean {
    return this.#out.overfull;
  }

  begin(maxBodyBytes: number): BinaryWriter {
    return this.#out.begin(maxBodyBytes);
  }

  abandon(): void {
    this.#out.abandon();
  }

  commit(
    kind: number,
    flags: number,
    to: LogicalAddress,
    from: LogicalAddress,
    epoch: number,
    seq: number,
    remainingMs: number,
    deadlineAt: number,
  ): void {
    this.#out.commit(kind, flags, to, from, epoch, seq, remainingMs, deadlineAt);
  }

  sendHeld(message: HeldMessage): void {
    this.#out.sendHeld(message);
  }

  /** See {@link Outflow}, for both. */
  relay(frame: Buffer, start: number, end: number): void {
    this.#out.relay(frame, start, end);
  }

  tell(
    kind: number,
    flags: number,
    hops: number,
    to: LogicalAddress,
    from: LogicalAddress,
    epoch: number,
    seq: number,
    body: Uint8Array,
  ): void {
    this.#out.tell(kind, flags, hops, to, from, epoch, seq, body);
  }

  withdraw(to: LogicalAddress, epoch: number, seq: number): boolean {
    return this.#out.withdraw(to, this.#self, epoch, seq);
  }

  takeUnsent(): HeldMessage[] {
    return this.#out.takeUnsent();
  }

  writable(): Promise<void> {
    return this.#out.writable();
  }

  /** Calls `onPong` once: with true when the peer answers, with false when the connection is gone. */
  ping(onPong: (answered: boolean) => void): void {
    this.#heartbeat.ping(onPong);
  }

  /** Asks until {@link isSettled}, then calls `onSettled`; at the latest when the connection is gone. For one that is sent nothing new. */
  settle(onSettled: () => void): void {
    if (this.isSettled) return onSettled();
    this.#heartbeat.ping(() => this.settle(onSettled));
  }

  /** Judges the link by its silence. Called by the one sweep over all links. */
  keepalive(now: number, callsWait: boolean): void {
    if (this.#closed) return;
    this.#partial.expire(now);
    this.#out.sweep(now);
    const death = this.#heartbeat.look(now, callsWait);
    if (death !== undefined) this.destroy(death);
  }

  goAway(reason: GoAwayReason, text: string): void {
    this.#control(KIND.goAway, 0, encodeGoAway(reason, text, this.#lastTaken));
  }

  /** Sends what is buffered, large messages to their last fragment, then ends. */
  end(): void {
    this.#out.end();
  }

  /** As `destroy`, but what was written before still leaves: for a peer that is to learn why. */
  retire(cause: Error, lastWords: LastWords): void {
    if (this.#closed) return;
    this.#out.flush();
    lastWords.part(this.#connection);
    this.#finish(cause);
  }

  /** At once; `onClosed` follows in this very call, so that nothing more is believed of this connection. */
  destroy(cause: Error): void {
    if (this.#closed) return;
    this.#connection.destroy();
    this.#finish(cause);
  }

  #onData(chunk: Buffer): void {
    if (this.#closed) return;
    this.#heartbeat.lastReadAt = this.#clock.now();
    this.#counters.bytesIn += chunk.length;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      // Whoever threw: where the next frame begins is not known any more.
      this.destroy(error as Error);
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  /** Hot path. */
  #onFrame(frame: Buffer, start: number, end: number): void {
    this.#counters.framesIn++;
    const kind = frame[start + AT.kind]!;
    const to = getU32(frame, start + AT.to) as LogicalAddress;
    const from = getU32(frame, start + AT.from) as LogicalAddress;
    if (from !== this.peer.address || to !== this.#self) {
      const verdict = this.#events.onForeign(this, frame, start, end, to, from);
      if (verdict === FOREIGN.done) return;
      if (verdict === FOREIGN.forged) return this.#onForged(to, from);
    }
    const epoch = getU32(frame, start + AT.epoch);
    const seq = getU32(frame, start + AT.seq);
    const remainingMs = getU32(frame, start + AT.remainingMs);
    const flags = frame[start + AT.flags]!;
    switch (kind) {
      case KIND.ping:
        this.#counters.control++;
        return this.#control(KIND.pong, seq, NO_BODY);
      case KIND.pong:
        this.#counters.control++;
        return seq >= FIRST_MARK ? this.#out.onMarkRead(seq, this.arrivedAt) : this.#heartbeat.onPong(seq);
      case KIND.goAway: {
        this.#counters.control++;
        const { reason, text, lastSeq } = decodeGoAway(frame, start + AT.body, end);
        if (reason === "closed") this.peerTook = lastSeq;
        return this.#events.onGoAway(this, reason, text);
      }
      case KIND.fragment: {
        const assembly = this.#partial.add(from, epoch, seq, flags, frame, start + AT.body, end, this.arrivedAt, remainingMs);
        return this.#onAssembly(assembly, to, from, epoch, seq, remainingMs);
      }
      default:
        if (from === this.peer.address && !this.#mayTake(kind, seq)) return this.#events.onOvertaken(this, kind, from, epoch, seq);
        this.#events.onMessage(this, kind, flags, to, from, epoch, seq, remainingMs, frame, start + AT.body, end);
    }
  }

  #onAssembly(assembly: Assembly, to: LogicalAddress, from: LogicalAddress, epoch: number, seq: number, remainingMs: number): void {
    switch (assembly.type) {
      case "more":
        return;
      case "stray":
        this.#counters.strayFragments++;
        return;
      case "refused":
        this.#events.onLimit(this, assembly.limit, assembly.reason);
        return this.#events.onOversize(this, assembly.kind, from, epoch, seq, assembly.reason);
      case "whole":
        if (from === this.peer.address && !this.#mayTake(assembly.kind, seq))
          return this.#events.onOvertaken(this, assembly.kind, from, epoch, seq);
        this.#events.onMessage(
          this,
          assembly.kind,
          assembly.flags,
          to,
          from,
          epoch,
          seq,
          remainingMs,
          assembly.body,
          0,
          assembly.body.length,
        );
    }
  }

  #onForged(to: LogicalAddress, from: LogicalAddress): void {
    this.#counters.forged++;
    this.destroy(
      new ProtocolError(
        `a frame from ${formatAddress(from)} to ${formatAddress(to)} does not belong on a link with ${formatAddress(this.peer.address)}`,
      ),
    );
  }

  /** Hot path. Notes a message of the peer's own; false when later ones have been taken already. */
  #mayTake(kind: number, seq: number): boolean {
    if (isOrdered(kind)) {
      if (this.successor?.hasTaken === true) return false;
      this.#lastTaken = seq;
    } else if (kind === KIND.reply || kind === KIND.error || kind === KIND.refused) {
      this.#lastAnswered = seq;
    }
    return true;
  }

  #control(kind: number, seq: number, body: Uint8Array): void {
    this.#counters.control++;
    this.#out.control(kind, this.peer.address, this.#self, seq, body);
  }

  #finish(cause: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reader.stop();
    this.#out.close(cause);
    this.#resolveClosed();
    this.#events.onClosed(this, cause);
    this.#heartbeat.close();
  }
}
