/**
 * What goes out over one connection: frames of a turn gathered into one write, large messages in fragments between
 * turns, and what that adds up to when the peer does not keep up.
 */
import type { LogicalAddress } from "../addr/logical-address.js";
import type { Clock } from "../internal/clock.js";
import type { Resolved } from "../internal/resolved.js";
import type { BinaryWriter } from "../protobuf/binary-writer.js";
import type { Connection } from "../transport/transport.js";
import { FrameWriter } from "../wire/frame-writer.js";
import { HEADER_BYTES, MAX_HOPS, MAX_WHOLE_BODY_BYTES } from "../wire/limits.js";
import { isOrdered } from "./large-messages.js";
import { LargeOutflow } from "./large-outflow.js";
import type { LinkOptions } from "./link-options.js";
import { type HeldMessage, remainingOf } from "./pending-queue.js";
import { SentRanges } from "./sent-ranges.js";

export interface OutflowEvents {
  /** Bytes are about to be handed to the transport. */
  onWrite(bytes: number): void;
  /** From now on senders should wait. */
  onCongested(bufferedBytes: number): void;
  /** The peer reads so slowly that the connection is to be given up. */
  onTooSlow(bufferedBytes: number): void;
}

export class Outflow {
  /** Requests and one-way messages that have been handed to this connection, by target. */
  readonly sent = new SentRanges();
  /** Messages that went out whole: fragments do not count. */
  framesOut = 0;
  /** Of these, frames between the two ends of the link. */
  #controls = 0;
  /** Frames of others that went out: any of them may have a place in an order. */
  #relayed = 0;
  readonly #self: LogicalAddress;
  readonly #peer: LogicalAddress;
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #options: Resolved<LinkOptions>;
  readonly #events: OutflowEvents;
  readonly #writer = new FrameWriter();
  /** Made with the first large message: most connections see none, and idle ones are to cost little. */
  #large: LargeOutflow | undefined;
  #waiters: { resolve: () => void; reject: (cause: Error) => void }[] = [];
  /** Frames of others that go on as they came: `#run[#runStart, #runEnd)`, behind what the writer holds. */
  #run: Buffer | undefined;
  #runStart = 0;
  #runEnd = 0;
  #flushArmed = false;
  /** The transport has not taken all of the last write: `onDrain` follows. */
  #blocked = false;
  #congested = false;
  #overfull = false;
  #ending = false;
  #closed = false;

  constructor(
    self: LogicalAddress,
    peer: LogicalAddress,
    connection: Connection,
    clock: Clock,
    options: Resolved<LinkOptions>,
    events: OutflowEvents,
  ) {
    this.#self = self;
    this.#peer = peer;
    this.#connection = connection;
    this.#clock = clock;
    this.#options = options;
    this.#events = events;
  }

  /** Bytes that wait here and in the transport. */
  get bufferedBytes(): number {
    const runBytes = this.#run === undefined ? 0 : this.#runEnd - this.#runStart;
    return this.#connection.bufferedBytes + this.#writer.length + (this.#large?.messages.bytes ?? 0) + runBytes;
  }

  /** Grows with each message whose order counts. */
  get inOrder(): number {
    return this.sent.count + this.#relayed;
  }

