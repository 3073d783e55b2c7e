/** One streaming call on the handler's side: requests to the handler, what it yields back, and the status at the end. */
import { RpcError } from "../../errors.js";
import type { Clock, TimerHandle } from "../../internal/clock.js";
import { isThenable } from "../../internal/is-thenable.js";
import { encodeError, type WireError } from "../../wire/error-codec.js";
import { ProtocolError } from "../../wire/protocol-error.js";
import { HINT } from "../failure.js";
import type { MethodHandler } from "../handler-table.js";
import type { AbortWatcher, RequestContext } from "../request-context.js";
import { failed, statusOfThrown } from "../thrown-status.js";
import { encodeFrame, FRAME } from "./call-frames.js";
import type { FrameFlow } from "./frame-flow.js";
import { decodeMessage, encodeMessage, MessageError } from "./message-codec.js";
import { iteratorOf } from "./stream-call.js";

/** How long a stream stays open for a status that its caller does not read. */
const LINGER_MS = 5_000;

const NOTHING = new Uint8Array(0);

export class StreamRequest implements AbortWatcher {
  readonly #flow: FrameFlow;
  readonly #entry: MethodHandler;
  readonly #context: RequestContext;
  readonly #maxPayloadBytes: number;
  readonly #clock: Clock;
  readonly #onLeftover: (thrown: unknown) => void;
  /** What the handler yields from, while it does. */
  #outputs: Iterator<unknown> | AsyncIterator<unknown> | undefined;
  #isAborted = false;
  #isAnswered = false;

  /** @param onLeftover - what the handler's iterator threw when nobody wanted anything of it any more. */
  constructor(
    flow: FrameFlow,
    entry: MethodHandler,
    context: RequestContext,
    maxPayloadBytes: number,
    clock: Clock,
    onLeftover: (thrown: unknown) => void,
  ) {
    this.#flow = flow;
    this.#entry = entry;
    this.#context = context;
    this.#maxPayloadBytes = maxPayloadBytes;
    this.#clock = clock;
    this.#onLeftover = onLeftover;
    context.watch(this);
  }

  /** Calls the handler and sends what it gives. Settles when the handler has, with what it threw. */
  async run(input: unknown, context: RequestContext): Promise<void> {
    const { method, intercepted } = this.#entry;
    const given = intercepted(input, context);
    const result = isThenable(given) ? await given : given;
    if (method.kind === "client") return void (await this.#send(result));
    await this.#sendAll(result);
  }

  /** The one request of a method that streams replies only. @throws RpcError */
  async onlyRequest(): Promise<unknown> {
    const first = await this.#nextRequest();
    if (first.done === true) throw new RpcError("INVALID_ARGUMENT", "the caller ended it without a request");
    return first.value;
  }

  /** The requests, for the handler to iterate, once. */
  requests(): AsyncIterableIterator<unknown> {
    let isOver = false;
    let reading: Promise<unknown> = Promise.resolve();
    const next = async (): Promise<IteratorResult<unknown, undefined>> => {
      if (isOver) return { done: true, value: undefined };
      try {
        const step = await this.#nextRequest();
        isOver ||= step.done === true;
        return step;
      } catch (error) {
        isOver = true;
        throw error;
      }
    };
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      next: () => {
        const result = reading.then(next);
        reading = result.catch(() => {});
        return result;
      },
      // The handler reads no more, and may still answer: the caller is held back by what it has sent, and no further.
      return: () => {
        isOver = true;
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  /** Nobody waits any more: the handler's iterator ends now, or as soon as it gives something. */
  onAbort(reason: Error): void {
    this.#isAborted = true;
    this.answer(statusOfThrown(reason));
    this.#stopOutputs();
    this.#flow.release();
  }

  /** The last word. `undefined`: it has ended well. */
  answer(error: WireError | undefined): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    const { stream } = this.#flow;
    if (stream.destroyed) return;
    stream.end(encodeFrame(FRAME.status, error === undefined ? NOTHING : encodeError(error)));
    this.#flow.discard(); // requests that nobody reads any more must not keep it from ending
    const timer: TimerHandle = this.#clock.setTimeout(() => stream.destroy(), LINGER_MS);
    stream.once("close", () => this.#clock.clearTimeout(timer));
  }

  async #sendAll(result: unknown): Promise<void> {
    let outputs: Iterator<unknown> | AsyncIterator<unknown>;
    try {
      outputs = iteratorOf(result as AsyncIterable<unknown>);
    } catch (error) {
      throw new TypeError(`${(error as Error).message}; ${HINT.noIterable}`);
    }
    this.#outputs = outputs;
    if (this.#isAborted) return this.#stopOutputs();
    for (;;) {
      const step = await outputs.next();
      if (step.done === true) break;
      if (this.#isAborted) return;
      try {
        await this.#send(step.value);
      } catch (error) {
        this.#stopOutputs();
        throw error;
      }
      if (this.#isAborted) return;
    }
    this.#outputs = undefined;
  }

  async #send(output: unknown): Promise<void> {
    await this.#flow.write(encodeMessage(this.#entry.method.output, output, this.#maxPayloadBytes));
  }

  #stopOutputs(): void {
    const outputs = this.#outputs;
    this.#outputs = undefined;
    void (async () => await outputs?.return?.())().catch(this.#onLeftover);
  }

  async #nextRequest(): Promise<IteratorResult<unknown, undefined>> {
    try {
      const frame = await this.#flow.next();
      if (frame === undefined) return { done: true, value: undefined };
      if (frame.kind !== FRAME.message) throw new ProtocolError(`a frame of kind ${frame.kind} from the caller`);
      return { done: false, value: decodeMessage(this.#entry.method.input, frame.body) };
    } catch (error) {
      const reason = this.#context.abortReason;
      if (reason !== undefined) throw reason;
      if (error instanceof MessageError || error instanceof ProtocolError)
        throw new RpcError("INVALID_ARGUMENT", `a request ${error.message}; ${HINT.otherProto}`, { cause: error });
      throw new RpcError("CANCELLED", `the stream of the call was lost: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** What the caller hears when what the handler gave cannot be sent. */
export function statusOfUnsent(error: MessageError): WireError {
  const hint = error.fault === "tooLarge" ? HINT.tooLarge : HINT.result;
  return failed(error.fault === "tooLarge" ? "RESOURCE_EXHAUSTED" : "INTERNAL", `what the handler gave ${error.message}; ${hint}`);
}
