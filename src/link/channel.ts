/**
 * One open connection to a peer that has proved who it is: frames in, frames out, one write per turn.
 * It knows nothing of dialing and of what the frames mean; its `Link` (or the table of anonymous peers) owns it.
 */
import { formatAddress, isHarbor, type LogicalAddress } from "../addr/logical-address.js";
import { asBuffer } from "../internal/as-buffer.js";
import type { Clock } from "../internal/clock.js";
import type { Resolved } from "../internal/resolved.js";
import type { BinaryWriter } from "../protobuf/binary-writer.js";
import type { Connection } from "../transport/transport.js";
import { type Assembly, FragmentAssembler } from "../wire/fragment.js";
import { FrameReader } from "../wire/frame-reader.js";
import { FrameWriter } from "../wire/frame-writer.js";
import { AT, getU32, KIND, nextSeq } from "../wire/header.js";
import { HEADER_BYTES, MAX_HOPS, MAX_WHOLE_BODY_BYTES } from "../wire/limits.js";
import { ProtocolError } from "../wire/protocol-error.js";
import { decodeGoAway, encodeGoAway, type GoAwayReason } from "./go-away.js";
import type { PeerHello } from "./handshake.js";
import { type KeepaliveState, keepaliveVerdict } from "./keepalive.js";
import { isOrdered, LargeMessages } from "./large-messages.js";
import type { LastWords } from "./last-words.js";
import type { LinkOptions } from "./link-options.js";
import { type HeldMessage, remainingOf } from "./pending-queue.js";
import { SentRanges } from "./sent-ranges.js";

export interface ChannelEvents {
  /** Hot path: positional. */
  onMessage(
    channel: Channel,
    kind: number,
    flags: number,
    to: LogicalAddress,
    from: LogicalAddress,
    epoch: number,
    seq: number,
    remainingMs: number,
    body: Buffer,
    start: number,
    end: number,
  ): void;
  /** A message too large to be taken: of a kind that is told, with the reason. */
  onOversize(channel: Channel, kind: number, from: LogicalAddress, epoch: number, seq: number, reason: string): void;
  onGoAway(channel: Channel, reason: GoAwayReason, text: string, lastSeq: number): void;
  /** Once. The connection is gone; what was sent and not answered is in `channel.sent`. */
  onClosed(channel: Channel, cause: Error): void;
}

export interface ChannelCounters {
  framesIn: number;
  framesOut: number;
  bytesIn: number;
  bytesOut: number;
  /** Frames dropped because their addresses were not the peer's to use, by the peer's fault. */
  forged: number;
  /** Fragments of messages that had been given up. */
  strayFragments: number;
}

/** How long an unfinished message without a deadline may take. */
const PARTIAL_EXPIRES_MS = 30_000;

