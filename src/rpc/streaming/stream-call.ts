/** One streaming call on the calling side: from the stream that carries it to its status. What it leaves behind is nothing. */
import type { LogicalAddress } from "../../addr/logical-address.js";
import type { RpcError } from "../../errors.js";
import type { AbortSignal } from "../../internal/abort-signal.js";
import type { Clock, TimerHandle } from "../../internal/clock.js";
import { Deferred } from "../../internal/deferred.js";
import { describeCause } from "../../internal/describe-cause.js";
import { allowManyListeners } from "../../internal/many-listeners.js";
import { messageOf } from "../../internal/message-of.js";
import { decodeError } from "../../wire/error-codec.js";
import { ProtocolError } from "../../wire/protocol-error.js";
import { HINT, rpcError } from "../failure.js";
import type { Method } from "../service.js";
import { FRAME } from "./call-frames.js";
import { FrameFlow } from "./frame-flow.js";
import { decodeMessage, encodeMessage, MessageError } from "./message-codec.js";
import type { OpenedStream } from "./stream-opener.js";

export interface StreamCallFacts {
  readonly method: Method<unknown, unknown>;
  readonly self: LogicalAddress;
  readonly clock: Clock;
  readonly deadlineAt: number;
  readonly signal: AbortSignal | undefined;
}

export class StreamCall implements AsyncIterableIterator<unknown> {
  readonly to: LogicalAddress;
  readonly #facts: StreamCallFacts;
  readonly #flow: FrameFlow;
  readonly #maxPayloadBytes: number;
  readonly #done = new Deferred<void>();
  readonly #timer: TimerHandle;
  readonly #onAbort: () => void;
  /** What the requests come from, while they do. */
  #requests: Iterator<unknown> | AsyncIterator<unknown> | undefined;
  #outcome: { readonly error: RpcError | undefined } | undefined;
  /** Calls of `next` follow each other. */
  #reading: Promise<unknown> = Promise.resolve();

