/// <reference lib="esnext.disposable" preserve="true" />
/**
 * A tool that is no member of the cluster: it has address 0.0.0, knows one node and where that listens, can call it and
 * cannot be called. The command line is one, and a node before it has found its discovery server.
 */
import { type AddressText, ANONYMOUS, formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { InvalidOptionsError } from "../errors.js";
import { LimitHits } from "../events/limit-hits.js";
import type { TimerHandle } from "../internal/clock.js";
import { Seldom } from "../internal/seldom.js";
import { MAX_TIMER_MS } from "../internal/timer-limit.js";
import { within } from "../internal/within.js";
import type { Channel } from "../link/channel.js";
import { FOREIGN } from "../link/channel-events.js";
import { DialLimiter } from "../link/dial-limiter.js";
import { Keyring } from "../link/keyring.js";
import { LastWords } from "../link/last-words.js";
import type { LinkEvents } from "../link/link-environment.js";
import { Links } from "../link/links.js";
import { RpcCaller } from "../rpc/caller.js";
import { Dispatcher } from "../rpc/dispatcher.js";
import { HINT } from "../rpc/failure.js";
import { HandlerTable } from "../rpc/handler-table.js";
import { MessageSink } from "../rpc/message-sink.js";
import type { Outbound } from "../rpc/outbound.js";
import type { Router } from "../rpc/router.js";
import type { Caller, CallOptions, DeepPartial, Message, Method, PostOptions, Target } from "../rpc/service.js";
import { Replies } from "../rpc/streaming/replies.js";
import type { TlsOptions } from "../transport/tls-options.js";
import { epochOf, makeIncarnation } from "./incarnation.js";
import { linkStatus } from "./link-status.js";
import { type AnonymousOptions, checkTlsOptions, type ResolvedAnonymousOptions, resolveAnonymousOptions } from "./options.js";
import type { LinkStatus } from "./status.js";
import { SOFTWARE } from "./version.js";

/** Longest time to send what is buffered when it closes. */
const FLUSH_TIMEOUT_MS = 1_000;

/**
 * Makes a caller without an address for the node `to`, which listens at `endpoint`. Nothing is opened before the first
 * call; a lost connection opens again with the next one.
 *
 *     await using tool = connectAnonymously({ to: "1.1.1", endpoint: "127.0.0.1:8011", secrets });
 *     await echo.Call(tool, "1.1.1", { msg: "hello" });
 *
 * @throws {@link InvalidOptionsError} listing every fault.
 */
export function connectAnonymously(options: AnonymousOptions): AnonymousCaller {
  return new AnonymousCaller(resolveAnonymousOptions(options));
}

export class AnonymousCaller implements Caller, AsyncDisposable {
  /** The one node that it can call. */
  readonly to: LogicalAddress;
  readonly #options: ResolvedAnonymousOptions;
  readonly #keyring: Keyring;
  readonly #links: Links;
  readonly #caller: RpcCaller;
  readonly #dispatcher: Dispatcher;
  readonly #sink: MessageSink;
  #closing: Promise<void> | undefined;
  /** Promises that were given out and have not settled. */
  #waiting = 0;
  #holdTimer: TimerHandle;

  /** @internal Use {@link connectAnonymously}. */
  constructor(options: ResolvedAnonymousOptions) {
    const { clock, link, logger, random, rpc, to, transport } = options;
    this.to = to;
    this.#options = options;
    const incarnation = makeIncarnation(clock, random);
    const limits = new LimitHits(ANONYMOUS);
    const sender = { address: ANONYMOUS, epoch: epochOf(incarnation) };
    this.#keyring = new Keyring(options.secrets);
    this.#links = new Links(
      {
        identity: {
          address: ANONYMOUS,
          incarnation,
          cluster: options.cluster,
          maxPayloadBytes: rpc.maxPayloadBytes,
          software: SOFTWARE,
        },
        keyring: this.#keyring,
        transport,
        clock,
        random,
        options: link,
        limiter: new DialLimiter(link.maxDialsPerSecond),
        lastWords: new LastWords(clock),
        seldom: new Seldom(clock),
        closingText: undefined,
        logger,
        limits,
        events: this.#linkEvents(),
        locate: (peer) => (peer === to ? options.endpoint : undefined),
      },
      false,
    );
    this.#caller = new RpcCaller(sender, this.#router(), clock, rpc, limits);
    this.#dispatcher = new Dispatcher(sender, new HandlerTable(limits), clock, logger, rpc, limits);
    this.#sink = new MessageSink(this.#caller, this.#dispatcher);
  }

  /** One call; generated stubs use it. Without a target it goes to {@link to}. @throws {@link RpcError} by rejection, never at once. */
  invoke<I, O>(to: Target | undefined, method: Method<I, O>, input: unknown, options?: CallOptions): Promise<O> {
    const place = (): Promise<unknown> =>
      this.#hold(this.#caller.invoke(to ?? this.to, method as Method<unknown, unknown>, input, options));
    // Whoever iterates the replies hears that there are none.
    if (method.kind === "server" || method.kind === "bidi") return new Replies(place as () => Promise<never>) as unknown as Promise<O>;
    return place() as Promise<O>;
  }

  /** One-way to a method, as `ClusterNode.post`. */
  post<I, O>(to: Target | undefined, method: Method<I, O>, input: unknown, options?: PostOptions): Promise<void> {
    return this.#hold(this.#caller.post(to ?? this.to, method as Method<unknown, unknown>, input, options));
  }

  /** One-way message, as `ClusterNode.send`. */
  send(to: Target, command: number, payload: Uint8Array, options?: PostOptions): Promise<void>;
  send<T>(to: Target, message: Message<T>, value: DeepPartial<T>, options?: PostOptions): Promise<void>;
  send(to: Target, what: Message<unknown> | number, value: unknown, options?: PostOptions): Promise<void> {
    if (typeof what === "object" && what !== null) return this.#hold(this.#caller.oneWays.message(to, what, value, options));
    return this.#hold(this.#caller.oneWays.bytes(to, what, value as Uint8Array, options));
  }

  /** Exchanges the secrets for connections that open from now on. @throws {@link InvalidOptionsError} for secrets that cannot be; nothing changes then. */
  setSecrets(secrets: readonly string[]): void {
    const { endpoint, tls, to } = this.#options;
    const checked = resolveAnonymousOptions({ to, endpoint, secrets }).secrets;
    tls?.useSecrets(checked);
    this.#keyring.replace(checked);
  }

  /** Exchanges certificates and authorities for connections that open from now on. @throws {@link InvalidOptionsError} listing every fault. */
  setTls(tls: TlsOptions): void {
    const { tls: own } = this.#options;
    if (own === undefined) throw new InvalidOptionsError("tls", ["this caller was made without the option tls, and keeps to that"]);
    own.replace(checkTlsOptions(tls));
  }

  /** The link to the node; `undefined` before the first call. */
  status(): LinkStatus | undefined {
    const link = this.#links.peek(this.to);
    return link && linkStatus(link);
  }

  /** Waits for calls in flight, `timeoutMs` at most (default 10,000), sends what is buffered, and closes. Never rejects. */
  close(options: { timeoutMs?: number | undefined } = {}): Promise<void> {
    this.#closing ??= this.#close(options.timeoutMs ?? 10_000);
    return this.#closing;
  }

  /** Ends everything at once. Calls in flight fail. */
  destroy(reason = "this caller was destroyed"): void {
    this.#caller.close(reason);
    this.#dispatcher.close(reason);
    this.#links.destroy(new Error(reason));
    this.#closing ??= Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Nothing listens here, and between two dials no socket is open: what somebody waits for keeps the process alive. */
  #hold<T>(promise: Promise<T>): Promise<T> {
    const { clock } = this.#options;
    if (this.#waiting++ === 0) this.#holdTimer = clock.setTimeout(() => {}, MAX_TIMER_MS, true);
    const settled = (): void => {
      if (--this.#waiting === 0) clock.clearTimeout(this.#holdTimer);
    };
    promise.then(settled, settled);
    return promise;
  }

  async #close(timeoutMs: number): Promise<void> {
    await within(this.#caller.calls.idle(), timeoutMs, this.#options.clock);
    this.#caller.close("this caller was closed");
    this.#dispatcher.close("this caller was closed");
    await this.#links.close(FLUSH_TIMEOUT_MS);
  }

  #linkEvents(): LinkEvents {
    return {
      onMessage: (channel, kind, flags, _to, from, epoch, seq, remainingMs, body, start, end) =>
        this.#sink.onMessage(channel, kind, flags, from, epoch, seq, remainingMs, body, start, end),
      // This caller takes what its one node says itself.
      onForeign: () => FOREIGN.forged,
      onOversize: (channel, kind, from, epoch, seq, reason) => this.#sink.onOversize(channel, kind, from, epoch, seq, reason),
      onOvertaken: (channel, kind, from, epoch, seq) => this.#sink.onOvertaken(channel, kind, from, epoch, seq),
      onLost: (channel, cause) => this.#onLost(channel, cause),
      onSent: (messages) => {
        for (const { to, seq } of messages) this.#caller.onSent(to, seq);
      },
      onUnsent: (messages, cause) => {
        for (const { to, seq } of messages) this.#caller.onUnsent(to, seq, cause);
      },
      // There is one node to choose from, and nobody whose place this caller could have taken.
      onReachable: () => {},
      onDraining: () => {},
      onReplaced: () => {},
      callsWait: (peer, over) => (over === undefined ? this.#caller.calls.waitsFor(peer) : this.#caller.calls.waitOver(over.sent)),
      handlersWork: (channel) => this.#dispatcher.worksFor(channel),
    };
  }

  #onLost(channel: Channel, cause: Error): void {
    for (const { to, first, last } of channel.sent) this.#caller.calls.onLost(to, first, last, cause, channel.peerTook);
    this.#dispatcher.onPathClosed(channel, cause);
  }

  #router(): Router {
    const only: AddressText = formatAddress(this.to);
    return {
      route: (to): Outbound | string => (to === this.to ? this.#links.get(to) : `this caller knows ${only} only; ${HINT.onlyOneNode}`),
      pick: () => undefined,
      hasElsewhere: () => false,
      explainNone: () => `this caller knows ${only} only; ${HINT.onlyOneNode}`,
      describe: (to) => this.#links.peek(to)?.describe() ?? "no link",
    };
  }
}
