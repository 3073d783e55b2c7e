/**
 * The serving side: requests to handlers, and what becomes of them to a {@link Replier}. A handler that returns no promise is
 * answered in the same turn and leaves no trace.
 */
import { formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { type Code, RpcError } from "../errors.js";
import type { LimitHits } from "../events/limit-hits.js";
import type { Clock } from "../internal/clock.js";
import type { Logger } from "../internal/logger.js";
import { messageOf } from "../internal/message-of.js";
import type { Resolved } from "../internal/resolved.js";
import { BinaryReader } from "../protobuf/binary-reader.js";
import { FLAGS, getU32 } from "../wire/header.js";
import { decodeMetadata, type Metadata, metadataLength, NO_METADATA } from "../wire/metadata.js";
import type { DispatchCounters } from "./dispatch-counters.js";
import { HINT } from "./failure.js";
import type { HandlerTable, MethodHandler } from "./handler-table.js";
import { watchedWhereAsked } from "./handler-watch.js";
import { OneWayReceiver } from "./one-way-receiver.js";
import { oversize } from "./oversize.js";
import { promiseOf } from "./promise-of.js";
import { Replier } from "./replier.js";
import type { ReplyPath } from "./reply-path.js";
import { ambient, RequestContext } from "./request-context.js";
import { RequestsInProgress } from "./requests-in-progress.js";
import type { RpcOptions } from "./rpc-options.js";
import type { Sender } from "./sender.js";

/** See `#isOver`. */
const LOOK_EVERY = 16;
const SLOW_MS = 2;

export class Dispatcher {
  readonly handlers: HandlerTable;
  readonly counters: DispatchCounters = { requests: 0, refused: 0, oneWays: 0, oneWaysDropped: 0, oneWaysFailed: 0, lateReplies: 0 };
  readonly #sender: Sender;
  readonly #clock: Clock;
  readonly #reader = new BinaryReader(new Uint8Array(0));
  readonly #inProgress: RequestsInProgress;
  readonly #maxPayloadBytes: number;
  readonly #limits: LimitHits;
  readonly #replies: Replier;
  readonly oneWays: OneWayReceiver;
  /** When the request before this one arrived. */
  #lastArrival = Number.NEGATIVE_INFINITY;
  #unlooked = 0;
  /** Why no request is taken any more. */
  #closed: string | undefined;

  constructor(sender: Sender, handlers: HandlerTable, clock: Clock, logger: Logger, options: Resolved<RpcOptions>, limits: LimitHits) {
    this.#sender = sender;
    this.handlers = handlers;
    this.#clock = clock;
    this.#maxPayloadBytes = options.maxPayloadBytes;
    this.#limits = limits;
    this.#inProgress = new RequestsInProgress(clock, options, limits, (context) => this.#onExpired(context));
    this.#replies = new Replier(sender, logger, limits, this.counters);
    this.oneWays = new OneWayReceiver(sender, clock, logger, limits, options.maxPayloadBytes, this.#inProgress, this.counters);
  }

  /** Requests whose answer somebody waits for. */
  get inProgress(): number {
    return this.#inProgress.wanted;
  }

  /** Handlers that run, those too for whose answer nobody waits any more. */
  get running(): number {
    return this.#inProgress.size;
  }

  /** What handlers work on: calls over streams count there too. */
  get requests(): RequestsInProgress {
    return this.#inProgress;
  }

  /** Why no request is taken any more. */
  get closed(): string | undefined {
    return this.#closed;
  }

  /** Whether handlers work on requests that came over `path`. */
  worksFor(path: ReplyPath): boolean {
    return this.#inProgress.has(path);
  }

  /** Resolves when no handler works on a request any more. */
  idle(): Promise<void> {
    return this.#inProgress.idle();
  }

  /** Hot path. `body[start, end)`: method id, [metadata], payload. */
  onRequest(
    path: ReplyPath,
    flags: number,
    from: LogicalAddress,
    epoch: number,
    seq: number,
    remainingMs: number,
    body: Buffer,
    start: number,
    end: number,
  ): void {
    this.counters.requests++;
    const entry = end - start < 4 || this.#closed !== undefined ? undefined : this.handlers.method(getU32(body, start));
    if (entry === undefined) return this.#refuseUnknown(path, from, epoch, seq, end - start < 4);
    if (entry.method.kind !== "unary")
      return this.#replies.refuse(path, from, epoch, seq, "UNIMPLEMENTED", `it streams there; ${HINT.otherProto}`);
    const size = end - start;
    const full = this.#inProgress.full(from, size);
    if (full !== undefined) return this.#replies.refuse(path, from, epoch, seq, "RESOURCE_EXHAUSTED", `${full}; ${HINT.busy}`);
    const { arrivedAt } = path;
    const deadlineAt = remainingMs === 0 ? Number.POSITIVE_INFINITY : arrivedAt + remainingMs;
    if (this.#isOver(arrivedAt, deadlineAt)) return this.#replies.refuse(path, from, epoch, seq, "DEADLINE_EXCEEDED", HINT.deadlineThere);
    let input: unknown;
    let context: RequestContext;
    try {
      let at = start + 4;
      let metadata: Metadata = NO_METADATA;
      if ((flags & FLAGS.metadata) !== 0) {
        const begin = at;
        at += metadataLength(body, at, end);
        metadata = decodeMetadata(body, begin, at);
      }
      if (end - at > this.#maxPayloadBytes) {
        return this.#replies.refuse(
          path,
          from,
          epoch,
          seq,
          "RESOURCE_EXHAUSTED",
          `${oversize(this.#limits, end - at, this.#maxPayloadBytes, from, entry.method.name)}; ${HINT.tooLargeThere}`,
        );
      }
      input = entry.method.input.decode(this.#reader.attach(body, at, end), end - at);
      this.#reader.expectEnd();
      context = new RequestContext(path, from, entry.method.name, deadlineAt, epoch, seq, size, metadata, this.#clock);
    } catch (error) {
      return this.#replies.refuse(
        path,
        from,
        epoch,
        seq,
        "INVALID_ARGUMENT",
        `the request cannot be decoded: ${messageOf(error)}; ${HINT.otherProto}`,
      );
    }
    this.#run(path, entry, input, context);
  }

  /** One-way to a method. */
  onPost(path: ReplyPath, flags: number, from: LogicalAddress, body: Buffer, start: number, end: number): void {
    const there = end - start < 4 ? undefined : this.handlers.method(getU32(body, start));
    const entry = there?.method.kind === "unary" ? there : undefined;
    this.oneWays.take(
      path,
      entry && { name: entry.method.name, codec: entry.method.input, handler: entry.run },
      flags,
      from,
      body,
      start,
      end,
    );
  }

  onMessage(path: ReplyPath, flags: number, from: LogicalAddress, body: Buffer, start: number, end: number): void {
    this.oneWays.take(path, end - start < 4 ? undefined : this.handlers.message(getU32(body, start)), flags, from, body, start, end);
  }

  onBytes(path: ReplyPath, flags: number, from: LogicalAddress, body: Buffer, start: number, end: number): void {
    this.oneWays.take(path, end - start < 4 ? undefined : this.handlers.command(getU32(body, start)), flags, from, body, start, end);
  }

  /** The caller waits no longer. */
  onCancel(path: ReplyPath, from: LogicalAddress, epoch: number, seq: number): void {
    this.#inProgress.take(path, from, epoch, seq)?.abort(new RpcError("CANCELLED", `${formatAddress(from)} cancelled the call`));
  }

  /** A request that is too large to be taken, or of a kind that is not known here. */
  refuse(path: ReplyPath, from: LogicalAddress, epoch: number, seq: number, code: Code, reason: string): void {
    this.#replies.refuse(path, from, epoch, seq, code, reason);
  }

  /**
   * Hot path. Whether a deadline is over before the handler begins. The first of what has arrived together is in time, and
   * handlers before the others may have taken long: then each is looked at, and else every sixteenth, for the time of
   * day costs a twentieth of a request.
   */
  #isOver(arrivedAt: number, deadlineAt: number): boolean {
    if (arrivedAt !== this.#lastArrival) {
      this.#lastArrival = arrivedAt;
      this.#unlooked = LOOK_EVERY - 1; // the next one is looked at
      return false;
    }
    if (++this.#unlooked < LOOK_EVERY) return false;
    const now = this.#clock.now();
    this.#unlooked = now - arrivedAt < SLOW_MS ? 0 : LOOK_EVERY;
    return now >= deadlineAt;
  }

  /** The connection is gone: nobody waits for what came over it. */
  onPathClosed(path: ReplyPath, cause: Error): void {
    for (const context of this.#inProgress.takePath(path))
      context.abort(new RpcError("CANCELLED", `the link to the caller was lost: ${cause.message}`, { cause }));
  }

  /** Aborts what runs, and takes nothing any more; gives how many requests that were. */
  close(reason: string): number {
    this.#closed = reason;
    this.oneWays.closed = reason;
    const all = this.#inProgress.takeAll();
    for (const context of all) context.abort(new RpcError("CANCELLED", reason));
    return all.length;
  }

  #run(path: ReplyPath, entry: MethodHandler, input: unknown, context: RequestContext): void {
    let result: unknown;
    let promise: Promise<unknown> | undefined;
    try {
      result = ambient.run(context, watchedWhereAsked(entry.run, this.#sender.address, this.#clock), input, context);
      promise = promiseOf(result);
    } catch (error) {
      return this.#replies.replyError(path, context, error);
    }
    if (promise === undefined) return this.#replies.reply(path, entry.method.output, context, result);
    this.#inProgress.add(context);
    promise.then(
      (output) => {
        if (this.#finish(context)) this.#replies.reply(path, entry.method.output, context, output);
      },
      (error: unknown) => {
        if (this.#finish(context)) this.#replies.replyError(path, context, error);
      },
    );
  }

  /** Whether the answer is still wanted. */
  #finish(context: RequestContext): boolean {
    if (this.#inProgress.settled(context)) return true;
    this.counters.lateReplies++;
    return false;
  }

  #onExpired(context: RequestContext): void {
    context.abort(new RpcError("DEADLINE_EXCEEDED", `the caller's deadline for ${context.method} is over`));
  }

  #refuseUnknown(path: ReplyPath, from: LogicalAddress, epoch: number, seq: number, malformed: boolean): void {
    if (this.#closed !== undefined) return this.#replies.refuse(path, from, epoch, seq, "UNAVAILABLE", this.#closed);
    if (malformed) return this.#replies.refuse(path, from, epoch, seq, "INVALID_ARGUMENT", "the request has no method");
    this.#replies.refuse(path, from, epoch, seq, "UNIMPLEMENTED", `the method has no handler there; ${HINT.unimplemented}`);
  }
}