  constructor({ stream, to, maxPayloadBytes }: OpenedStream, facts: StreamCallFacts) {
    const { clock, deadlineAt, signal } = facts;
    this.to = to;
    this.#facts = facts;
    this.#maxPayloadBytes = maxPayloadBytes;
    this.#flow = new FrameFlow(stream, maxPayloadBytes);
    this.#done.promise.catch(() => {}); // nobody has to ask
    this.#timer = clock.setTimeout(() => this.#expire(), Math.max(0, deadlineAt - clock.now()));
    this.#onAbort = () => this.#abort();
    if (signal !== undefined) allowManyListeners(signal);
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (signal?.aborted === true) this.#abort();
    stream.on("close", () => this.#lost());
  }

  /** Settles with the call. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  get #isOver(): boolean {
    return this.#outcome !== undefined;
  }

  /** All requests have been sent. */
  endRequests(): void {
    this.#flow.stream.end();
  }

  /** Sends what `requests` gives, as fast as the handler takes it. */
  async send(requests: Iterable<unknown> | AsyncIterable<unknown>): Promise<void> {
    const { input } = this.#facts.method;
    try {
      const iterator = iteratorOf(requests);
      this.#requests = iterator;
      if (this.#isOver) return this.#stopRequests();
      for (;;) {
        const step = await iterator.next();
        if (this.#isOver) return;
        if (step.done === true) break;
        await this.#flow.write(encodeMessage(input, input.fromPartial(step.value as never), this.#maxPayloadBytes));
        if (this.#isOver) return;
      }
      this.#requests = undefined;
      this.endRequests();
    } catch (cause) {
      this.#requestFailed(cause);
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    const result = this.#reading.then(() => this.#next());
    this.#reading = result.catch(() => {});
    return result;
  }

  /** The rest is not wanted: the handler is told, and its iterator returns. */
  return(): Promise<IteratorResult<unknown, undefined>> {
    this.cancel("the rest of its replies is not wanted");
    return Promise.resolve({ done: true, value: undefined });
  }

  /** The one reply of a method that streams requests only. */
  async reply(): Promise<unknown> {
    const first = await this.next();
    if (first.done === true) throw this.#fail("INTERNAL", "ran", `it has ended without a reply; ${HINT.noReply}`);
    await this.next(); // the status
    return first.value;
  }

  /** Ends it from this side. */
  cancel(reason: string): void {
    this.#finish(this.#fail("CANCELLED", "unknown", `${reason}; ${HINT.cancelled}`));
  }

  async #next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#isOver) return this.#ended();
    try {
      const frame = await this.#flow.next();
      if (this.#isOver) return this.#ended();
      if (frame === undefined) throw new ProtocolError("the handler's node ended it without a status");
      if (frame.kind === FRAME.message) return { done: false, value: decodeMessage(this.#facts.method.output, frame.body) };
      if (frame.kind !== FRAME.status) throw new ProtocolError(`a frame of kind ${frame.kind} from the handler`);
      this.#finish(frame.body.length === 0 ? undefined : this.#statusError(frame.body));
    } catch (error) {
      this.#readFailed(error as Error);
    }
    return this.#ended();
  }

  /** What failed is told once; who asks again hears that nothing comes. */
  #ended(): IteratorResult<unknown, undefined> {
    const error = this.#outcome?.error;
    if (error === undefined) return { done: true, value: undefined };
    this.#outcome = { error: undefined };
    throw error;
  }

  #statusError(body: Buffer): RpcError {
    const { code, reason, execution = "ran", appCode, details, path } = decodeError(body, 0, body.length);
    const { method, self } = this.#facts;
    const text = reason === "" ? "no reason given" : reason;
    return rpcError({ method: method.name, to: this.to, self }, code, execution, text, { appCode, details, path });
  }

  #readFailed(error: Error): void {
    if (error instanceof MessageError) {
      this.#finish(this.#fail("INTERNAL", "ran", `a reply ${error.message}; ${HINT.otherProto}`, error.cause));
    } else if (error instanceof ProtocolError) {
      this.#finish(this.#fail("INTERNAL", "unknown", `${error.message}; ${HINT.otherProto}`, error));
    } else {
      this.#finish(this.#fail("UNAVAILABLE", "unknown", `${describeCause(error)}; ${HINT.streamLost}`, error));
    }
  }

  #requestFailed(cause: unknown): void {
    this.#requests = cause instanceof MessageError ? this.#requests : undefined; // one that threw has ended
    if (!(cause instanceof MessageError)) {
      const said = cause instanceof Error ? `${cause.name}: ${messageOf(cause)}` : messageOf(cause);
      this.#finish(this.#fail("CANCELLED", "unknown", `${said}; ${HINT.requestsThrew}`, cause));
    } else if (cause.fault === "tooLarge") {
      this.#finish(this.#fail("RESOURCE_EXHAUSTED", "unknown", `a request ${cause.message}; ${HINT.tooLarge}`, cause));
    } else {
      this.#finish(this.#fail("INVALID_ARGUMENT", "unknown", `a request ${cause.message}; ${HINT.input}`, cause.cause));
    }
  }

  #expire(): void {
    this.#finish(this.#fail("DEADLINE_EXCEEDED", "unknown", `its replies have not ended in time; ${HINT.deadlineUnknown}`));
  }

  #abort(): void {
    const reason: unknown = this.#facts.signal?.reason;
    const text = messageOf(reason);
    this.#finish(this.#fail("CANCELLED", "unknown", `cancelled: ${text}; ${HINT.cancelled}`, reason));
  }

  /** The stream is gone; what has come before is still to be read by whoever asks for it. */
  #lost(): void {
    const { errored } = this.#flow.stream;
    if (!this.#isOver && errored !== null) this.#readFailed(errored);
  }

  #finish(error: RpcError | undefined): void {
    if (this.#isOver) return;
    this.#outcome = { error };
    const { clock, signal } = this.#facts;
    clock.clearTimeout(this.#timer);
    signal?.removeEventListener("abort", this.#onAbort);
    this.#stopRequests();
    this.#flow.stream.destroy(); // the status has come, or nobody waits for it
    this.#flow.release();
    if (error === undefined) this.#done.resolve();
    else this.#done.reject(error);
  }

  /** No more requests are wanted. */
  #stopRequests(): void {
    const requests = this.#requests;
    this.#requests = undefined;
    // Its own errors concern nobody any more: the call has its outcome.
    void (async () => await requests?.return?.())().catch(() => {});
  }

  #fail(code: string, execution: "notRun" | "unknown" | "ran", reason: string, cause?: unknown): RpcError {
    const { method, self } = this.#facts;
    return rpcError({ method: method.name, to: this.to, self }, code, execution, reason, cause === undefined ? {} : { cause });
  }
}

/** @throws TypeError for what cannot be iterated. */
export function iteratorOf(values: Iterable<unknown> | AsyncIterable<unknown>): Iterator<unknown> | AsyncIterator<unknown> {
  if (typeof values === "object" && values !== null) {
    if (Symbol.asyncIterator in values) return values[Symbol.asyncIterator]();
    if (Symbol.iterator in values) return values[Symbol.iterator]();
  }
  throw new TypeError(`${String(values)} is not iterable`);
}
