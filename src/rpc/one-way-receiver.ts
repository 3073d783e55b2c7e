/** One-way messages that come in: to their handlers, or dropped, counted and told, since nobody waits for an answer. */
import { formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { dropEvents } from "../events/channels.js";
import type { DropCause } from "../events/events.js";
import type { LimitHits } from "../events/limit-hits.js";
import type { Clock } from "../internal/clock.js";
import type { Logger } from "../internal/logger.js";
import { messageOf } from "../internal/message-of.js";
import { Seldom } from "../internal/seldom.js";
import { BinaryReader } from "../protobuf/binary-reader.js";
import { FLAGS, getU32 } from "../wire/header.js";
import { decodeMetadata, type Metadata, metadataLength, NO_METADATA } from "../wire/metadata.js";
import type { DispatchCounters } from "./dispatch-counters.js";
import type { MessageHandler } from "./handler-table.js";
import { watchedWhereAsked } from "./handler-watch.js";
import { oversize } from "./oversize.js";
import { promiseOf } from "./promise-of.js";
import { isRefusalOf } from "./refusal.js";
import type { ReplyPath } from "./reply-path.js";
import { ambient, RequestContext } from "./request-context.js";
import type { RequestsInProgress } from "./requests-in-progress.js";
import type { Sender } from "./sender.js";

export class OneWayReceiver {
  /** Why none is taken any more. */
  closed: string | undefined;
  readonly #sender: Sender;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #limits: LimitHits;
  readonly #maxPayloadBytes: number;
  readonly #inProgress: RequestsInProgress;
  readonly #counters: DispatchCounters;
  readonly #seldom: Seldom;
  readonly #reader = new BinaryReader(new Uint8Array(0));

  constructor(
    sender: Sender,
    clock: Clock,
    logger: Logger,
    limits: LimitHits,
    maxPayloadBytes: number,
    inProgress: RequestsInProgress,
    counters: DispatchCounters,
  ) {
    this.#sender = sender;
    this.#clock = clock;
    this.#logger = logger;
    this.#limits = limits;
    this.#maxPayloadBytes = maxPayloadBytes;
    this.#inProgress = inProgress;
    this.#counters = counters;
    this.#seldom = new Seldom(clock);
  }

  /** A one-way message that cannot be taken. */
  drop(from: LogicalAddress, cause: DropCause, reason: string): void {
    this.#counters.oneWaysDropped++;
    const peer = formatAddress(from);
    if (dropEvents.hasSubscribers) dropEvents.publish({ type: "dropped", node: formatAddress(this.#sender.address), peer, cause, reason });
    this.#seldom.say(`${peer} ${reason}`, (addition) => {
      this.#logger.warn({ from: peer, reason }, `dropped a one-way message from ${peer}: ${reason}${addition}`);
    });
  }

  /** `entry`: who takes it. `body[start, end)`: id, [metadata], payload. */
  take(
    path: ReplyPath,
    entry: MessageHandler | undefined,
    flags: number,
    from: LogicalAddress,
    body: Buffer,
    start: number,
    end: number,
  ): void {
    this.#counters.oneWays++;
    if (this.closed !== undefined) return this.drop(from, "closed", this.closed);
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
      if (end - at > this.#maxPayloadBytes)
        return this.drop(from, "tooLarge", oversize(this.#limits, end - at, this.#maxPayloadBytes, from, entry.name));
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
      const result = ambient.run(context, watchedWhereAsked(entry.handler, this.#sender.address, this.#clock), input, context);
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
    this.#counters.oneWaysFailed++;
    this.#logger.error({ err: error, message: name, from: formatAddress(from) }, `the handler of one-way ${name} threw`);
  }
}