  /** Whether requests or one-way messages are partly sent, or wait behind such. */
  get isSending(): boolean {
    return this.#large?.messages.hasOrdered ?? false;
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
    if (this.#run !== undefined) this.#gatherRun();
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
    if (this.#writer.bodyLength > MAX_WHOLE_BODY_BYTES || this.#mustWait(kind, to, from)) {
      this.sendHeld({ frame: this.#writer.extract(), kind, flags, to, from, epoch, seq, deadlineAt });
      return;
    }
    this.#writer.commit(kind, flags, MAX_HOPS, to, from, epoch, seq, remainingMs);
    if (isOrdered(kind)) this.sent.add(to, seq);
    this.framesOut++;
    this.#arm();
  }

  /** Sends a message that has memory of its own: large, or from a queue. */
  sendHeld(message: HeldMessage): void {
    const { frame, kind, to, from } = message;
    if (frame.length - HEADER_BYTES > MAX_WHOLE_BODY_BYTES || this.#mustWait(kind, to, from)) {
      this.#large ??= new LargeOutflow(this.#self, this.#peer, this.#options.maxPartialBytes);
      this.#large.messages.push(message);
      this.#measure();
    } else {
      this.#appendWhole(message);
    }
    this.#arm();
  }

  /** A frame between the two ends of the link. */
  control(kind: number, to: LogicalAddress, from: LogicalAddress, seq: number, body: Uint8Array): void {
    this.#controls++;
    this.tell(kind, 0, 0, to, from, 0, seq, body);
  }

  /** A small frame that begins nothing: it waits for no other, and is not counted as sent. */
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
    if (this.#closed) return;
    if (this.#writer.isOpen) return this.#clock.afterTurn(() => this.tell(kind, flags, hops, to, from, epoch, seq, body));
    this.begin(body.length).raw(body);
    this.#writer.commit(kind, flags, hops, to, from, epoch, seq, 0);
    this.framesOut++;
    this.#arm();
  }

  /**
   * Hot path of relays. A frame of others, `frame[start, end)`, goes on as it is. Frames that lie behind each other become one
   * run, which is copied once, or not at all; `frame` must not change until the end of the turn.
   */
  relay(frame: Buffer, start: number, end: number): void {
    if (this.#closed) return;
    if (this.#run === frame && this.#runEnd === start) this.#runEnd = end;
    else {
      if (this.#run !== undefined) this.#gatherRun();
      this.#run = frame;
      this.#runStart = start;
      this.#runEnd = end;
    }
    this.framesOut++;
    this.#relayed++;
    this.#arm();
  }

  /** Takes a request back: true when it had not been wholly sent and never will be. */
  withdraw(to: LogicalAddress, from: LogicalAddress, epoch: number, seq: number): boolean {
    const state = this.#large?.messages.remove(to, epoch, seq) ?? "absent";
    if (state === "partly") this.#abort(to, from, epoch, seq);
    return state !== "absent";
  }

  /** Messages of which nothing, or not all, was sent, in order; the connection is to be given up. */
  takeUnsent(): HeldMessage[] {
    return this.#large?.messages.takeAll() ?? [];
  }

  /** Resolves when no longer congested; rejects when the connection is gone. */
  writable(): Promise<void> {
    if (!this.#congested) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  /** Hands what was gathered to the transport now. */
  flush(): void {
    this.#send();
  }

  /** Sends what is buffered, large messages to their last fragment, then ends the connection. */
  end(): void {
    if (this.#closed || this.#ending) return;
    this.#ending = true;
    this.#endWhenSent();
  }

  /** The pong of a mark among the fragments: there may be room for more. */
  onMarkRead(seq: number, now: number): void {
    this.#large?.onMarkRead(seq, now);
    if (this.#isPumping) this.#arm();
  }

  /** Now and then: no fragment waits for ever. */
  sweep(now: number): void {
    this.#large?.expire(now);
    if (this.#isPumping) this.#arm();
  }

  /** The transport has written everything. */
  onDrain(): void {
    this.#blocked = false;
    this.#writer.drained();
    if (this.#isPumping || this.#writer.length > 0) this.#arm();
    this.#measure();
    this.#releaseWaiters();
  }

  /** The connection is gone. */
  close(cause: Error): void {
    this.#closed = true;
    this.#run = undefined;
    this.#writer.discard();
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.reject(cause);
  }

  get #isPumping(): boolean {
    return this.#large !== undefined && !this.#large.messages.isEmpty;
  }

  /** Whether a message keeps behind a large one of its pair. */
  #mustWait(kind: number, to: LogicalAddress, from: LogicalAddress): boolean {
    const messages = this.#large?.messages;
    return messages?.hasOrdered === true && isOrdered(kind) && messages.blocks(to, from);
  }

  /** Tells the peer to forget the fragments of a request. */
  #abort(to: LogicalAddress, from: LogicalAddress, epoch: number, seq: number): void {
    if (this.#closed) return;
    if (this.#writer.isOpen) return this.#clock.afterTurn(() => this.#abort(to, from, epoch, seq));
    if (this.#run !== undefined) this.#gatherRun();
    this.#large!.messages.writeAbort(this.#writer, to, from, epoch, seq);
    this.#arm();
  }

  #appendWhole(message: HeldMessage): void {
    const remainingMs = remainingOf(message, this.#clock.now());
    const { kind, flags, hops = MAX_HOPS, to, from, epoch, seq } = message;
    this.begin(message.frame.length).raw(message.frame.subarray(HEADER_BYTES));
    this.#writer.commit(kind, flags, hops, to, from, epoch, seq, remainingMs);
    if (message.hops !== undefined) this.#relayed++;
    else if (isOrdered(kind)) this.sent.add(to, seq);
    this.framesOut++;
  }

  #arm(): void {
    if (this.#flushArmed || this.#closed) return;
    this.#flushArmed = true;
    this.#clock.afterTurn(this.#flush);
  }

  readonly #flush = (): void => {
    this.#flushArmed = false;
    if (this.#closed) return;
    // Only while the transport takes all: what waits there cannot be overtaken any more.
    if (this.#large !== undefined && this.#isPumping && !this.#blocked) this.#pumpLarge(this.#large);
    // While the transport is behind, turns share a buffer: one for each would be far larger than what stands in it.
    if (this.#blocked && this.#run !== undefined) this.#gatherRun();
    if (this.#blocked && !this.#writer.nearlyFull) this.#measure();
    else this.#send();
    const { bufferedBytes } = this.#connection;
    if (bufferedBytes > this.#options.slowPeerBytes) return this.#events.onTooSlow(bufferedBytes);
    if (this.#waiters.length > 0) this.#releaseWaiters();
    if (this.#ending) this.#endWhenSent();
  };

  #endWhenSent(): void {
    // Fragments go on in the next turn, or when the connection has drained.
    if (this.#isPumping) return;
    this.#send();
    this.#connection.end();
  }

  /** Fragments of large messages, in turn; then the messages that a finished one held up. */
  #pumpLarge(large: LargeOutflow): void {
    if (this.#run !== undefined) this.#gatherRun();
    for (const freed of large.pump(this.#writer, this.#clock.now(), this.framesOut - this.#controls, this.#onLargeSent))
      this.#appendWhole(freed);
    // Not in this turn: what the peer has sent comes first, or a bulk message would hold up everything else.
    if (large.canGoOn) this.#clock.nextTurn(() => this.#arm());
  }

  readonly #onLargeSent = (message: HeldMessage): void => this.sent.add(message.to, message.seq);

  #send(): void {
    if (this.#run !== undefined) this.#sendRun(this.#run);
    const { length } = this.#writer;
    if (length === 0) return;
    this.#events.onWrite(length);
    this.#writer.flush(this.#write);
    this.#measure();
  }

  /**
   * A run alone leaves without a copy. Not a small part of what was read with it: while the system takes nothing, that would
   * stay in memory as a whole. Anything else joins what is written this turn, for a write costs more than a copy.
   */
  #sendRun(run: Buffer): void {
    const bytes = this.#runEnd - this.#runStart;
    if (this.#writer.length > 0 || bytes * 2 < run.length) return this.#gatherRun();
    this.#run = undefined;
    this.#events.onWrite(bytes);
    this.#write(run.subarray(this.#runStart, this.#runEnd));
    this.#measure();
  }

  #gatherRun(): void {
    const run = this.#run!;
    this.#run = undefined;
    if (this.#writer.nearlyFull) this.#send();
    this.#writer.append(run, this.#runStart, this.#runEnd);
  }

  #measure(): void {
    const bytes = this.bufferedBytes;
    const wasCongested = this.#congested;
    this.#congested = bytes > this.#options.highWaterBytes;
    if (this.#congested && !wasCongested) this.#events.onCongested(bytes);
    this.#overfull = bytes > this.#options.maxBufferedBytes;
  }

  readonly #write = (bytes: Uint8Array): boolean => {
    const taken = this.#connection.write(bytes);
    this.#blocked = !taken;
    return taken;
  };

  #releaseWaiters(): void {
    if (this.#congested) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.resolve();
  }
}
