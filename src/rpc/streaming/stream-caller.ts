/** The calling side of streaming methods: what stubs invoke, the interceptors around it, and the calls that are under way. */
import type { LogicalAddress } from "../../addr/logical-address.js";
import { RpcError } from "../../errors.js";
import { callEvents } from "../../events/channels.js";
import type { LimitHits } from "../../events/limit-hits.js";
import type { Clock } from "../../internal/clock.js";
import type { Resolved } from "../../internal/resolved.js";
import { MAX_TIMER_MS } from "../../internal/timer-limit.js";
import { CallWatch } from "../call-watch.js";
import { addressOrText, HINT, rpcError } from "../failure.js";
import { type CallerInterceptor, chain, type OutgoingCall } from "../interceptor.js";
import { ambient } from "../request-context.js";
import type { RpcOptions } from "../rpc-options.js";
import type { CallOptions, Method, Target } from "../service.js";
import { encodeCall } from "./call-frames.js";
import { encodeMessage, MessageError } from "./message-codec.js";
import { Replies } from "./replies.js";
import { StreamCall } from "./stream-call.js";
import { CALLS_PROTOCOL, isOpenFault, type StreamOpener } from "./stream-opener.js";

type AnyMethod = Method<unknown, unknown>;

const NO_OPTIONS: CallOptions = {};

export class StreamCaller {
  readonly #self: LogicalAddress;
  readonly #opener: StreamOpener;
  readonly #clock: Clock;
  readonly #options: Resolved<RpcOptions>;
  readonly #limits: LimitHits;
  readonly #calls = new Set<StreamCall>();
  /** Calls that wait for their stream. */
  #opening = 0;
  readonly #idle: (() => void)[] = [];
  #interceptors: readonly CallerInterceptor[] = [];
  #place: (call: OutgoingCall) => Promise<unknown> = (call) => this.#call(call);
  #closed: string | undefined;

  constructor(self: LogicalAddress, opener: StreamOpener, clock: Clock, options: Resolved<RpcOptions>, limits: LimitHits) {
    this.#self = self;
    this.#opener = opener;
    this.#clock = clock;
    this.#options = options;
    this.#limits = limits;
  }

  /** Calls that have not ended. */
  get inFlight(): number {
    return this.#calls.size + this.#opening;
  }

  use(interceptor: CallerInterceptor): void {
    this.#interceptors = [...this.#interceptors, interceptor];
    this.#place = chain(this.#interceptors, (call) => this.#call(call));
  }

  /** A promise of the reply where only requests stream; else the replies, as something to iterate, which begins the call. */
  invoke(to: Target | undefined, method: AnyMethod, input: unknown, options: CallOptions = NO_OPTIONS): unknown {
    const place = async (): Promise<unknown> => {
      if (to === undefined) throw this.#fail(method, "nobody", "INVALID_ARGUMENT", `no target was given; ${HINT.noTarget}`);
      return await this.#place({ method, oneWay: false, to, input, options });
    };
    return method.kind === "client" ? place() : new Replies(place as () => Promise<AsyncIterable<unknown>>);
  }

