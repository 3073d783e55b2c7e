/**
 * The calling side: typed calls and one-way messages to addresses and pickers. A call lives in the table from the
 * moment it is placed; whoever takes it out settles it, so that it is settled exactly once.
 */
import { type AddressLike, ANONYMOUS, formatAddress, type LogicalAddress, toAddress } from "../addr/logical-address.js";
import { type Code, type Execution, RpcError } from "../errors.js";
import { callEvents, messageEvents } from "../events/channels.js";
import type { LimitHits } from "../events/limit-hits.js";
import type { Clock } from "../internal/clock.js";
import { COMMIT, type CommitResult } from "../internal/commit-result.js";
import { describeCause } from "../internal/describe-cause.js";
import { messageOf } from "../internal/message-of.js";
import type { Resolved } from "../internal/resolved.js";
import { MAX_TIMER_MS } from "../internal/timer-limit.js";
import { UnsentError } from "../internal/unsent-error.js";
import { BinaryReader } from "../protobuf/binary-reader.js";
import type { BinaryWriter } from "../protobuf/binary-writer.js";
import { MessageTooLargeError } from "../protobuf/errors.js";
import { decodeError } from "../wire/error-codec.js";
import { NestedEncodingError } from "../wire/frame-writer.js";
import { FLAGS, KIND, putU32, seqBefore } from "../wire/header.js";
import { MAX_BODY_OVERHEAD_BYTES } from "../wire/limits.js";
import { encodeMetadata, metadataLength } from "../wire/metadata.js";
import { type Call, CallTable, type Retry } from "./call-table.js";
import { CallWatch } from "./call-watch.js";
import { addressOrText, type FailedCall, HINT, rpcError, targetFault, unsentReason } from "./failure.js";
import { type CallerInterceptor, chain, type OutgoingCall } from "./interceptor.js";
import { sayOut } from "./message-events.js";
import { OneWays } from "./one-ways.js";
import type { Outbound } from "./outbound.js";
import { ambient } from "./request-context.js";
import type { Router } from "./router.js";
import type { RpcOptions } from "./rpc-options.js";
import type { CallOptions, Message, Method, PostOptions, Target } from "./service.js";
import { SignalCalls } from "./signal-calls.js";

/** This node's address and the short form of its incarnation, as they stand in frames. */
export interface Sender {
  readonly address: LogicalAddress;
  readonly epoch: number;
}

type AnyMethod = Method<unknown, unknown>;

const NO_OPTIONS: CallOptions = {};
const SENT = Promise.resolve();
const methodId = new Uint8Array(4);
const cancelBody = new Uint8Array(1);

export class RpcCaller {
  readonly #sender: Sender;
  readonly #router: Router;
  readonly #clock: Clock;
  readonly #options: Resolved<RpcOptions>;
  readonly #limits: LimitHits;
  readonly #calls: CallTable;
  readonly #oneWays = new OneWays();
  readonly #reader = new BinaryReader(new Uint8Array(0));
  #intercepted: ((call: OutgoingCall) => Promise<unknown>) | undefined;
  #interceptors: readonly CallerInterceptor[] = [];
  #closed: string | undefined;
  readonly #signals = new SignalCalls((call, signal) => this.#onAborted(call, signal));
  /** The address given last, and what it means: most calls in a row go to the same node. */
  #recentText: AddressLike = ANONYMOUS;
  #recentAddress: LogicalAddress = ANONYMOUS;

  constructor(sender: Sender, router: Router, clock: Clock, options: Resolved<RpcOptions>, limits: LimitHits) {
    this.#sender = sender;
    this.#router = router;
    this.#clock = clock;
    this.#options = options;
    this.#limits = limits;
    this.#calls = new CallTable(clock, (call) => this.#onExpired(call));
  }

  get address(): LogicalAddress {
    return this.#sender.address;
  }

  get inFlight(): number {
    return this.#calls.size;
  }

  /** The calls that have waited longest. Reads all of them. */
  oldest(count: number): Call[] {
    return this.#calls.oldest(count);
  }

  /** What the call is that a reply belongs to. */
  methodOf(peer: LogicalAddress, seq: number): AnyMethod | undefined {
    return this.#calls.peek(peer, seq)?.method;
  }

  waitsFor(peer: LogicalAddress): boolean {
    return this.#calls.waitsFor(peer);
  }

  /** Resolves when no call waits for a reply. */
  idle(): Promise<void> {
    return this.#calls.idle();
  }

