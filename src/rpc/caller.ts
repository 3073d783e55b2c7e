/**
 * The calling side: typed calls to addresses and pickers. What is wrong with one is found before it is sent, and rejects;
 * from then on {@link CallsInFlight} has it. One-way messages go by {@link OneWaySender}.
 */
import type { LogicalAddress } from "../addr/logical-address.js";
import { RpcError } from "../errors.js";
import { callEvents, messageEvents } from "../events/channels.js";
import type { LimitHits } from "../events/limit-hits.js";
import type { Clock } from "../internal/clock.js";
import { COMMIT } from "../internal/commit-result.js";
import type { Resolved } from "../internal/resolved.js";
import { MAX_TIMER_MS } from "../internal/timer-limit.js";
import { FLAGS, KIND } from "../wire/header.js";
import { CallFailures } from "./call-failures.js";
import type { Call, CallTable, Retry } from "./call-table.js";
import { CallWatch } from "./call-watch.js";
import { CallsInFlight, reasonOf } from "./calls-in-flight.js";
import { addressOrText, HINT } from "./failure.js";
import { type CallerInterceptor, chain, type OutgoingCall } from "./interceptor.js";
import { beginBody, checkedSize } from "./message-body.js";
import { sayOut } from "./message-events.js";
import { OneWaySender } from "./one-way-sender.js";
import { ambient } from "./request-context.js";
import type { Router } from "./router.js";
import type { RpcOptions } from "./rpc-options.js";
import type { Sender } from "./sender.js";
import type { CallOptions, Method, PostOptions, Target } from "./service.js";
import { Targets } from "./targets.js";

type AnyMethod = Method<unknown, unknown>;

const NO_OPTIONS: CallOptions = {};

export class RpcCaller {
  readonly #sender: Sender;
  readonly #clock: Clock;
  readonly #options: Resolved<RpcOptions>;
  readonly #failures: CallFailures;
  readonly #targets: Targets;
  readonly calls: CallsInFlight;
  readonly #table: CallTable;
  /** Messages that have no reply; their numbers are those of the calls. */
  readonly oneWays: OneWaySender;
  #intercepted: ((call: OutgoingCall) => Promise<unknown>) | undefined;
  #interceptors: readonly CallerInterceptor[] = [];

  constructor(sender: Sender, router: Router, clock: Clock, options: Resolved<RpcOptions>, limits: LimitHits) {
    this.#sender = sender;
    this.#clock = clock;
    this.#options = options;
    this.#failures = new CallFailures(sender.address, router, limits);
    this.#targets = new Targets(router, this.#failures);
    this.calls = new CallsInFlight(sender, router, clock, this.#failures, (call, retry, next) => {
      const { method, startedAt, deadlineAt, options, resolve, reject, watch } = call;
      this.#place(retry.picker, call.to, method, retry.input, clock.now(), startedAt, deadlineAt, options, resolve, reject, next, watch);
    });
    this.#table = this.calls.table;
    this.oneWays = new OneWaySender(sender, this.#targets, this.#table, this.#failures, clock);
  }

  get address(): LogicalAddress {
    return this.#sender.address;
  }