export class Channel {
  readonly peer: PeerHello;
  /** Requests and one-way messages that have been handed to this connection, by target. */
  readonly sent = new SentRanges();
  readonly counters: ChannelCounters = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0, forged: 0, strayFragments: 0 };
  readonly openedAt: number;
  /** Largest payload that both ends take. */
  readonly maxPayloadBytes: number;
  /** Round-trip time of the last ping in milliseconds. */
  rttMs: number | undefined;
  readonly #self: LogicalAddress;
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #options: Resolved<LinkOptions>;
  readonly #events: ChannelEvents;
  readonly #reader = new FrameReader((buffer, start, end) => this.#onFrame(buffer, start, end));
  readonly #writer = new FrameWriter();
  readonly #large: LargeMessages;
  readonly #assembler: FragmentAssembler;
  readonly #peerIsHarbor: boolean;
  /** Settles when the connection is gone. */
  readonly closed: Promise<void>;
  #resolveClosed: () => void = () => {};
  #waiters: { resolve: () => void; reject: (cause: Error) => void }[] = [];
  #flushArmed = false;
  #congested = false;
  #overfull = false;
  #ending = false;
  #closed = false;
  #lastReadAt: number;
  #lastWriteAt: number;
  #lastPongAt: number;
  #pingSentAt: number | undefined;
  #pingSeq = 0;
  #onPong: ((answered: boolean) => void)[] = [];
  /** Highest sequence number taken from the peer itself: said in go-away. */
  #lastTaken = 0;

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
    this.#peerIsHarbor = isHarbor(peer.address);
    this.#connection = connection;
    this.#clock = clock;
    this.#options = options;
    this.#events = events;
    this.maxPayloadBytes = Math.min(maxPayloadBytes, peer.maxPayloadBytes);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#large = new LargeMessages(options.maxPartialBytes);
    this.#assembler = new FragmentAssembler({ maxPayloadBytes, maxPartialBytes: options.maxPartialBytes });
    this.openedAt = clock.now();
    this.#lastReadAt = this.openedAt;
    this.#lastWriteAt = this.openedAt;
    this.#lastPongAt = this.openedAt;
  }

  /** Takes the connection over. `rest` is what came behind the opening. */
  open(rest: Buffer): void {
    this.#connection.setHandler({
      onData: (chunk) => this.#onData(asBuffer(chunk)),
      onDrain: () => this.#onDrain(),
      onClose: (error) => this.#onClose(error),
    });
    if (rest.length > 0) this.#onData(rest);
  }

  get remote(): string {
    return this.#connection.remote;
  }

  /** When what is being read arrived. */
  get arrivedAt(): number {
    return this.#lastReadAt;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Bytes that wait here and in the transport. */
  get bufferedBytes(): number {
    return this.#connection.bufferedBytes + this.#writer.length + this.#large.bytes;
  }

  /** Whether senders should wait. As of the last write: between two writes at most one buffer is added. */
  get congested(): boolean {
    return this.#congested;
  }

  /** Whether even requests are refused. */
  get overfull(): boolean {
    return this.#overfull;
  }

  /** @throws `NestedEncodingError` while another body is open, which stays as it is. */
  begin(maxBodyBytes: number): BinaryWriter {
    if (this.#writer.nearlyFull) this.#send();
    return this.#writer.begin(maxBodyBytes);
  }

  abandon(): void {
    this.#writer.abandon();
  }

  /** Hot path. The body begun last becomes a frame, or waits its turn when it is large or behind a large one of its pair. */
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
    if (this.#closed) return; // by the very encoder of the body
    const large = this.#large;
    if (this.#writer.bodyLength > MAX_WHOLE_BODY_BYTES || (large.hasOrdered && isOrdered(kind) && large.blocks(to, from))) {
      this.sendHeld({ frame: this.#writer.extract(), kind, flags, to, from, epoch, seq, deadlineAt });
      return;
    }
    this.#writer.commit(kind, flags, MAX_HOPS, to, from, epoch, seq, remainingMs);
    if (isOrdered(kind)) this.sent.add(to, seq);
    this.counters.framesOut++;
    this.#arm();
  }

  /** Sends a message that has memory of its own: large, or from a queue. */
  sendHeld(message: HeldMessage): void {
    const ordered = isOrdered(message.kind);
    if (message.frame.length - HEADER_BYTES > MAX_WHOLE_BODY_BYTES || (ordered && this.#large.blocks(message.to, message.from))) {
      this.#large.push(message);
      this.#measure();
    } else {
      this.#appendWhole(message);
    }
    this.#arm();
  }

  /** Takes a request back: true when it had not been wholly sent and never will be. */
  withdraw(to: LogicalAddress, epoch: number, seq: number): boolean {
    const state = this.#large.remove(to, epoch, seq);
    if (state === "partly") this.#abort(to, epoch, seq);
    return state !== "absent";
  }

  /** Messages of which nothing, or not all, was sent, in order; the connection is to be given up. */
  takeUnsent(): HeldMessage[] {
    return this.#large.takeAll();
  }

  writable(): Promise<void> {
    if (!this.congested) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  /** Calls `onPong` once: with true when the peer answers, with false when the connection is gone. */
  ping(onPong?: (answered: boolean) => void): void {
    if (onPong !== undefined) this.#onPong.push(onPong);
    if (this.#pingSentAt !== undefined) return;
    this.#pingSentAt = this.#clock.now();
    this.#pingSeq = nextSeq(this.#pingSeq);
    this.#control(KIND.ping, this.#pingSeq, new Uint8Array(0));
  }

  /** Judges the link by its silence. Called by the one sweep over all links. */
  keepalive(now: number, callsWait: boolean): void {
    if (this.#closed) return;
    this.#assembler.expire(now);
    const state: KeepaliveState = {
      lastReadAt: this.#lastReadAt,
      lastWriteAt: this.#lastWriteAt,
      pingSentAt: this.#pingSentAt,
      lastPongAt: this.#lastPongAt,
      callsWait,
    };
    switch (keepaliveVerdict(state, this.#options, now)) {
      case "fine":
        return;
      case "ping":
        return this.ping();
      case "silent":
        return this.destroy(new Error(`no byte for ${Math.round(now - this.#lastReadAt)} ms and no answer to a ping`));
      case "unanswered":
        return this.destroy(new Error(`bytes arrive but a ping is unanswered for ${Math.round(now - this.#pingSentAt!)} ms`));
    }
  }

  goAway(reason: GoAwayReason, text: string): void {
    this.#control(KIND.goAway, 0, encodeGoAway(reason, text, this.#lastTaken));
  }

  /** Sends what is buffered, large messages to their last fragment, then ends. */
  end(): void {
    if (this.#closed || this.#ending) return;
    this.#ending = true;
    this.#endWhenSent();
  }

  /** As `destroy`, but what was written before still leaves: for a peer that is to learn why. */
  retire(cause: Error, lastWords: LastWords): void {
    if (this.#closed) return;
    this.#send();
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
    this.#lastReadAt = this.#clock.now();
    this.counters.bytesIn += chunk.length;
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
    this.counters.framesIn++;
    const kind = frame[start + AT.kind]!;
    const to = getU32(frame, start + AT.to) as LogicalAddress;
    const from = getU32(frame, start + AT.from) as LogicalAddress;
    if (!this.#mayCarry(to, from)) {
      this.counters.forged++;
      this.destroy(
        new ProtocolError(
          `a frame from ${formatAddress(from)} to ${formatAddress(to)} does not belong on a link with ${formatAddress(this.peer.address)}`,
        ),
      );
      return;
    }
    const epoch = getU32(frame, start + AT.epoch);
    const seq = getU32(frame, start + AT.seq);
    const remainingMs = getU32(frame, start + AT.remainingMs);
    const flags = frame[start + AT.flags]!;
    switch (kind) {
      case KIND.ping:
        return this.#control(KIND.pong, seq, new Uint8Array(0));
      case KIND.pong:
        return this.#onPongFrame(seq);
      case KIND.goAway: {
        const { reason, text, lastSeq } = decodeGoAway(frame, start + AT.body, end);
        return this.#events.onGoAway(this, reason, text, lastSeq);
      }
      case KIND.fragment: {
        const now = this.#lastReadAt;
        const expiresAt = now + (remainingMs > 0 ? remainingMs : PARTIAL_EXPIRES_MS);
        const assembly = this.#assembler.add(from, epoch, seq, flags, frame, start + AT.body, end, now, expiresAt);
        return this.#onAssembly(assembly, to, from, epoch, seq, remainingMs);
      }
      default:
        if (isOrdered(kind) && from === this.peer.address) this.#lastTaken = seq;
        this.#events.onMessage(this, kind, flags, to, from, epoch, seq, remainingMs, frame, start + AT.body, end);
    }
  }

  #onAssembly(assembly: Assembly, to: LogicalAddress, from: LogicalAddress, epoch: number, seq: number, remainingMs: number): void {
    switch (assembly.type) {
      case "more":
        return;
      case "stray":
        this.counters.strayFragments++;
        return;
      case "refused":
        return this.#events.onOversize(this, assembly.kind, from, epoch, seq, assembly.reason);
      case "whole":
        if (isOrdered(assembly.kind) && from === this.peer.address) this.#lastTaken = seq;
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

  /** A plain peer speaks for itself and to this node. What harbors may say is looked at where frames are routed. */
  #mayCarry(to: LogicalAddress, from: LogicalAddress): boolean {
    return (from === this.peer.address || this.#peerIsHarbor) && to === this.#self;
  }

  #onPongFrame(seq: number): void {
    if (this.#pingSentAt === undefined || seq !== this.#pingSeq) return;
    const now = this.#lastReadAt;
    this.rttMs = now - this.#pingSentAt;
    this.#pingSentAt = undefined;
    this.#lastPongAt = now;
    const waiting = this.#onPong;
    this.#onPong = [];
    for (const answered of waiting) answered(true);
  }

  #control(kind: number, seq: number, body: Uint8Array): void {
    if (this.#closed) return;
    if (this.#writer.isOpen) return this.#clock.afterTurn(() => this.#control(kind, seq, body));
    this.#writer.begin(body.length).raw(body);
    this.#writer.commit(kind, 0, 0, this.peer.address, this.#self, 0, seq, 0);
    this.counters.framesOut++;
    this.#arm();
  }

  /** Tells the peer to forget the fragments of a request. */
  #abort(to: LogicalAddress, epoch: number, seq: number): void {
    if (this.#closed) return;
    if (this.#writer.isOpen) return this.#clock.afterTurn(() => this.#abort(to, epoch, seq));
    this.#large.writeAbort(this.#writer, to, this.#self, epoch, seq);
    this.#arm();
  }

  #appendWhole(message: HeldMessage): void {
    if (this.#writer.nearlyFull) this.#send();
    const remainingMs = remainingOf(message, this.#clock.now());
    this.#writer.begin(message.frame.length).raw(message.frame.subarray(HEADER_BYTES));
    this.#writer.commit(message.kind, message.flags, MAX_HOPS, message.to, message.from, message.epoch, message.seq, remainingMs);
    if (isOrdered(message.kind)) this.sent.add(message.to, message.seq);
    this.counters.framesOut++;
  }

  #arm(): void {
    if (this.#flushArmed || this.#closed) return;
    this.#flushArmed = true;
    this.#clock.afterTurn(this.#flush);
  }

  readonly #flush = (): void => {
    this.#flushArmed = false;
    if (this.#closed) return;
    if (!this.#large.isEmpty && this.#connection.bufferedBytes <= this.#options.highWaterBytes) this.#pumpLarge();
    this.#send();
    if (this.#connection.bufferedBytes > this.#options.slowPeerBytes) {
      return this.destroy(new Error(`slow peer: ${this.#connection.bufferedBytes} bytes wait to be read`));
    }
    if (this.#waiters.length > 0) this.#releaseWaiters();
    if (this.#ending) this.#endWhenSent();
  };

  #endWhenSent(): void {
    // Fragments go on in the next turn, or when the connection has drained.
    if (!this.#large.isEmpty) return;
    this.#send();
    this.#connection.end();
  }

  /** One fragment of each large message; then the messages that a finished one held up. */
  #pumpLarge(): void {
    const now = this.#clock.now();
    for (const freed of this.#large.pump(this.#writer, now, (message) => this.sent.add(message.to, message.seq))) this.#appendWhole(freed);
    // Not in this turn: what the peer has sent comes first, or a bulk message would hold up everything else.
    if (!this.#large.isEmpty) this.#clock.nextTurn(() => this.#arm());
  }

  #send(): void {
    const { length } = this.#writer;
    if (length === 0) return;
    this.#lastWriteAt = this.#clock.now();
    this.counters.bytesOut += length;
    this.#writer.flush(this.#write);
    this.#measure();
  }

  #measure(): void {
    const bytes = this.bufferedBytes;
    this.#congested = bytes > this.#options.highWaterBytes;
    this.#overfull = bytes > this.#options.maxBufferedBytes;
  }

  readonly #write = (bytes: Uint8Array): boolean => this.#connection.write(bytes);

  #onDrain(): void {
    this.#writer.drained();
    if (!this.#large.isEmpty) this.#arm();
    this.#measure();
    this.#releaseWaiters();
  }

  #releaseWaiters(): void {
    if (this.#congested) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.resolve();
  }

  #onClose(error: Error | undefined): void {
    this.#finish(error ?? new Error("the peer closed the connection"));
  }

  #finish(cause: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reader.stop();
    this.#writer.discard();
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.reject(cause);
    this.#resolveClosed();
    this.#events.onClosed(this, cause);
    const pinged = this.#onPong;
    this.#onPong = [];
    for (const answered of pinged) answered(false);
  }
}
