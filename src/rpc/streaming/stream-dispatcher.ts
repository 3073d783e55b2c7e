/** The serving side of streaming methods: streams that are offered for calls, to their handlers. They count where requests do. */
import { formatAddress, type LogicalAddress } from "../../addr/logical-address.js";
import { RpcError } from "../../errors.js";
import type { Clock } from "../../internal/clock.js";
import type { Logger } from "../../internal/logger.js";
import { ProtocolError } from "../../wire/protocol-error.js";
import type { Dispatcher } from "../dispatcher.js";
import type { MethodHandler } from "../handler-table.js";
import { watchedWhereAsked } from "../handler-watch.js";
import { isRefusalOf } from "../refusal.js";
import type { RequestSource } from "../reply-path.js";
import { ambient, RequestContext } from "../request-context.js";
import { failed, statusOfThrown } from "../thrown-status.js";
import { type CallHead, decodeCall } from "./call-frames.js";
import { FrameFlow } from "./frame-flow.js";
import { MessageError } from "./message-codec.js";
import type { OfferedCall } from "./stream-opener.js";
import { StreamRequest, statusOfUnsent } from "./stream-request.js";

export class StreamDispatcher {
  readonly #self: LogicalAddress;
  readonly #dispatcher: Dispatcher;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #maxPayloadBytes: number;
  #count = 0;

  constructor(self: LogicalAddress, dispatcher: Dispatcher, clock: Clock, logger: Logger, maxPayloadBytes: number) {
    this.#self = self;
    this.#dispatcher = dispatcher;
    this.#clock = clock;
    this.#logger = logger;
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  /** Takes the stream, or refuses it, when its first frame has come. How long that may take, its session says. */
  serve(offered: OfferedCall): void {
    void this.#serve(offered);
  }

  async #serve(offered: OfferedCall): Promise<void> {
    const maxPayloadBytes = Math.min(offered.maxPayloadBytes, this.#maxPayloadBytes);
    const flow = new FrameFlow(offered.stream, maxPayloadBytes);
    let head: CallHead;
    try {
      const frame = await flow.next();
      if (frame === undefined) throw new ProtocolError("it has no first frame");
      head = decodeCall(frame);
    } catch (error) {
      // A caller that has gone before it said anything has not called.
      if (error instanceof ProtocolError) offered.refuse("failed");
      return;
    }
    const { counters, requests } = this.#dispatcher;
    counters.requests++;
    const source: RequestSource = { peer: { address: offered.from } };
    const entry = this.#dispatcher.handlers.method(head.methodId);
    const isServed = entry !== undefined && entry.method.kind !== "unary" && this.#dispatcher.closed === undefined;
    if (!isServed || requests.full(offered.from, 0) !== undefined) {
      counters.refused++;
      return offered.refuse(isServed ? "busy" : "notServed");
    }
    offered.accept();
    await this.#run(offered, flow, entry, head, source, maxPayloadBytes);
  }

  async #run(
    { stream, from, metadata }: OfferedCall,
    flow: FrameFlow,
    entry: MethodHandler,
    { remainingMs }: CallHead,
    source: RequestSource,
    maxPayloadBytes: number,
  ): Promise<void> {
    const { requests, counters } = this.#dispatcher;
    const { method } = entry;
    const deadlineAt = remainingMs === 0 ? Number.POSITIVE_INFINITY : this.#clock.now() + remainingMs;
    this.#count = (this.#count + 1) >>> 0;
    const context = new RequestContext(source, from, method.name, deadlineAt, 0, this.#count, 0, metadata, this.#clock);
    const onLeftover = (err: unknown): void =>
      this.#logger.error({ err, method: method.name }, `the handler of ${method.name} threw as it ended`);
    const request = new StreamRequest(flow, entry, context, maxPayloadBytes, this.#clock, onLeftover);
    const onClosed = (): void => {
      const { errored } = stream;
      const reason = errored === null ? `${formatAddress(from)} cancelled the call` : errored.message;
      requests.take(source, from, 0, context.seq)?.abort(new RpcError("CANCELLED", reason, { cause: errored ?? undefined }));
    };
    stream.once("close", onClosed);
    requests.add(context);
    if (stream.destroyed) onClosed();
    let thrown: { readonly error: unknown } | undefined;
    try {
      await ambient.run(context, () => this.#handle(entry, request, context));
    } catch (error) {
      thrown = { error };
    }
    const isWanted = requests.settled(context);
    requests.takePath(source);
    context.unwatch(request);
    if (!isWanted) {
      counters.lateReplies++; // the caller has heard why
      return;
    }
    if (thrown === undefined) request.answer(undefined);
    else request.answer(this.#statusOf(thrown.error, context));
  }

  /** Under the method's limit, for as long as the call lasts. */
  async #handle(entry: MethodHandler, request: StreamRequest, context: RequestContext): Promise<void> {
    const input = entry.method.kind === "server" ? await request.onlyRequest() : request.requests();
    const work = (given: unknown, its: RequestContext): Promise<void> => request.run(given, its);
    const limited: MethodHandler["run"] = (given, its) =>
      entry.limit === undefined ? work(given, its) : entry.limit.run(work, given, its);
    const run = watchedWhereAsked(limited, this.#self, this.#clock);
    await run(input, context);
  }

  #statusOf(error: unknown, context: RequestContext): ReturnType<typeof statusOfThrown> {
    const { method, from } = context;
    if (isRefusalOf(context, error)) {
      this.#dispatcher.counters.refused++;
      return { ...failed(error.code, error.reason), execution: "notRun" };
    }
    if (error instanceof MessageError) {
      this.#logger.error({ err: error, method, from: formatAddress(from) }, `what the handler of ${method} gave ${error.message}`);
      return statusOfUnsent(error);
    }
    if (!RpcError.is(error)) this.#logger.error({ err: error, method, from: formatAddress(from) }, `the handler of ${method} threw`);
    return statusOfThrown(error);
  }
}
