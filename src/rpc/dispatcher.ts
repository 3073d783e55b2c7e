/**
 * The serving side: requests and one-way messages to handlers, results and errors back over the connection on which
 * the request came. A handler that returns no promise is answered in the same turn and leaves no trace.
 */
import { formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { type Code, type Execution, RpcError } from "../errors.js";
import { dropEvents, handlerEvents, messageEvents } from "../events/channels.js";
import type { DropCause } from "../events/events.js";
import type { LimitHits } from "../events/limit-hits.js";
import type { Clock } from "../internal/clock.js";
import type { Logger } from "../internal/logger.js";
import { messageOf } from "../internal/message-of.js";
import type { Resolved } from "../internal/resolved.js";
import { Seldom } from "../internal/seldom.js";
import { BinaryReader } from "../protobuf/binary-reader.js";
import { MessageTooLargeError } from "../protobuf/errors.js";
import { encodeError } from "../wire/error-codec.js";
import { NestedEncodingError } from "../wire/frame-writer.js";
import { FLAGS, getU32, KIND } from "../wire/header.js";
import { MAX_BODY_OVERHEAD_BYTES } from "../wire/limits.js";
import { decodeMetadata, type Metadata, metadataLength, NO_METADATA } from "../wire/metadata.js";
import { HINT } from "./failure.js";
import type { HandlerTable, MessageHandler, MethodHandler } from "./handler-table.js";
import { watchedHandler } from "./handler-watch.js";
import { sayOut } from "./message-events.js";
import { isRefusalOf } from "./refusal.js";
import type { ReplyPath } from "./reply-path.js";
import { ambient, RequestContext } from "./request-context.js";
import { RequestsInProgress } from "./requests-in-progress.js";
import type { RpcOptions } from "./rpc-options.js";
import type { Sender } from "./sender.js";
import type { Codec } from "./service.js";
import { statusOfThrown } from "./thrown-status.js";

/** Messages that came for nobody, and handlers of one-way messages that failed. */
export interface DispatchCounters {
  requests: number;
  refused: number;
  oneWays: number;
  /** One-way messages that no handler took, or that were over a limit or malformed. */
  oneWaysDropped: number;
  oneWaysFailed: number;
  /** Results that nobody waited for any more. */
  lateReplies: number;
}

/** See `#isOver`. */
const LOOK_EVERY = 16;
const SLOW_MS = 2;

export class Dispatcher {
  readonly handlers: HandlerTable;
  readonly counters: DispatchCounters = { requests: 0, refused: 0, oneWays: 0, oneWaysDropped: 0, oneWaysFailed: 0, lateReplies: 0 };
  readonly #sender: Sender;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #reader = new BinaryReader(new Uint8Array(0));
  readonly #inProgress: RequestsInProgress;
  readonly #maxPayloadBytes: number;
  readonly #limits: LimitHits;
  readonly #seldom: Seldom;
  /** When the request before this one arrived. */
  #lastArrival = Number.NEGATIVE_INFINITY;
  #unlooked = 0;
  /** Why no request is taken any more. */
  #closed: string | undefined;

  constructor(sender: Sender, handlers: HandlerTable, clock: Clock, logger: Logger, options: Resolved<RpcOptions>, limits: LimitHits) {
    this.#sender = sender;
    this.handlers = handlers;
    this.#clock = clock;
    this.#logger = logger;
    this.#maxPayloadBytes = options.maxPayloadBytes;
    this.#limits = limits;
    this.#seldom = new Seldom(clock);
    this.#inProgress = new RequestsInProgress(clock, options, limits, (context) => this.#onExpired(context));
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
    if (entry.method.kind !== "unary") return this.#refuse(path, from, epoch, seq, "UNIMPLEMENTED", `it streams there; ${HINT.otherProto}`);
    const size = end - start;
    const full = this.#inProgress.full(from, size);
    if (full !== undefined) return this.#refuse(path, from, epoch, seq, "RESOURCE_EXHAUSTED", `${full}; ${HINT.busy}`);
    const { arrivedAt } = path;
    const deadlineAt = remainingMs === 0 ? Number.POSITIVE_INFINITY : arrivedAt + remainingMs;
    if (this.#isOver(arrivedAt, deadlineAt)) return this.#refuse(path, from, epoch, seq, "DEADLINE_EXCEEDED", HINT.deadlineThere);
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
        return this.#refuse(
          path,
          from,
          epoch,
          seq,
          "RESOURCE_EXHAUSTED",
          `${this.#oversize(end - at, from, entry.method.name)}; ${HINT.tooLargeThere}`,
        );
      }
      input = entry.method.input.decode(this.#reader.attach(body, at, end), end - at);
      this.#reader.expectEnd();
      context = new RequestContext(path, from, entry.method.name, deadlineAt, epoch, seq, size, metadata, this.#clock);
    } catch (error) {
      return this.#refuse(
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
    this.#oneWay(path, entry && { name: entry.method.name, codec: entry.method.input, handler: entry.run }, flags, from, body, start, end);
  }

  onMessage(path: ReplyPath, flags: number, from: LogicalAddress, body: Buffer, start: number, end: number): void {
    this.#oneWay(path, end - start < 4 ? undefined : this.handlers.message(getU32(body, start)), flags, from, body, start, end);
  }

  onBytes(path: ReplyPath, flags: number, from: LogicalAddress, body: Buffer, start: number, end: number): void {
    this.#oneWay(path, end - start < 4 ? undefined : this.handlers.command(getU32(body, start)), flags, from, body, start, end);
  }

  /** The caller waits no longer. */
  onCancel(path: ReplyPath, from: LogicalAddress, epoch: number, seq: number): void {
    this.#inProgress.take(path, from, epoch, seq)?.abort(new RpcError("CANCELLED", `${formatAddress(from)} cancelled the call`));
  }

  /** A request that is too large to be taken, or of a kind that is not known here. */
  refuse(path: ReplyPath, from: LogicalAddress, epoch: number, seq: number, code: Code, reason: string): void {
    this.#refuse(path, from, epoch, seq, code, reason);
  }

  /** A one-way message that cannot be taken. */
  drop(from: LogicalAddress, cause: DropCause, reason: string): void {
    this.counters.oneWaysDropped++;
    const peer = formatAddress(from);
    if (dropEvents.hasSubscribers) dropEvents.publish({ type: "dropped", node: formatAddress(this.#sender.address), peer, cause, reason });
    this.#seldom.say(`${peer} ${reason}`, (addition) => {
      this.#logger.warn({ from: peer, reason }, `dropped a one-way message from ${peer}: ${reason}${addition}`);
    });
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

  #oversize(bytes: number, from: LogicalAddress, name: string): string {
    const reason = `message of ${bytes} bytes is over the limit of ${this.#maxPayloadBytes}`;
    this.#limits.hit("rpc.maxPayloadBytes", reason, from, name);
    return reason;
  }

  /** The connection is gone: nobody waits for what came over it. */
  onPathClosed(path: ReplyPath, cause: Error): void {
    for (const context of this.#inProgress.takePath(path))
      context.abort(new RpcError("CANCELLED", `the link to the caller was lost: ${cause.message}`, { cause }));
  }

  /** Aborts what runs, and takes nothing any more; gives how many requests that were. */
  close(reason: string): number {
    this.#closed = reason;
    const all = this.#inProgress.takeAll();
    for (const context of all) context.abort(new RpcError("CANCELLED", reason));
    return all.length;
  }

  #run(path: ReplyPath, entry: MethodHandler, input: unknown, context: RequestContext): void {
    let result: unknown;
    let promise: Promise<unknown> | undefined;
    try {
      result = ambient.run(context, this.#watched(entry.run), input, context);
      promise = promiseOf(result);
    } catch (error) {
      return this.#replyError(path, context, error);
    }
    if (promise === undefined) return this.#reply(path, entry, context, result);
    this.#inProgress.add(context);
    promise.then(
      (output) => {
        if (this.#finish(context)) this.#reply(path, entry, context, output);
      },
      (error: unknown) => {
        if (this.#finish(context)) this.#replyError(path, context, error);
      },
    );
  }

  /** Hot path. */
  #watched(run: MethodHandler["run"]): MethodHandler["run"] {
    return handlerEvents.hasSubscribers ? watchedHandler(run, this.#sender.address, this.#clock) : run;
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

  /** Hot path. */
  #reply(path: ReplyPath, entry: MethodHandler, context: RequestContext, output: unknown): void {
    if (path.isClosed) return;
    if (path.overfull) {
      const reason = "the reply was not sent: too much waits to be read by the caller";
      this.#limits.hit("link.maxBufferedBytes", reason, context.from, context.method);
      return this.#sendError(path, KIND.error, context, "RESOURCE_EXHAUSTED", `${reason}; ${HINT.slowReader}`, "ran");
    }
    let size: number;
    const codec: Codec<unknown> = entry.method.output;
    try {
      const writer = path.begin(path.maxPayloadBytes + MAX_BODY_OVERHEAD_BYTES);
      const start = writer.pos;
      codec.encode(output, writer);
      size = writer.pos - start;
      if (size > path.maxPayloadBytes) throw new MessageTooLargeError(path.maxPayloadBytes);
    } catch (error) {
      if (!(error instanceof NestedEncodingError)) path.abandon();
      if (error instanceof MessageTooLargeError) {
        const reason = `the reply is over the limit of ${path.maxPayloadBytes} bytes`;
        this.#limits.hit("rpc.maxPayloadBytes", reason, context.from, context.method);
        return this.#sendError(path, KIND.error, context, "RESOURCE_EXHAUSTED", `${reason}; ${HINT.tooLarge}`, "ran");
      }
      this.#logger.error(
        { err: error, method: context.method, from: formatAddress(context.from) },
        `the result of ${context.method} cannot be encoded`,
      );
      return this.#sendError(
        path,
        KIND.error,
        context,
        "INTERNAL",
        `the handler's result cannot be encoded: ${messageOf(error)}; ${HINT.result}`,
        "ran",
      );
    }
    const { address } = this.#sender;
    path.commit(KIND.reply, 0, context.from, address, context.epoch, context.seq, 0, Number.POSITIVE_INFINITY);
    if (messageEvents.hasSubscribers) sayOut(address, KIND.reply, context.from, context.method, context.seq, size, () => output);
  }

  /** What a handler threw: an `RpcError` travels as it is, anything else becomes INTERNAL without its stack. */
  #replyError(path: ReplyPath, context: RequestContext, error: unknown): void {
    if (path.isClosed) return;
    if (isRefusalOf(context, error)) return this.#refuse(path, context.from, context.epoch, context.seq, error.code, error.reason);
    if (!RpcError.is(error)) {
      this.#logger.error(
        { err: error, method: context.method, from: formatAddress(context.from) },
        `the handler of ${context.method} threw`,
      );
    }
    const { code, reason, appCode, details } = statusOfThrown(error);
    this.#sendError(path, KIND.error, context, code, reason, "ran", { appCode, details });
  }

  #refuseUnknown(path: ReplyPath, from: LogicalAddress, epoch: number, seq: number, malformed: boolean): void {
    if (this.#closed !== undefined) return this.#refuse(path, from, epoch, seq, "UNAVAILABLE", this.#closed);
    if (malformed) return this.#refuse(path, from, epoch, seq, "INVALID_ARGUMENT", "the request has no method");
    this.#refuse(path, from, epoch, seq, "UNIMPLEMENTED", `the method has no handler there; ${HINT.unimplemented}`);
  }

  #refuse(path: ReplyPath, from: LogicalAddress, epoch: number, seq: number, code: Code, reason: string): void {
    this.counters.refused++;
    if (!path.isClosed) this.#sendError(path, KIND.refused, { from, epoch, seq }, code, reason, undefined);
  }

  #sendError(
    path: ReplyPath,
    kind: number,
    request: Pick<RequestContext, "from" | "epoch" | "seq"> & { readonly method?: string },
    code: Code,
    reason: string,
    execution: Execution | undefined,
    thrown?: Pick<RpcError, "appCode" | "details">,
  ): void {
    const error = { code, reason, execution, appCode: thrown?.appCode ?? 0, details: thrown?.details, path: [] };
    const body = encodeError(error);
    const { address } = this.#sender;
    path.begin(body.length).raw(body);
    path.commit(kind, 0, request.from, address, request.epoch, request.seq, 0, Number.POSITIVE_INFINITY);
    if (messageEvents.hasSubscribers) sayOut(address, kind, request.from, request.method ?? "", request.seq, body.length, () => error);
  }

  #oneWay(
    path: ReplyPath,
    entry: MessageHandler | undefined,
    flags: number,
    from: LogicalAddress,
    body: Buffer,
    start: number,
    end: number,
  ): void {
    this.counters.oneWays++;
    if (this.#closed !== undefined) return this.drop(from, "closed", this.#closed);
    if (entry === undefined)
      return this.drop(
        from,
        end - start < 4 ? "malformed" : "noHandler",
        end - start < 4 ? "it has no id" : `nobody listens to ${getU32(body, start)}`,
      );
    const full = this.#inProgress.full(from, end - start);
    if (full !== undefined) return this.drop(from, "limit", full);
    let input: unknown;
    let metadata: Metadata = NO_METADATA;
    try {
      let at = start + 4;
      if ((flags & FLAGS.metadata) !== 0) {
        const begin = at;
        at += metadataLength(body, at, end);
        metadata = decodeMetadata(body, begin, at);
      }
      if (end - at > this.#maxPayloadBytes) return this.drop(from, "tooLarge", this.#oversize(end - at, from, entry.name));
      input = entry.codec.decode(this.#reader.attach(body, at, end), end - at);
      this.#reader.expectEnd();
    } catch (error) {
      return this.drop(from, "malformed", `${entry.name} cannot be decoded: ${messageOf(error)}`);
    }
    const context = new RequestContext(
      path,
      from,
      entry.name,
      Number.POSITIVE_INFINITY,
      0,
      this.#inProgress.nextOneWay(),
      end - start,
      metadata,
      this.#clock,
    );
    try {
      const result = ambient.run(context, this.#watched(entry.handler), input, context);
      const promise = promiseOf(result);
      if (promise === undefined) return;
      this.#inProgress.add(context);
      promise.then(
        () => void this.#inProgress.settled(context),
        (error: unknown) => {
          this.#inProgress.settled(context);
          this.#oneWayFailed(context, error);
        },
      );
    } catch (error) {
      this.#oneWayFailed(context, error);
    }
  }

  #oneWayFailed(context: RequestContext, error: unknown): void {
    const { from, method: name } = context;
    if (isRefusalOf(context, error)) return this.drop(from, "limit", `${name}: ${error.reason}`);
    this.counters.oneWaysFailed++;
    this.#logger.error({ err: error, message: name, from: formatAddress(from) }, `the handler of one-way ${name} threw`);
  }
}

/** What a handler returned, when it is to be waited for. Reading `then` may throw: it is the user's object. */
function promiseOf(value: unknown): Promise<unknown> | undefined {
  if (value instanceof Promise) return value;
  if (typeof value !== "object" || value === null || typeof (value as { then?: unknown }).then !== "function") return undefined;
  return Promise.resolve(value);
}