  /** Resolves when none is under way. */
  idle(): Promise<void> {
    if (this.inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => void this.#idle.push(resolve));
  }

  /** Cancels all, and takes none any more; gives how many there were. */
  close(reason: string): number {
    this.#closed = reason;
    const calls = [...this.#calls];
    for (const call of calls) call.cancel(reason);
    return calls.length;
  }

  /** Behind the interceptors: places it. Resolves with the replies, or with the one reply. */
  async #call({ method, to, input, options }: OutgoingCall): Promise<unknown> {
    const watch = callEvents.hasSubscribers ? new CallWatch(this.#self, method.name, false, this.#clock) : undefined;
    let call: StreamCall;
    this.#opening++;
    try {
      call = await this.#open(method, to, input, options);
    } catch (error) {
      const failure = this.#notOpened(method, error);
      void watch?.until(Promise.reject(failure)).catch(() => {});
      throw failure;
    } finally {
      this.#opening--;
      if (this.inFlight === 0) this.#tellIdle();
    }
    this.#keep(call, watch);
    if (method.kind === "server") call.endRequests();
    else void call.send(input as AsyncIterable<unknown>);
    return method.kind === "client" ? await call.reply() : call;
  }

  async #open(method: AnyMethod, to: Target, input: unknown, options: CallOptions): Promise<StreamCall> {
    const deadlineAt = this.#deadline(method, to, options);
    const first = this.#firstBytes(method, to, input, deadlineAt);
    const { metadata = {}, signal } = options;
    const opened = await this.#opener.open(to, { protocol: CALLS_PROTOCOL, metadata, first, deadlineAt, signal });
    if (this.#closed !== undefined) {
      opened.stream.destroy();
      throw this.#fail(method, opened.to, "CANCELLED", `${this.#closed}; ${HINT.closed}`);
    }
    const maxPayloadBytes = Math.min(opened.maxPayloadBytes, this.#options.maxPayloadBytes);
    return new StreamCall({ ...opened, maxPayloadBytes }, { method, self: this.#self, clock: this.#clock, deadlineAt, signal });
  }

  #keep(call: StreamCall, watch: CallWatch | undefined): void {
    this.#calls.add(call);
    const over = (): void => {
      this.#calls.delete(call);
      if (this.inFlight === 0) this.#tellIdle();
    };
    call.done.then(over, over);
    if (watch === undefined) return;
    watch.to = call.to;
    void watch.until(call.done).catch(() => {});
  }

  #tellIdle(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #deadline(method: AnyMethod, to: Target, { timeoutMs = this.#options.callTimeoutMs, detached, signal }: CallOptions): number {
    const whom = addressOrText(to);
    if (this.#closed !== undefined) throw this.#fail(method, whom, "CANCELLED", `${this.#closed}; ${HINT.closed}`);
    if (!(typeof timeoutMs === "number" && timeoutMs > 0 && timeoutMs <= MAX_TIMER_MS))
      throw this.#fail(method, whom, "INVALID_ARGUMENT", `timeoutMs is ${String(timeoutMs)}, must be from 1 to ${MAX_TIMER_MS}`);
    if (signal !== undefined && typeof signal?.addEventListener !== "function")
      throw this.#fail(method, whom, "INVALID_ARGUMENT", "the option signal is no AbortSignal");
    if (this.inFlight >= this.#options.maxCallsInFlight) {
      const reason = `${this.inFlight} calls in flight`;
      this.#limits.hit("rpc.maxCallsInFlight", reason, undefined, method.name);
      throw this.#fail(method, whom, "RESOURCE_EXHAUSTED", `${reason}; ${HINT.tooManyCalls}`);
    }
    const now = this.#clock.now();
    const surrounding = detached === true ? undefined : ambient.getStore();
    const deadlineAt = Math.min(now + timeoutMs, surrounding?.deadlineAt ?? Number.POSITIVE_INFINITY);
    if (deadlineAt > now) return deadlineAt;
    throw this.#fail(method, whom, "DEADLINE_EXCEEDED", `the deadline of the surrounding request is over; ${HINT.deadlineOver}`);
  }

  /** The head of the call, and its request where there is one only: they leave with the opening of the stream. */
  #firstBytes(method: AnyMethod, to: Target, input: unknown, deadlineAt: number): Uint8Array {
    const head = encodeCall({ methodId: method.id, remainingMs: Math.ceil(deadlineAt - this.#clock.now()) });
    if (method.kind !== "server") return head;
    try {
      return Buffer.concat([head, encodeMessage(method.input, method.input.fromPartial(input as never), this.#options.maxPayloadBytes)]);
    } catch (cause) {
      const whom = addressOrText(to);
      if (!(cause instanceof MessageError))
        throw this.#fail(
          method,
          whom,
          "INVALID_ARGUMENT",
          `the message cannot be encoded: ${(cause as Error).message}; ${HINT.input}`,
          cause,
        );
      if (cause.fault === "malformed")
        throw this.#fail(method, whom, "INVALID_ARGUMENT", `the message ${cause.message}; ${HINT.input}`, cause);
      this.#limits.hit("rpc.maxPayloadBytes", `the message ${cause.message}`, undefined, method.name);
      throw this.#fail(method, whom, "RESOURCE_EXHAUSTED", `the message ${cause.message}; ${HINT.tooLarge}`, cause);
    }
  }

  #notOpened(method: AnyMethod, error: unknown): unknown {
    if (!isOpenFault(error) || RpcError.is(error)) return error;
    const { code, execution, to, message, cause, path } = error;
    const reason = code === "UNIMPLEMENTED" ? `the method has no handler there; ${HINT.unimplemented}` : message;
    return rpcError({ method: method.name, to, self: this.#self }, code, execution, reason, {
      path,
      ...(cause !== undefined && { cause }),
    });
  }

  #fail(method: AnyMethod, to: LogicalAddress | string, code: string, reason: string, cause?: unknown): RpcError {
    return rpcError({ method: method.name, to, self: this.#self }, code, "notRun", reason, cause === undefined ? {} : { cause });
  }
}
