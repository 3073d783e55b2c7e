/**
 * Calls of a node to itself: the same encoding, limits, errors and asynchrony as over a link, without one. Requests
 * are delivered in the next turn of the event loop, so that a node that only calls itself still reads its sockets.
 */
import type { LogicalAddress } from "../addr/logical-address.js";
import type { Clock } from "../internal/clock.js";
import { COMMIT, type CommitResult } from "../internal/commit-result.js";
import type { BinaryWriter } from "../protobuf/binary-writer.js";
import { FrameWriter } from "../wire/frame-writer.js";
import { KIND } from "../wire/header.js";
import { HEADER_BYTES } from "../wire/limits.js";
import type { MessageSink } from "./message-sink.js";
import type { Outbound } from "./outbound.js";
import type { ReplyPath } from "./reply-path.js";

interface LocalMessage {
  readonly kind: number;
  readonly flags: number;
  readonly from: LogicalAddress;
  readonly epoch: number;
  readonly seq: number;
  readonly deadlineAt: number;
  readonly body: Buffer;
}

export interface LocalLimits {
  readonly highWaterBytes: number;
  readonly maxBufferedBytes: number;
}

export class LocalPath implements Outbound, ReplyPath {
  readonly peer: { readonly address: LogicalAddress };
  readonly maxPayloadBytes: number;
  readonly #clock: Clock;
  readonly #limits: LocalLimits;
  readonly #scratch = new FrameWriter();
  #sink: MessageSink | undefined;
  #queue: LocalMessage[] = [];
  #bytes = 0;
  #armed = false;
  #waiters: (() => void)[] = [];

  constructor(self: LogicalAddress, clock: Clock, maxPayloadBytes: number, limits: LocalLimits) {
    this.peer = { address: self };
    this.#clock = clock;
    this.maxPayloadBytes = maxPayloadBytes;
    this.#limits = limits;
  }

  /** Where messages are delivered; the two need each other. */
  connect(sink: MessageSink): void {
    this.#sink = sink;
  }

  get arrivedAt(): number {
    return this.#clock.now();
  }

  get isClosed(): boolean {
    return false;
  }

  get congested(): boolean {
    return this.#bytes > this.#limits.highWaterBytes;
  }

  get overfull(): boolean {
    return this.#bytes > this.#limits.maxBufferedBytes;
  }

  begin(maxBodyBytes: number): BinaryWriter {
    return this.#scratch.begin(maxBodyBytes);
  }

  abandon(): void {
    this.#scratch.abandon();
  }

  commit(
    kind: number,
    flags: number,
    _to: LogicalAddress,
    from: LogicalAddress,
    epoch: number,
    seq: number,
    _remainingMs: number,
    deadlineAt: number,
  ): CommitResult {
    const body = this.#scratch.extract();
    // As over a link: answers and cancels always get through.
    if (this.overfull && (kind === KIND.request || (kind >= KIND.post && kind <= KIND.bytes))) return COMMIT.congested;
    this.#queue.push({ kind, flags, from, epoch, seq, deadlineAt, body });
    this.#bytes += body.length;
    if (!this.#armed) {
      this.#armed = true;
      this.#clock.nextTurn(() => this.#deliver());
    }
    return COMMIT.sent;
  }

  withdraw(_to: LogicalAddress, _epoch: number, seq: number): boolean {
    const index = this.#queue.findIndex((message) => message.kind === KIND.request && message.seq === seq);
    if (index < 0) return false;
    this.#bytes -= this.#queue[index]!.body.length;
    this.#queue.splice(index, 1);
    return true;
  }

  writable(): Promise<void> {
    if (!this.congested) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
    });
  }

  /** Resolves when everything that was handed over has been delivered. */
  delivered(): Promise<void> {
    if (this.#queue.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
    });
  }

  #deliver(): void {
    this.#armed = false;
    const queue = this.#queue;
    this.#queue = [];
    this.#bytes = 0;
    const now = this.#clock.now();
    for (const { kind, flags, from, epoch, seq, deadlineAt, body } of queue) {
      // No handler starts what nobody waits for any more; the calling side knows the deadline itself.
      if (deadlineAt <= now) continue;
      const remainingMs = deadlineAt === Number.POSITIVE_INFINITY ? 0 : Math.ceil(deadlineAt - now);
      this.#sink!.onMessage(this, kind, flags, from, epoch, seq, remainingMs, body, HEADER_BYTES, body.length);
    }
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }
}