  use(interceptor: CallerInterceptor): void {
    if (typeof interceptor !== "function") throw new TypeError("an interceptor is a function");
    this.#interceptors = [...this.#interceptors, interceptor];
    this.#intercepted = chain(this.#interceptors, ({ method, oneWay, to, input, options }) =>
      oneWay ? this.oneWays.post(to, method, input, options) : this.#call(to, method, input, options),
    );
  }

  /** Places a call. Never throws: what is wrong with the target, the input or the options rejects. */
  invoke(to: Target | undefined, method: AnyMethod, input: unknown, options: CallOptions | undefined): Promise<unknown> {
    if (to === undefined) return Promise.reject(this.#failures.noTarget(method.name));
    if (method.kind !== "unary") {
      return Promise.reject(this.#failures.of(method.name, addressOrText(to), "UNIMPLEMENTED", "notRun", HINT.anonymousStreams));
    }
    if (this.#intercepted === undefined) return this.#call(to, method, input, options);
    return this.#intercepted({ method, oneWay: false, to, input, options: options ?? NO_OPTIONS });
  }

  /** One-way to a method. */
  post(to: Target | undefined, method: AnyMethod, input: unknown, options: PostOptions | undefined): Promise<void> {
    if (to === undefined) return Promise.reject(this.#failures.noTarget(method.name));
    if (this.#intercepted === undefined) return this.oneWays.post(to, method, input, options);
    return this.#intercepted({ method, oneWay: true, to, input, options: options ?? NO_OPTIONS }) as Promise<void>;
  }

  /** A queued message has gone out. */
  onSent(to: LogicalAddress, seq: number): void {
    this.oneWays.onSent(to, seq);
  }

  /** A queued message never went out and will not. True when somebody was told. */
  onUnsent(to: LogicalAddress, seq: number, cause: Error): boolean {
    return this.calls.onUnsent(to, seq, cause) || this.oneWays.onUnsent(to, seq, cause);
  }

  /** Fails everything that is in flight, and whatever comes later. Gives how many calls that were. */
  close(reason: string): number {
    this.#failures.closed = reason;
    return this.calls.failAll(reason);
  }

  #call(to: Target, method: AnyMethod, input: unknown, options: CallOptions | undefined): Promise<unknown> {
    if (!callEvents.hasSubscribers) return this.#begin(to, method, input, options, undefined);
    const watch = new CallWatch(this.#sender.address, method.name, false, this.#clock);
    return watch.until(this.#begin(to, method, input, options, watch));
  }

  #begin(to: Target, method: AnyMethod, input: unknown, options: CallOptions | undefined, watch: CallWatch | undefined): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timeoutMs = options?.timeoutMs ?? this.#options.callTimeoutMs;
      if (!(typeof timeoutMs === "number" && timeoutMs > 0 && timeoutMs <= MAX_TIMER_MS)) {
        const reason = `timeoutMs is ${String(timeoutMs)}, must be from 1 to ${MAX_TIMER_MS}`;
        reject(this.#failures.of(method.name, addressOrText(to), "INVALID_ARGUMENT", "notRun", reason));
        return;
      }
      const now = this.#clock.now();
      let deadlineAt = now + timeoutMs;
      const surrounding = ambient.getStore();
      if (surrounding !== undefined && surrounding.deadlineAt < deadlineAt && options?.detached !== true)
        deadlineAt = surrounding.deadlineAt;
      if (options?.signal !== undefined && !isSignal(options.signal)) {
        reject(this.#failures.of(method.name, addressOrText(to), "INVALID_ARGUMENT", "notRun", "the option signal is no AbortSignal"));
        return;
      }
      if (options?.signal?.aborted === true) {
        const { signal } = options;
        const reason = `cancelled before it was sent: ${reasonOf(signal)}`;
        reject(this.#failures.of(method.name, addressOrText(to), "CANCELLED", "notRun", reason, signal.reason));
        return;
      }
      const retry = typeof to === "object" ? { picker: to, input } : undefined;
      this.#place(to, undefined, method, input, now, now, deadlineAt, options, resolve, reject, retry, watch);
    });
  }

  /** Hot path. Encodes straight into the link's buffer; the call is in the table, or it is settled. */
  #place(
    target: Target,
    not: LogicalAddress | undefined,
    method: AnyMethod,
    input: unknown,
    now: number,
    startedAt: number,
    deadlineAt: number,
    options: CallOptions | undefined,
    resolve: (output: unknown) => void,
    reject: (error: RpcError) => void,
    retry: Retry | undefined,
    watch: CallWatch | undefined,
  ): void {
    const to = this.#targets.resolve(target, method.name, not);
    if (to instanceof RpcError) return reject(to);
    if (watch !== undefined) watch.to = to;
    const remainingMs = Math.ceil(deadlineAt - now);
    if (remainingMs <= 0)
      return reject(
        this.#failures.of(
          method.name,
          to,
          "DEADLINE_EXCEEDED",
          "notRun",
          `the deadline of the surrounding request is over; ${HINT.deadlineOver}`,
        ),
      );
    if (this.#table.size >= this.#options.maxCallsInFlight)
      return reject(this.#failures.tooManyInFlight(method.name, to, this.#table.size));
    const outbound = this.#targets.way(to, method.name);
    if (outbound instanceof RpcError) return reject(outbound);
    const metadata = options?.metadata;
    let size: number;
    try {
      const writer = beginBody(outbound, method.id, metadata);
      const start = writer.pos;
      method.input.encode(method.input.fromPartial(input as never), writer);
      size = checkedSize(writer, start, outbound);
    } catch (cause) {
      return reject(this.#failures.notEncoded(method.name, to, outbound, cause));
    }
    const peer = this.#table.peer(to);
    const call: Call = {
      method,
      to,
      seq: peer.next(),
      startedAt,
      deadlineAt,
      outbound,
      options,
      resolve,
      reject,
      retry,
      watch,
    };
    const flags = metadata === undefined ? 0 : FLAGS.metadata;
    const { address, epoch } = this.#sender;
    const result = outbound.commit(KIND.request, flags, to, address, epoch, call.seq, remainingMs, deadlineAt);
    if (result > COMMIT.queued) return this.calls.fail(call, this.#failures.notTaken(method.name, to, result));
    this.#table.add(peer, call);
    if (messageEvents.hasSubscribers) sayOut(address, KIND.request, to, method.name, call.seq, size, () => input);
    const signal = options?.signal;
    if (signal === undefined) return;
    if (signal.aborted)
      this.calls.abort(call, signal); // by the encoder of the request
    else this.calls.watch(call, signal);
  }
}

function isSignal(value: unknown): value is AbortSignal {
  const signal = value as Partial<AbortSignal> | null;
  return typeof signal === "object" && typeof signal?.addEventListener === "function" && typeof signal.removeEventListener === "function";
}