  use(interceptor: CallerInterceptor): void {
    if (typeof interceptor !== "function") throw new TypeError("an interceptor is a function");
    this.#interceptors = [...this.#interceptors, interceptor];
    this.#intercepted = chain(this.#interceptors, ({ method, oneWay, to, input, options }) =>
      oneWay ? this.#post(to, method, input, options) : this.#call(to, method, input, options),
    );
  }

  /** Places a call. Never throws: what is wrong with the target, the input or the options rejects. */
  invoke(to: Target | undefined, method: AnyMethod, input: unknown, options: CallOptions | undefined): Promise<unknown> {
    if (to === undefined) return Promise.reject(this.#noTarget(method.name));
    if (method.kind !== "unary") {
      return Promise.reject(this.#fail(method.name, addressOrText(to), "UNIMPLEMENTED", "notRun", HINT.anonymousStreams));
    }
    if (this.#intercepted === undefined) return this.#call(to, method, input, options);
    return this.#intercepted({ method, oneWay: false, to, input, options: options ?? NO_OPTIONS });
  }

  /** One-way to a method. */
  post(to: Target | undefined, method: AnyMethod, input: unknown, options: PostOptions | undefined): Promise<void> {
    if (to === undefined) return Promise.reject(this.#noTarget(method.name));
    if (this.#intercepted === undefined) return this.#post(to, method, input, options);
    return this.#intercepted({ method, oneWay: true, to, input, options: options ?? NO_OPTIONS }) as Promise<void>;
  }

  /** One-way protobuf message, by its registered id. */
  sendMessage<T>(to: Target, message: Message<T>, value: unknown, options: PostOptions | undefined): Promise<void> {
    return this.#oneWay(to, message.messageName, KIND.message, message.messageId, value, options, (writer) => {
      message.encode(message.fromPartial(value as never), writer);
    });
  }

  /** One-way bytes, by a 16-bit command. */
  sendBytes(to: Target, command: number, payload: Uint8Array, options: PostOptions | undefined): Promise<void> {
    const name = `command ${command}`;
    if (!Number.isInteger(command) || command < 0 || command > 0xffff) {
      return Promise.reject(
        this.#fail(name, addressOrText(to), "INVALID_ARGUMENT", "notRun", "a command is a whole number from 0 to 65535"),
      );
    }
    if (!(payload instanceof Uint8Array)) {
      return Promise.reject(this.#fail(name, addressOrText(to), "INVALID_ARGUMENT", "notRun", "a payload is a Uint8Array"));
    }
    return this.#oneWay(to, name, KIND.bytes, command, payload, options, (writer) => void writer.raw(payload));
  }

  /** A reply has come. Hot path. */
  onReply(from: LogicalAddress, epoch: number, seq: number, flags: number, body: Buffer, start: number, end: number): void {
    // A number that this incarnation did not give, or a sender that was not asked, settles nothing.
    if (epoch !== this.#sender.epoch) return;
    const call = this.#calls.take(from, seq);
    if (call === undefined) return;
    this.#release(call);
    try {
      const at = (flags & FLAGS.metadata) === 0 ? start : start + metadataLength(body, start, end);
      const output = call.method.output.decode(this.#reader.attach(body, at, end), end - at);
      this.#reader.expectEnd();
      call.resolve(output);
    } catch (cause) {
      call.reject(
        this.#fail(
          call.method.name,
          call.to,
          "INTERNAL",
          "ran",
          `the reply cannot be decoded: ${messageOf(cause)}; ${HINT.otherProto}`,
          cause,
        ),
      );
    }
  }

  /** An error of the handler, a refusal of its node, or a harbor's word. */
  onError(kind: number, from: LogicalAddress, epoch: number, seq: number, body: Buffer, start: number, end: number): void {
    if (epoch !== this.#sender.epoch) return;
    const call = this.#calls.take(from, seq);
    if (call === undefined) return;
    try {
      const error = decodeError(body, start, end);
      const execution = error.execution ?? (kind === KIND.error ? "ran" : "notRun");
      const { appCode, details, path, code, reason } = error;
      this.#settleFailed(
        call,
        rpcError(this.#describe(call), code, execution, reason === "" ? "no reason given" : reason, { appCode, details, path }),
      );
    } catch (cause) {
      this.#settleFailed(
        call,
        this.#fail(call.method.name, call.to, "INTERNAL", "unknown", `the error cannot be decoded: ${messageOf(cause)}`, cause),
      );
    }
  }

  /** The peer's reply was too large to be taken. */
  onOversizeReply(from: LogicalAddress, epoch: number, seq: number, reason: string): void {
    if (epoch !== this.#sender.epoch) return;
    const call = this.#calls.take(from, seq);
    if (call !== undefined)
      this.#settleFailed(
        call,
        this.#fail(call.method.name, call.to, "RESOURCE_EXHAUSTED", "ran", `the reply was not taken: ${reason}; ${HINT.tooLargeReply}`),
      );
  }

  /** As `onLost` says. */
  #lostError(call: Call, cause: Error, notTaken: boolean): RpcError {
    const reason = notTaken ? unsentReason(cause) : `link lost: ${describeCause(cause)}; ${HINT.lost}`;
    return this.#fail(call.method.name, call.to, "UNAVAILABLE", notTaken ? "notRun" : "unknown", reason, cause);
  }

  /**
   * The connection is gone over which numbers `first` to `last` went to `peer`. `taken`: the last one that the peer says it
   * took, where it has said so; later ones did not run.
   */
  onLost(peer: LogicalAddress, first: number, last: number, cause: Error, taken: number | undefined): void {
    for (const call of this.#calls.takeRange(peer, first, last)) {
      this.#settleFailed(call, this.#lostError(call, cause, taken !== undefined && seqBefore(taken, call.seq)));
    }
  }

  /**
   * A relay has lost its link to `target`: numbers `first` to `last`, which it had passed on, may have run. What is not wholly
   * sent is taken back. `path`: the relays up to that one.
   */
  onGone(target: LogicalAddress, first: number, last: number, path: readonly LogicalAddress[]): void {
    const relay = formatAddress(path.at(-1)!);
    for (const call of this.#calls.takeRange(target, first, last)) {
      const notRun = call.outbound.withdraw(target, this.#sender.epoch, call.seq);
      const reason = `harbor ${relay} lost its link to ${formatAddress(target)}; ${notRun ? HINT.lostUnsent : HINT.lost}`;
      this.#settleFailed(call, rpcError(this.#describe(call), "UNAVAILABLE", notRun ? "notRun" : "unknown", reason, { path }));
    }
  }

  /** A queued message has gone out. */
  onSent(to: LogicalAddress, seq: number): void {
    this.#oneWays.sent(to, seq);
  }

  /** A queued message never went out and will not. True when somebody was told. */
  onUnsent(to: LogicalAddress, seq: number, cause: Error): boolean {
    const call = this.#calls.take(to, seq);
    if (call !== undefined) {
      const late = call.deadlineAt <= this.#clock.now();
      if (late) call.retry = undefined;
      this.#settleFailed(call, late ? this.#notSentInTime(call) : this.#unsent(call.method.name, to, cause));
      return true;
    }
    return this.#oneWays.unsent(to, seq, (name) => this.#unsent(name, to, cause));
  }

  /** A dial to `peer` failed: calls to a picker that wait for it go elsewhere, where there is anybody. */
  onUnreachable(peer: LogicalAddress): void {
    for (const call of this.#calls.of(peer)) {
      const { retry } = call;
      if (retry === undefined || !this.#router.hasElsewhere(retry.picker.type, retry.picker.policy, peer)) continue;
      if (!call.outbound.withdraw(peer, this.#sender.epoch, call.seq) || this.#calls.take(peer, call.seq) !== call) continue;
      this.#release(call);
      const { method, startedAt, deadlineAt, options, resolve, reject, watch } = call;
      const now = this.#clock.now();
      this.#place(retry.picker, peer, method, retry.input, now, startedAt, deadlineAt, options, resolve, reject, retry, watch);
    }
  }

  /** Fails everything that is in flight, and whatever comes later. */
  close(reason: string): number {
    this.#closed = reason;
    const calls = this.#calls.takeAll();
    for (const call of calls) {
      const notRun = call.outbound.withdraw(call.to, this.#sender.epoch, call.seq);
      call.retry = undefined;
      const text = `${reason}; ${notRun ? HINT.closed : HINT.lost}`;
      this.#settleFailed(call, this.#fail(call.method.name, call.to, "CANCELLED", notRun ? "notRun" : "unknown", text));
    }
    return calls.length;
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
        reject(this.#fail(method.name, addressOrText(to), "INVALID_ARGUMENT", "notRun", reason));
        return;
      }
      const now = this.#clock.now();
      let deadlineAt = now + timeoutMs;
      const surrounding = ambient.getStore();
      if (surrounding !== undefined && surrounding.deadlineAt < deadlineAt && options?.detached !== true)
        deadlineAt = surrounding.deadlineAt;
      if (options?.signal !== undefined && !isSignal(options.signal)) {
        reject(this.#fail(method.name, addressOrText(to), "INVALID_ARGUMENT", "notRun", "the option signal is no AbortSignal"));
        return;
      }
      if (options?.signal?.aborted === true) {
        const { signal } = options;
        const reason = `cancelled before it was sent: ${reasonOf(signal)}`;
        reject(this.#fail(method.name, addressOrText(to), "CANCELLED", "notRun", reason, signal.reason));
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
    const to = this.#resolve(target, method.name, not);
    if (to instanceof RpcError) return reject(to);
    if (watch !== undefined) watch.to = to;
    const remainingMs = Math.ceil(deadlineAt - now);
    if (remainingMs <= 0)
      return reject(
        this.#fail(method.name, to, "DEADLINE_EXCEEDED", "notRun", `the deadline of the surrounding request is over; ${HINT.deadlineOver}`),
      );
    if (this.#calls.size >= this.#options.maxCallsInFlight) {
      const reason = `${this.#calls.size} calls in flight`;
      this.#limits.hit("rpc.maxCallsInFlight", reason, to, method.name);
      return reject(this.#fail(method.name, to, "RESOURCE_EXHAUSTED", "notRun", `${reason}; ${HINT.tooManyCalls}`));
    }
    const outbound = this.#way(to, method.name);
    if (outbound instanceof RpcError) return reject(outbound);
    const metadata = options?.metadata;
    let size: number;
    try {
      const writer = this.#beginBody(outbound, method.id, metadata);
      const start = writer.pos;
      method.input.encode(method.input.fromPartial(input as never), writer);
      size = checkedSize(writer, start, outbound);
    } catch (cause) {
      return reject(this.#encodingFailed(method.name, to, outbound, cause));
    }
    const peer = this.#calls.peer(to);
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
    if (result > COMMIT.queued) return this.#settleFailed(call, this.#notTaken(method.name, to, result));
    this.#calls.add(peer, call);
    if (messageEvents.hasSubscribers) sayOut(address, KIND.request, to, method.name, call.seq, size, () => input);
    const signal = options?.signal;
    if (signal === undefined) return;
    if (signal.aborted)
      this.#onAborted(call, signal); // by the encoder of the request
    else this.#signals.add(call, signal);
  }

  #post(to: Target, method: AnyMethod, input: unknown, options: PostOptions | undefined): Promise<void> {
    return this.#oneWay(to, method.name, KIND.post, method.id, input, options, (writer) => {
      method.input.encode(method.input.fromPartial(input as never), writer);
    });
  }

  #oneWay(
    target: Target,
    name: string,
    kind: number,
    id: number,
    value: unknown,
    options: PostOptions | undefined,
    encode: (writer: BinaryWriter) => void,
  ): Promise<void> {
    if (!callEvents.hasSubscribers) return this.#sendOneWay(target, name, kind, id, value, options, encode, undefined);
    const watch = new CallWatch(this.#sender.address, name, true, this.#clock);
    return watch.until(this.#sendOneWay(target, name, kind, id, value, options, encode, watch));
  }

  /** `value` is what `encode` encodes. */
  #sendOneWay(
    target: Target,
    name: string,
    kind: number,
    id: number,
    value: unknown,
    options: PostOptions | undefined,
    encode: (writer: BinaryWriter) => void,
    watch: CallWatch | undefined,
  ): Promise<void> {
    const to = this.#resolve(target, name, undefined);
    if (to instanceof RpcError) return Promise.reject(to);
    if (watch !== undefined) watch.to = to;
    const outbound = this.#way(to, name);
    if (outbound instanceof RpcError) return Promise.reject(outbound);
    let size: number;
    try {
      const writer = this.#beginBody(outbound, id, options?.metadata);
      const start = writer.pos;
      encode(writer);
      size = checkedSize(writer, start, outbound);
    } catch (cause) {
      return Promise.reject(this.#encodingFailed(name, to, outbound, cause));
    }
    const seq = this.#calls.peer(to).next();
    const flags = options?.metadata === undefined ? 0 : FLAGS.metadata;
    const { address, epoch } = this.#sender;
    const result = outbound.commit(kind, flags, to, address, epoch, seq, 0, Number.POSITIVE_INFINITY);
    if (result <= COMMIT.queued && messageEvents.hasSubscribers) sayOut(address, kind, to, name, seq, size, () => value);
    if (result === COMMIT.sent) return outbound.congested ? this.#untilWritable(outbound, to, name) : SENT;
    if (result === COMMIT.queued) return this.#oneWays.queued(to, seq, name);
    return Promise.reject(this.#notTaken(name, to, result));
  }

  /** What was handed over may still be lost with the connection for whose buffers it waits. */
  async #untilWritable(outbound: Outbound, to: LogicalAddress, name: string): Promise<void> {
    try {
      await outbound.writable();
    } catch (error) {
      const cause = error instanceof Error ? error : new Error(messageOf(error));
      throw this.#fail(name, to, "UNAVAILABLE", "unknown", `link lost: ${describeCause(cause)}; ${HINT.lost}`, cause);
    }
  }

  /** Opens a body and writes what stands in front of the payload. */
  #beginBody(outbound: Outbound, id: number, metadata: CallOptions["metadata"]): BinaryWriter {
    const writer = outbound.begin(outbound.maxPayloadBytes + MAX_BODY_OVERHEAD_BYTES);
    putU32(methodId, 0, id);
    writer.raw(methodId);
    if (metadata !== undefined) writer.raw(encodeMetadata(metadata));
    return writer;
  }

  #resolve(target: Target, name: string, not: LogicalAddress | undefined): LogicalAddress | RpcError {
    if (target === this.#recentText) return this.#recentAddress;
    try {
      if (typeof target !== "object" || target === null) {
        const address = toAddress(target as AddressLike);
        this.#recentText = target as AddressLike;
        this.#recentAddress = address;
        return address;
      }
      const picked = this.#router.pick(target.type, target.policy, not);
      if (picked !== undefined) return picked;
    } catch (cause) {
      return this.#fail(name, addressOrText(target), "INVALID_ARGUMENT", "notRun", targetFault(cause), cause);
    }
    if (this.#closed !== undefined) return this.#notAnyMore(name, addressOrText(target), this.#closed);
    return this.#fail(name, addressOrText(target), "UNAVAILABLE", "notRun", this.#router.explainNone(target.type));
  }

  #way(to: LogicalAddress, name: string): Outbound | RpcError {
    if (this.#closed !== undefined) return this.#notAnyMore(name, to, this.#closed);
    const way = this.#router.route(to);
    return typeof way === "string" ? this.#fail(name, to, "UNAVAILABLE", "notRun", way) : way;
  }

  #onAborted(call: Call, signal: AbortSignal): void {
    if (this.#calls.take(call.to, call.seq) !== call) return;
    call.retry = undefined;
    const notRun = call.outbound.withdraw(call.to, this.#sender.epoch, call.seq);
    if (!notRun) this.#sendCancel(call);
    const reason = notRun ? `cancelled before it was sent: ${reasonOf(signal)}` : `cancelled: ${reasonOf(signal)}; ${HINT.cancelled}`;
    this.#settleFailed(call, this.#fail(call.method.name, call.to, "CANCELLED", notRun ? "notRun" : "unknown", reason, signal.reason));
  }

  #sendCancel(call: Call): void {
    const { outbound } = call;
    try {
      outbound.begin(cancelBody.length).raw(cancelBody);
    } catch (error) {
      if (!(error instanceof NestedEncodingError)) throw error;
      this.#clock.afterTurn(() => this.#sendCancel(call)); // cancelled by the encoder of another message
      return;
    }
    const { address, epoch } = this.#sender;
    outbound.commit(KIND.cancel, 0, call.to, address, epoch, call.seq, 0, Number.POSITIVE_INFINITY);
    if (messageEvents.hasSubscribers) sayOut(address, KIND.cancel, call.to, call.method.name, call.seq, 0, () => undefined);
  }

  #onExpired(call: Call): void {
    call.retry = undefined;
    if (call.outbound.withdraw(call.to, this.#sender.epoch, call.seq)) return this.#settleFailed(call, this.#notSentInTime(call));
    const reason = `${this.#router.describe(call.to)}; ${HINT.deadlineUnknown}`;
    this.#settleFailed(call, this.#fail(call.method.name, call.to, "DEADLINE_EXCEEDED", "unknown", reason));
  }

  #notSentInTime(call: Call): RpcError {
    const reason = `${this.#router.describe(call.to)}; ${HINT.deadlineNotRun}`;
    return this.#fail(call.method.name, call.to, "DEADLINE_EXCEEDED", "notRun", reason);
  }

  #settleFailed(call: Call, error: RpcError): void {
    this.#release(call);
    const { retry } = call;
    if (retry === undefined || error.execution !== "notRun" || this.#closed !== undefined) return call.reject(error);
    // Once more elsewhere: the first attempt did not run.
    const { method, startedAt, deadlineAt, options, resolve, reject, watch } = call;
    const now = this.#clock.now();
    this.#place(retry.picker, call.to, method, retry.input, now, startedAt, deadlineAt, options, resolve, reject, undefined, watch);
  }

  #release(call: Call): void {
    const signal = call.options?.signal;
    if (signal !== undefined) this.#signals.remove(call, signal);
  }

  #encodingFailed(name: string, to: LogicalAddress, outbound: Outbound, cause: unknown): RpcError {
    // Of nested messages the inner one fails; the outer one is still being encoded.
    if (!(cause instanceof NestedEncodingError)) outbound.abandon();
    if (cause instanceof MessageTooLargeError) {
      const reason = `the message is over the limit of ${outbound.maxPayloadBytes} bytes`;
      this.#limits.hit("rpc.maxPayloadBytes", reason, to, name);
      return this.#fail(name, to, "RESOURCE_EXHAUSTED", "notRun", `${reason}; ${HINT.tooLarge}`, cause);
    }
    return this.#fail(name, to, "INVALID_ARGUMENT", "notRun", `the message cannot be encoded: ${messageOf(cause)}; ${HINT.input}`, cause);
  }

  #notTaken(name: string, to: LogicalAddress, result: CommitResult): RpcError {
    switch (result) {
      case COMMIT.pendingFull:
        return this.#fail(name, to, "RESOURCE_EXHAUSTED", "notRun", `${this.#router.describe(to)}; ${HINT.pendingFull}`);
      case COMMIT.congested:
        this.#limits.hit("link.maxBufferedBytes", "too much waits to be read by the peer", to, name);
        return this.#fail(name, to, "RESOURCE_EXHAUSTED", "notRun", HINT.congested);
      case COMMIT.unknownTarget:
        return this.#fail(name, to, "UNAVAILABLE", "notRun", `discovery does not know it; ${HINT.unknownTarget}`);
      default:
        return this.#fail(name, to, "UNAVAILABLE", "notRun", `${this.#router.describe(to)}; ${HINT.left}`);
    }
  }

  #describe(call: Call): FailedCall {
    return { method: call.method.name, to: call.to, self: this.#sender.address };
  }

  #unsent(method: string, to: LogicalAddress, cause: Error): RpcError {
    if (this.#closed !== undefined) return this.#notAnyMore(method, to, this.#closed);
    return this.#fail(method, to, "UNAVAILABLE", "notRun", unsentReason(cause), cause instanceof UnsentError ? cause.cause : cause);
  }

  #notAnyMore(method: string, to: LogicalAddress | string, closed: string): RpcError {
    return this.#fail(method, to, "CANCELLED", "notRun", `${closed}; ${HINT.closed}`);
  }

  #noTarget(method: string): RpcError {
    return this.#fail(method, addressOrText(undefined), "INVALID_ARGUMENT", "notRun", `no target was given; ${HINT.noTarget}`);
  }

  #fail(method: string, to: LogicalAddress | string, code: Code, execution: Execution, reason: string, cause?: unknown): RpcError {
    return rpcError({ method, to, self: this.#sender.address }, code, execution, reason, cause === undefined ? {} : { cause });
  }
}

/** @throws MessageTooLargeError for a payload over the limit, before anything of it counts. */
function checkedSize(writer: BinaryWriter, start: number, outbound: Outbound): number {
  const size = writer.pos - start;
  if (size > outbound.maxPayloadBytes) throw new MessageTooLargeError(outbound.maxPayloadBytes);
  return size;
}

function isSignal(value: unknown): value is AbortSignal {
  const signal = value as Partial<AbortSignal> | null;
  return typeof signal === "object" && typeof signal?.addEventListener === "function" && typeof signal.removeEventListener === "function";
}

function reasonOf(signal: AbortSignal): string {
  return messageOf(signal.reason);
}
