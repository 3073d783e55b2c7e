/** What goes back to a caller: a result, what its handler threw, or why nothing was run. Over the connection on which the request came. */
import { formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { type Code, type Execution, RpcError } from "../errors.js";
import { messageEvents } from "../events/channels.js";
import type { LimitHits } from "../events/limit-hits.js";
import type { Logger } from "../internal/logger.js";
import { messageOf } from "../internal/message-of.js";
import { MessageTooLargeError } from "../protobuf/errors.js";
import { encodeError } from "../wire/error-codec.js";
import { NestedEncodingError } from "../wire/frame-writer.js";
import { KIND } from "../wire/header.js";
import { MAX_BODY_OVERHEAD_BYTES } from "../wire/limits.js";
import type { DispatchCounters } from "./dispatch-counters.js";
import { HINT } from "./failure.js";
import { sayOut } from "./message-events.js";
import { isRefusalOf } from "./refusal.js";
import type { ReplyPath } from "./reply-path.js";
import type { RequestContext } from "./request-context.js";
import type { Sender } from "./sender.js";
import type { Codec } from "./service.js";
import { statusOfThrown } from "./thrown-status.js";

export class Replier {
  readonly #sender: Sender;
  readonly #logger: Logger;
  readonly #limits: LimitHits;
  readonly #counters: DispatchCounters;

  constructor(sender: Sender, logger: Logger, limits: LimitHits, counters: DispatchCounters) {
    this.#sender = sender;
    this.#logger = logger;
    this.#limits = limits;
    this.#counters = counters;
  }

  /** Hot path. */
  reply(path: ReplyPath, codec: Codec<unknown>, context: RequestContext, output: unknown): void {
    if (path.isClosed) return;
    if (path.overfull) {
      const reason = "the reply was not sent: too much waits to be read by the caller";
      this.#limits.hit("link.maxBufferedBytes", reason, context.from, context.method);
      return this.#sendError(path, KIND.error, context, "RESOURCE_EXHAUSTED", `${reason}; ${HINT.slowReader}`, "ran");
    }
    let size: number;
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
  replyError(path: ReplyPath, context: RequestContext, error: unknown): void {
    if (path.isClosed) return;
    if (isRefusalOf(context, error)) return this.refuse(path, context.from, context.epoch, context.seq, error.code, error.reason);
    if (!RpcError.is(error)) {
      this.#logger.error(
        { err: error, method: context.method, from: formatAddress(context.from) },
        `the handler of ${context.method} threw`,
      );
    }
    const { code, reason, appCode, details } = statusOfThrown(error);
    this.#sendError(path, KIND.error, context, code, reason, "ran", { appCode, details });
  }

  /** Nothing was run. */
  refuse(path: ReplyPath, from: LogicalAddress, epoch: number, seq: number, code: Code, reason: string): void {
    this.#counters.refused++;
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
}
