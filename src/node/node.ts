/// <reference lib="esnext.disposable" preserve="true" />
/**
 * A node: what users hold. Plugs discovery, links and calls together; nothing below knows that it exists.
 */

import { formatEndpoint } from "../addr/endpoint.js";
import { type AddressLike, type AddressText, formatAddress, type LogicalAddress, toAddress } from "../addr/logical-address.js";
import { memberFault } from "../discovery/checked-event.js";
import type { Discovery, Member, MemberPatch } from "../discovery/discovery.js";
import { Members } from "../discovery/members.js";
import type { MembershipChange } from "../discovery/membership.js";
import { InvalidOptionsError, StartError } from "../errors.js";
import { discoveryEvents, memberEvents, nodeEvents } from "../events/channels.js";
import type { MemberEvent } from "../events/events.js";
import { LimitHits } from "../events/limit-hits.js";
import type { AbortSignal } from "../internal/abort-signal.js";
import { Seldom } from "../internal/seldom.js";
import { UnsentError } from "../internal/unsent-error.js";
import { within } from "../internal/within.js";
import { DialLimiter } from "../link/dial-limiter.js";
import type { Identity } from "../link/handshake.js";
import { Keyring } from "../link/keyring.js";
import { isOrdered } from "../link/large-messages.js";
import { LastWords } from "../link/last-words.js";
import type { LinkEvents } from "../link/link-environment.js";
import { Links } from "../link/links.js";
import { RpcCaller } from "../rpc/caller.js";
import { Dispatcher } from "../rpc/dispatcher.js";
import { HandlerTable } from "../rpc/handler-table.js";
import type { Interceptors } from "../rpc/interceptor.js";
import { LocalPath } from "../rpc/local-path.js";
import { MessageSink } from "../rpc/message-sink.js";
import type { MethodLimitOptions } from "../rpc/method-limit-options.js";
import type { Policy } from "../rpc/picker.js";
import { rawBytes } from "../rpc/raw-bytes.js";
import type {
  Caller,
  CallOptions,
  Context,
  DeepPartial,
  Message,
  Method,
  MethodOf,
  PostOptions,
  Registrar,
  Target,
} from "../rpc/service.js";
import { StreamCaller } from "../rpc/streaming/stream-caller.js";
import { StreamDispatcher } from "../rpc/streaming/stream-dispatcher.js";
import { resolveSessionOptions } from "../stream/session-options.js";
import type { TlsOptions } from "../transport/tls-options.js";
import type { Connection, Listener } from "../transport/transport.js";
import { KIND } from "../wire/header.js";
import { type Administered, registerAdmin } from "./admin.js";
import { BetweenGroups } from "./between-groups.js";
import type { ClusterStream } from "./cluster-stream.js";
import { openConsoleTap } from "./console-tap.js";
import { epochOf, makeIncarnation } from "./incarnation.js";
import { linkStatus } from "./link-status.js";
import { type MethodTimes, MethodTimesRecorder } from "./method-times.js";
import { NodeRouter } from "./node-router.js";
import { NodeStreams } from "./node-streams.js";
import type { OpenStreamOptions, StreamHandler } from "./open-stream-options.js";
import { checkTlsOptions, type NodeOptions, type ResolvedNodeOptions, resolveNodeOptions } from "./options.js";
import { findPlace, joinHarbors, listen, newerHolder, refuseIfTaken, register, type Starting, throwIfAborted } from "./start.js";
import type { NodePhase, NodeStatus } from "./status.js";
import { serveCalls } from "./stream-calls.js";
import { NO_TRAFFIC, sumOf } from "./traffic.js";
import { SOFTWARE } from "./version.js";

export interface StartOptions {
  /** Milliseconds to find this node's place, listen and register. Default 10,000. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface CloseOptions {
  /** Milliseconds for what has begun to finish. Default 10,000. */
  timeoutMs?: number | undefined;
}

/** What `close()` had to cut off. */
export interface CloseReport {
  readonly timedOut: boolean;
  /** Calls of this node that had no reply yet. */
  readonly callsCut: number;
  /** Requests of others that handlers still worked on. */
  readonly requestsCut: number;
  /** Messages that waited for a link and were not sent. */
  readonly messagesLost: number;
  /** Streams that had not ended. */
  readonly streamsCut: number;
}

type UntypedHandler = (input: unknown, context: Context) => unknown;

const NOTHING_CUT: CloseReport = Object.freeze({ timedOut: false, callsCut: 0, requestsCut: 0, messagesLost: 0, streamsCut: 0 });

/** Longest time to become unavailable in discovery when a node closes. */
const ANNOUNCE_TIMEOUT_MS = 2_000;

/** Longest time to send what is buffered when a node closes. */
const FLUSH_TIMEOUT_MS = 1_000;

/** How often a closing harbor looks whether answers are still due. */
const RELAY_LOOK_MS = 10;
/** Calls in flight that {@link ClusterNode.status} lists. */
const OLDEST_CALLS = 16;

/** Makes a node; nothing is opened before `start()`, so that handlers are there before the first request. */
export function createNode(options: NodeOptions): ClusterNode {
  return new ClusterNode(resolveNodeOptions(options));
}

/** Makes and starts a node, for those that only call. @throws as {@link createNode} and {@link ClusterNode.start}. */
export async function startNode(options: NodeOptions & StartOptions): Promise<ClusterNode> {
  const { timeoutMs, signal, ...rest } = options;
  return await createNode(rest).start({ timeoutMs, signal });
}

export class ClusterNode implements Caller, Registrar, AsyncDisposable {
  readonly address: LogicalAddress;
  readonly #options: ResolvedNodeOptions;
  readonly #identity: Identity;
  readonly #keyring: Keyring;
  readonly #sender: { readonly address: LogicalAddress; epoch: number };
  readonly #members: Members;
  /** What a harbor knows of the others; the same as `#members` where one discovery serves both, or this is no harbor. */
  readonly #harbors: Members;
  readonly #between: BetweenGroups;
  readonly #links: Links;
  readonly #local: LocalPath;
  readonly #router: NodeRouter;
  readonly #streams: NodeStreams;
  readonly #caller: RpcCaller;
  readonly #streamCaller: StreamCaller;
  readonly #limits: LimitHits;
  readonly #times: MethodTimesRecorder;
  readonly #handlers: HandlerTable;
  readonly #dispatcher: Dispatcher;
  readonly #sink: MessageSink;
  readonly #abortStart = new AbortController();
  #phase: NodePhase = "new";
  #upSince: number | undefined;
  readonly #closeTap: () => void;
  /** Of connections that are gone. */
  #pastTraffic = NO_TRAFFIC;
  /** Settles when `start()` does. */
  #starting: Promise<unknown> | undefined;
  #listener: Listener | undefined;
  /** Connections that came before this node was registered: only then it knows as whom it answers. */
  #early: Connection[] = [];
  /** Where this node has an entry of its own making. */
  readonly #registeredIn: Members[] = [];
  /** The load that this node reported last, and what beside it. */
  #report: Pick<MemberPatch, "load" | "metadata"> | undefined;
  #messagesLost = 0;
  #closing: Promise<CloseReport> | undefined;
  /** What `destroy()` left to end on its own. */
  #ended: Promise<unknown> | undefined;

  /** @internal Use {@link createNode}. */
  constructor(options: ResolvedNodeOptions) {
    const { address, clock, discovery, link, logger, random, rpc, transport } = options;
    this.address = address;
    this.#options = options;
    this.#limits = new LimitHits(address);
    this.#times = new MethodTimesRecorder(formatAddress(address), clock);
    this.#handlers = new HandlerTable(this.#limits);
    const incarnation = makeIncarnation(clock, random);
    this.#identity = { address, incarnation, cluster: options.cluster, maxPayloadBytes: rpc.maxPayloadBytes, software: SOFTWARE };
    this.#sender = { address, epoch: epochOf(incarnation) };
    this.#keyring = new Keyring(options.secrets, options.harborSecrets && new Keyring(options.harborSecrets));
    this.#members = this.#look(discovery);
    this.#harbors = options.harbors === undefined || options.harbors === discovery ? this.#members : this.#look(options.harbors);
    this.#between = new BetweenGroups({
      options,
      members: this.#members,
      harbors: this.#harbors,
      limits: this.#limits,
      links: () => this.#links,
      caller: () => this.#caller,
    });
    if (this.#harbors !== this.#members) this.#harbors.onChange((change) => this.#onMembersChanged(change));
    this.#members.onChange((change) => {
      this.#onMembersChanged(change);
      const { removed } = change;
      if (removed.some((member) => member.address === address) && this.#phase === "running") {
        logger.warn({}, `${formatAddress(address)} is no longer in discovery: others cannot find it; links that stand stay`);
      }
    });
    const limiter = new DialLimiter(link.maxDialsPerSecond);
    const lastWords = new LastWords(clock);
    this.#links = new Links(
      {
        identity: this.#identity,
        keyring: this.#keyring,
        transport,
        clock,
        random,
        options: link,
        limiter,
        lastWords,
        seldom: new Seldom(clock),
        closingText: undefined,
        logger,
        limits: this.#limits,
        events: this.#linkEvents(),
        locate: (peer) => this.#between.locate(peer),
      },
      options.insecure,
      (pending) => this.#streams.sessions.offer(pending),
    );
    this.#local = new LocalPath(address, clock, rpc.maxPayloadBytes, link);
    this.#router = new NodeRouter(address, this.#members, this.#links, this.#local, this.#between);
    this.#streams = new NodeStreams(
      {
        identity: this.#identity,
        keyring: this.#keyring,
        transport,
        clock,
        random,
        link,
        stream: options.stream,
        session: sessionOptions(options),
        limiter,
        lastWords,
        limits: this.#limits,
        logger,
        locate: (peer) => this.#between.locate(peer),
        onReplaced: (by, text) => this.#onReplaced(by, text),
      },
      this.#router,
    );
    this.#caller = new RpcCaller(this.#sender, this.#router, clock, rpc, this.#limits);
    this.#dispatcher = new Dispatcher(this.#sender, this.#handlers, clock, logger, rpc, this.#limits);
    this.#streamCaller = new StreamCaller(address, this.#streams, clock, rpc, this.#limits);
    serveCalls(this.#streams, new StreamDispatcher(address, this.#dispatcher, clock, logger, rpc.maxPayloadBytes));
    this.#sink = new MessageSink(this.#caller, this.#dispatcher);
    this.#local.connect(this.#sink);
    if (options.admin)
      registerAdmin({ handle: (method, handler) => this.#handlers.addMethod(method, handler as UntypedHandler) }, this.#administered());
    this.#closeTap = openConsoleTap(this, process.env.CLUSTERTS_TAP, (line) => void process.stderr.write(line));
  }

  /**
   * Finds this node's place in discovery, listens, and registers where the discovery registers nodes.
   *
   * @throws {@link StartError} saying why not; nothing is left running then.
   */
  async start(options: StartOptions = {}): Promise<this> {
    if (this.#phase !== "new")
      throw new StartError("CLOSED", `${formatAddress(this.address)} was started or closed before: make a new node`);
    this.#enter("starting");
    const starting = this.#startOrEnd(options);
    this.#starting = starting;
    return await starting;
  }

  async #startOrEnd(options: StartOptions): Promise<this> {
    const { timeoutMs = 10_000, signal } = options;
    const { clock } = this.#options;
    const abort = this.#abortStart;
    const onAbort = (): void => abort.abort(signal?.reason);
    if (signal?.aborted) onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    const timer = clock.setTimeout(
      () => abort.abort(new StartError("TIMEOUT", `${formatAddress(this.address)} did not start within ${timeoutMs} ms`)),
      timeoutMs + 100,
      true, // or a process in which nothing else is open yet would end without a word
    );
    try {
      await this.#start({
        options: this.#options,
        members: this.#members,
        identity: this.#identity,
        keyring: this.#keyring,
        signal: abort.signal,
        timeoutMs,
      });
      return this;
    } catch (error) {
      await this.#shutDown(0);
      throw error;
    } finally {
      clock.clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Registers the handler of a method; generated code calls it. To be done before `start()`. */
  handle<I, O>(method: Method<I, O>, handler: (input: never, context: Context) => unknown): void {
    this.#handlers.addMethod(method as Method<unknown, unknown>, handler as UntypedHandler);
  }

  /**
   * Registers the handler of a one-way message: a protobuf message with a registered id, or raw bytes by a 16-bit command.
   *
   * @throws Error when the id or command has a handler already.
   */
  onMessage<T>(message: Message<T>, handler: (value: T, context: Context) => void | Promise<void>): void;
  onMessage(command: number, handler: (payload: Uint8Array, context: Context) => void | Promise<void>): void;
  onMessage(what: Message<unknown> | number, handler: (input: never, context: Context) => void | Promise<void>): void {
    const run = handler as (input: unknown, context: Context) => unknown;
    if (typeof what === "object") this.#handlers.addMessage(what, run);
    else this.#handlers.addCommand(what, rawBytes, run);
  }

  /**
   * Bounds how many requests and one-way posts of a method its handler works on at once: what is over is answered
   * RESOURCE_EXHAUSTED at once, `notRun`, or waits where `maxQueued` lets it. May be changed at any time.
   *
   * @param method - Its full name: `"game.Chat/say"`, or the file's name in the one-file convention.
   * @throws Error when no such method has a handler here; {@link InvalidOptionsError}.
   */
  limit(method: string, options: MethodLimitOptions): void {
    this.#handlers.limit(method, options);
  }

  /** Puts code around every call, on the calling side, the handling side, or both. The first one added is outermost. */
  use(interceptors: Interceptors): void {
    if (interceptors.caller !== undefined) {
      this.#caller.use(interceptors.caller);
      this.#streamCaller.use(interceptors.caller);
    }
    if (interceptors.handler !== undefined) this.#handlers.use(interceptors.handler);
  }

  /**
   * One call; generated stubs use it. Replies that stream are iterated, once, and the call begins with that.
   *
   * @throws {@link RpcError} by rejection, never at once.
   */
  invoke<I, O>(
    to: Target | undefined,
    method: MethodOf<I, O, "server"> | MethodOf<I, O, "bidi">,
    input: unknown,
    options?: CallOptions,
  ): AsyncIterableIterator<O>;
  invoke<I, O>(to: Target | undefined, method: Method<I, O>, input: unknown, options?: CallOptions): Promise<O>;
  invoke<I, O>(to: Target | undefined, method: Method<I, O>, input: unknown, options?: CallOptions): unknown {
    if (method.kind !== "unary") return this.#streamCaller.invoke(to, method as Method<unknown, unknown>, input, options);
    return this.#caller.invoke(to, method as Method<unknown, unknown>, input, options);
  }

  /** One-way to a method: its handler runs, its result goes nowhere. See {@link send} for when it resolves. */
  post<I, O>(to: Target | undefined, method: Method<I, O>, input: unknown, options?: PostOptions): Promise<void> {
    return this.#caller.post(to, method as Method<unknown, unknown>, input, options);
  }

  /**
   * Sends a one-way message: a protobuf message with a registered id, or raw bytes by a 16-bit command. Resolves when it
   * has been handed to the connection, later when too much waits there: awaiting it is the back pressure. It may still
   * be lost with the connection.
   *
   * @throws {@link RpcError} by rejection, when it was not sent and never will be.
   */
  send(to: Target, command: number, payload: Uint8Array, options?: PostOptions): Promise<void>;
  send<T>(to: Target, message: Message<T>, value: DeepPartial<T>, options?: PostOptions): Promise<void>;
  send(to: Target, what: Message<unknown> | number, value: unknown, options?: PostOptions): Promise<void> {
    if (typeof what === "object" && what !== null) return this.#caller.sendMessage(to, what, value, options);
    return this.#caller.sendBytes(to, what, value as Uint8Array, options);
  }

  /**
   * Opens a stream: bytes both ways, in order, with credit, so that a slow reader holds back its own writer and nobody else. Resolves
   * when a handler of `protocol` at the target has taken it. What happens to it afterwards, it says itself, by an `error`.
   *
   * @param target - an address, its text, or a picker; with a picker another node is tried once when the first one has refused it.
   * @throws {@link RpcError} by rejection: `UNIMPLEMENTED` when nobody serves `protocol` there, `UNAVAILABLE`, `DEADLINE_EXCEEDED`,
   *   `RESOURCE_EXHAUSTED`, `CANCELLED`; with `execution` `"notRun"` when no handler has seen it.
   */
  openStream(target: Target, options?: OpenStreamOptions): Promise<ClusterStream> {
    return this.#streams.openStream(target, options);
  }

  /**
   * Takes the streams of `protocol` that other nodes open, or this one. What the handler throws resets its stream; that the
   * handler is done does not end it.
   *
   * @throws Error when the protocol has a handler already; TypeError for one that cannot be asked for.
   */
  onStream(handler: StreamHandler, protocol?: string): void {
    this.#streams.onStream(handler, protocol);
  }

  /** A node of `type` that is visible, available and not shutting down; `undefined` when there is none. */
  pick(type: number, policy: Policy = "random"): LogicalAddress | undefined {
    return this.#members.tryPick(type, policy);
  }

  /** Resolves with the nodes of `type` once `count` of them (default 1) are there, within `timeoutMs` (default 10,000). */
  waitFor(type: number, options: { count?: number; timeoutMs?: number; signal?: AbortSignal } = {}): Promise<readonly Member[]> {
    return this.#members.waitFor(type, options);
  }

  /** What discovery says about `address`. */
  member(address: AddressLike): Member | undefined {
    return this.#members.get(toAddress(address));
  }

  /** Changes what others see of this node. Only where the discovery registers nodes. */
  async update(patch: MemberPatch): Promise<void> {
    await this.#members.update(patch);
  }

  /**
   * Says how loaded this node is, for the policies `"least-load"` and `{ fillBelow }` of others: a number of your own choice, players or
   * busy share, smaller is better. Call it as often as it changes: twice a second at most is sent, the newest. What the store does
   * not take is sent again, with an event. A node that is configured, not registered, cannot report: it says so in its log, once.
   *
   * @param metadata - of this node's entry from now on, all of it; without it, it stays as it is.
   * @throws {@link InvalidOptionsError} for a load that is no finite number, or metadata that are no strings.
   */
  reportLoad(load: number, metadata?: Readonly<Record<string, string>>): void {
    const report = { load, ...(metadata && { metadata: { ...metadata } }) };
    const fault = memberFault({ address: this.address, endpoint: "localhost:1", ...report });
    if (fault !== undefined) throw new InvalidOptionsError("reportLoad", [fault]);
    const isFirst = this.#report === undefined;
    this.#report = { ...this.#report, ...report };
    if (this.#registeredIn.includes(this.#members)) return void this.#members.update(report, true);
    if (this.#phase === "running" && isFirst)
      this.#options.logger.warn({}, `${formatAddress(this.address)} reports its load, and is configured: others do not see it`);
  }

  /** Exchanges the secrets: connections that stand stay, new ones use the new ones. Keep the old one beside the new until all nodes have both. */
  setSecrets(secrets: readonly string[]): void {
    const { discovery, harbors, harborSecrets, tls } = this.#options;
    const checked = resolveNodeOptions({ address: this.address, discovery, harbors, harborSecrets, secrets }).secrets;
    tls?.useSecrets(checked);
    this.#keyring.replace(checked);
  }

  /**
   * The same for the secrets of harbors.
   *
   * @throws {@link InvalidOptionsError} for a node that was made without `harborSecrets`, or for secrets that cannot be.
   */
  setHarborSecrets(harborSecrets: readonly string[]): void {
    const { discovery, harbors } = this.#options;
    if (this.#keyring.harbors === undefined)
      throw new InvalidOptionsError("harborSecrets", ["this node was made without the option harborSecrets, and keeps to that"]);
    this.#keyring.harbors.replace(resolveNodeOptions({ address: this.address, discovery, harbors, harborSecrets }).harborSecrets ?? []);
  }

  /**
   * Exchanges certificates and authorities: connections that stand stay, new ones use the new ones. Where authorities
   * change, give all nodes both in `ca` first, then the new certificates, then the new authority alone.
   *
   * @throws {@link InvalidOptionsError} listing every fault, also for a node that was made without `tls`; nothing changes then.
   */
  setTls(tls: TlsOptions): void {
    const { tls: own } = this.#options;
    if (own === undefined) throw new InvalidOptionsError("tls", ["this node was made without the option tls, and keeps to that"]);
    own.replace(checkTlsOptions(tls));
  }

  /** What this node is doing now. */
  status(): NodeStatus {
    const { endpoint } = this.#listener ?? {};
    const now = this.#options.clock.now();
    const { counters } = this.#dispatcher;
    const own = this.#members.get(this.address);
    return {
      address: formatAddress(this.address),
      phase: this.#phase,
      atMs: now,
      uptimeMs: this.#upSince === undefined ? 0 : now - this.#upSince,
      software: SOFTWARE,
      available: own && own.available !== false,
      load: own?.load,
      endpoint: endpoint && formatEndpoint(endpoint),
      incarnation: this.#identity.incarnation,
      links: [...this.#links].map(linkStatus),
      sessions: this.#streams.sessions.status(),
      streams: this.#streams.count,
      anonymousPeers: this.#links.anonymousCount,
      traffic: [...this.#links.channels()].reduce((sum, channel) => sumOf(sum, channel.counters), this.#pastTraffic),
      callsInFlight: this.#caller.inFlight + this.#streamCaller.inFlight,
      oldestCalls: this.#caller.oldest(OLDEST_CALLS).map(({ method, to, startedAt, deadlineAt }) => ({
        method: method.name,
        peer: formatAddress(to),
        ageMs: now - startedAt,
        remainingMs: Math.max(0, deadlineAt - now),
      })),
      requestsInProgress: this.#dispatcher.inProgress,
      handlersRunning: this.#dispatcher.running,
      limits: this.#handlers.limits(),
      members: this.#members.size,
      requests: counters.requests,
      requestsRefused: counters.refused,
      lateReplies: counters.lateReplies,
      oneWays: counters.oneWays,
      oneWaysDropped: counters.oneWaysDropped,
      oneWaysFailed: counters.oneWaysFailed,
      lateMessages: this.#between.late,
      forgedFrames: this.#between.forged,
      harbor: this.#between.status,
      limitHits: this.#limits.counts,
      refusals: Object.fromEntries(this.#links.refusals),
      certificate: this.#options.tls?.certificate,
    };
  }

  /**
   * How long calls and handlers take, by method, the slowest first. Recorded from when it is asked first until a minute after it
   * was asked last; the first answer is empty.
   */
  methodTimes(): readonly MethodTimes[] {
    return this.#phase === "closed" ? [] : this.#times.ask();
  }

  /**
   * Leaves in order: unavailable in discovery, peers are told, what has begun finishes within `timeoutMs`, what is
   * buffered is sent, everything is closed. Never rejects for what others do. Afterwards nothing of it keeps the process alive.
   */
  close(options: CloseOptions = {}): Promise<CloseReport> {
    this.#closing ??= this.#close(options.timeoutMs ?? 10_000);
    return this.#closing;
  }

  /** Ends everything at once. Calls in flight fail. */
  destroy(reason = "this node was destroyed"): void {
    if (this.#ended !== undefined) return;
    this.#enter("closed");
    this.#abortStart.abort(new StartError("CLOSED", `${formatAddress(this.address)} was closed while it started`));
    this.#caller.close(reason);
    this.#streamCaller.close(reason);
    this.#dispatcher.close(reason);
    this.#links.destroy(new Error(reason));
    this.#streams.sessions.destroy(new Error(reason));
    this.#dropEarly();
    const timeoutMs = FLUSH_TIMEOUT_MS;
    this.#ended = Promise.all([this.#listener?.close(), this.#members.close({ timeoutMs }), this.#harbors.close({ timeoutMs })]).catch(
      (err: unknown) => this.#options.logger.warn({ err }, `${formatAddress(this.address)} did not end cleanly`),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #start(starting: Starting): Promise<void> {
    const place = await findPlace(starting);
    const holder = place.type === "configured" ? place.member : place.stale;
    if (holder !== undefined) await refuseIfTaken(starting, holder.endpoint);
    throwIfAborted(starting);
    this.#listener = await listen(starting, place, (connection) => this.#onConnection(connection));
    throwIfAborted(starting);
    if (place.type === "registering") {
      // When the store loses the entry it is registered anew; the node stays the incarnation that it started as.
      const token = await register(starting, this.#listener.endpoint, () => this.#yieldToNewer(starting));
      this.#registeredIn.push(this.#members);
      if (this.#report !== undefined) void this.#members.update(this.#report, true);
      if (token !== undefined) {
        this.#identity.incarnation = token;
        this.#sender.epoch = epochOf(token);
      }
    }
    throwIfAborted(starting);
    if (
      this.#harbors !== this.#members &&
      (await joinHarbors(starting, this.#harbors, this.#listener.endpoint, () => this.#yieldToNewer(starting)))
    )
      this.#registeredIn.push(this.#harbors);
    throwIfAborted(starting);
    this.#router.open();
    this.#upSince = this.#options.clock.now();
    this.#enter("running");
    for (const connection of this.#early.splice(0)) this.#links.accept(connection);
    this.#options.logger.info({ endpoint: formatEndpoint(this.#listener.endpoint) }, `${formatAddress(this.address)} is up`);
  }

  #onConnection(connection: Connection): void {
    if (this.#phase !== "starting") this.#links.accept(connection);
    else if (this.#early.length < this.#options.link.maxOpenings) this.#early.push(connection);
    else {
      this.#limits.hit("link.maxOpenings", `${this.#early.length} connections came before the node was up`);
      connection.destroy();
    }
  }

  #dropEarly(): void {
    for (const connection of this.#early.splice(0)) connection.destroy();
  }

  #linkEvents(): LinkEvents {
    return {
      onMessage: (channel, kind, flags, _to, from, epoch, seq, remainingMs, body, start, end) => {
        if (from !== channel.peer.address && isOrdered(kind) && !this.#between.takes(from, epoch, seq))
          return this.#sink.onOvertaken(channel, kind, from, epoch, seq, "another harbor");
        if (kind === KIND.gone) return this.#between.onGone(channel, from, body, start, end);
        this.#sink.onMessage(channel, kind, flags, from, epoch, seq, remainingMs, body, start, end);
      },
      onForeign: (channel, frame, start, end, to, from) => this.#between.onForeign(channel, frame, start, end, to, from),
      onOversize: (channel, kind, from, epoch, seq, reason) => this.#sink.onOversize(channel, kind, from, epoch, seq, reason),
      onOvertaken: (channel, kind, from, epoch, seq) => this.#sink.onOvertaken(channel, kind, from, epoch, seq),
      onLost: (channel, cause) => {
        this.#between.onLost(channel);
        this.#pastTraffic = sumOf(this.#pastTraffic, channel.counters);
        for (const { to, first, last } of channel.sent) {
          this.#caller.onLost(to, first, last, cause, to === channel.peer.address ? channel.peerTook : undefined);
        }
        this.#dispatcher.onPathClosed(channel, cause);
      },
      onSent: (messages, peer) => {
        for (const { from, to, seq } of messages) if (from === this.address) this.#caller.onSent(to, seq);
        this.#between.onSent(messages, peer);
      },
      onUnsent: (messages, cause, peer) => {
        for (const { from, to, seq } of messages) {
          if (from !== this.address) continue;
          this.#messagesLost++;
          this.#caller.onUnsent(to, seq, to === peer ? cause : overHarbor(cause, peer));
        }
        this.#between.onUnsent(messages, cause, peer);
      },
      onReachable: (peer, reachable) => {
        this.#members.markUnreachable(peer, !reachable);
        this.#harbors.markUnreachable(peer, !reachable);
        if (reachable) return this.#streams.sessions.onIncarnation(peer, this.#links.peek(peer)?.channel?.peer.incarnation ?? 0n);
        this.#between.onUnreachable(peer);
        this.#caller.onUnreachable(peer);
      },
      onDraining: (peer, draining) => {
        this.#members.markDraining(peer, draining);
        this.#harbors.markDraining(peer, draining);
        if (draining) this.#between.onDraining(peer);
      },
      onReplaced: (by, text) => this.#onReplaced(by, text),
      callsWait: (peer) => this.#caller.waitsFor(peer) || this.#between.callsWait(peer),
      handlersWork: (channel) => this.#dispatcher.worksFor(channel) || this.#between.relaysFor(channel),
    };
  }

  #look(discovery: Discovery): Members {
    const { address, clock, logger, random } = this.#options;
    return new Members({
      self: address,
      discovery,
      clock,
      random,
      report: ({ level, text, type }) => {
        logger[level]({ type }, text);
        if (discoveryEvents.hasSubscribers) discoveryEvents.publish({ type, node: formatAddress(address), level, reason: text });
      },
    });
  }

  #onMembersChanged(change: MembershipChange): void {
    const { added, updated, removed } = change;
    if (memberEvents.hasSubscribers) sayMembers(formatAddress(this.address), change);
    for (const member of added) this.#links.onMemberChanged(member.address, true);
    for (const member of updated) this.#links.onMemberChanged(member.address, true);
    for (const member of removed) this.#links.onMemberChanged(member.address, this.#between.locate(member.address) !== undefined);
    this.#between.onMembersChanged(removed);
  }

  /**
   * The store lost this node's entry, to another process of this address perhaps: two that both live must not take it
   * from each other for ever. The older one stops.
   */
  async #yieldToNewer(starting: Starting): Promise<void> {
    const holder = await newerHolder(starting);
    if (holder === undefined) return;
    const { incarnation, endpoint } = holder;
    this.#onReplaced(this.address, `incarnation ${incarnation} answers at ${endpoint}, newer than ${this.#identity.incarnation}`);
  }

  /** A newer incarnation of this address is alive: this one must not go on beside it. */
  #onReplaced(by: LogicalAddress, text: string): void {
    if (this.#phase === "closed") return;
    const own: AddressText = formatAddress(this.address);
    if (nodeEvents.hasSubscribers) nodeEvents.publish({ type: "replaced", node: own, reason: text });
    this.#options.logger.error({ by: formatAddress(by) }, `${own} was replaced: ${text}; this node stops`);
    this.destroy(`${own} was replaced by a newer incarnation: ${text}`);
  }

  async #close(timeoutMs: number): Promise<CloseReport> {
    if (this.#phase === "starting") {
      this.#abortStart.abort(new StartError("CLOSED", `${formatAddress(this.address)} was closed while it started`));
      await this.#starting?.catch(() => {}); // told to whoever started it; it has ended everything
      return NOTHING_CUT;
    }
    if (this.#phase === "closed") {
      await this.#ended;
      return NOTHING_CUT;
    }
    return await this.#shutDown(this.#phase === "running" ? timeoutMs : 0);
  }

  #administered(): Administered {
    const { metadata, version } = this.#options;
    return {
      metadata: () => this.#members.get(this.address)?.metadata ?? metadata ?? {},
      version,
      status: () => this.status(),
      methodTimes: () => this.methodTimes(),
      update: (patch) => this.update(patch),
    };
  }

  #enter(phase: NodePhase): void {
    const previous = this.#phase;
    if (phase === previous) return;
    this.#phase = phase;
    if (phase === "closed") {
      this.#times.close();
      this.#closeTap();
    }
    if (nodeEvents.hasSubscribers) nodeEvents.publish({ type: "phase", node: formatAddress(this.address), phase, previous });
  }

  /** Resolves when neither a call waits nor a handler works, of others that are relayed neither. A handler's calls may outlast it, and the other way round. */
  async #idle(): Promise<void> {
    while (this.#caller.inFlight + this.#streamCaller.inFlight + this.#dispatcher.inProgress > 0 || this.#between.relaysFor()) {
      await Promise.all([this.#caller.idle(), this.#streamCaller.idle(), this.#dispatcher.idle()]);
      if (this.#between.relaysFor()) await pause(this.#options.clock, RELAY_LOOK_MS);
    }
  }

  async #announceClosing(): Promise<void> {
    try {
      await Promise.all(this.#registeredIn.map((members) => members.update({ available: false })));
    } catch (err) {
      this.#options.logger.warn({ err }, `${formatAddress(this.address)} could not say in discovery that it is closing`);
    }
  }

  async #shutDown(timeoutMs: number): Promise<CloseReport> {
    const { clock } = this.#options;
    const own = formatAddress(this.address);
    if (this.#phase !== "closed") this.#enter("closing");
    this.#abortStart.abort(new StartError("CLOSED", `${own} was closed while it started`));
    let timedOut = false;
    let leftMs = 0;
    if (timeoutMs > 0) {
      this.#links.announceShutdown(`${own} is closing`);
      this.#streams.sessions.announceShutdown(`${own} is closing`);
      const until = clock.now() + timeoutMs;
      if (this.#registeredIn.length > 0) await within(this.#announceClosing(), Math.min(timeoutMs, ANNOUNCE_TIMEOUT_MS), clock);
      timedOut = !(await within(this.#idle(), Math.max(0, until - clock.now()), clock));
      leftMs = Math.max(0, until - clock.now());
    }
    await this.#local.delivered();
    const lostBefore = this.#messagesLost;
    const callsCut = this.#caller.close(`${own} was closed`) + this.#streamCaller.close(`${own} was closed`);
    const requestsCut = this.#dispatcher.close(`${own} was closed`);
    const streamsCut = await this.#streams.sessions.close(leftMs);
    this.#enter("closed");
    this.#dropEarly();
    await Promise.all([this.#links.close(FLUSH_TIMEOUT_MS), this.#listener?.close(), this.#members.close(), this.#harbors.close()]);
    timedOut ||= streamsCut > 0 && timeoutMs > 0;
    return { timedOut, callsCut, requestsCut, messagesLost: this.#messagesLost - lostBefore, streamsCut };
  }
}

/** What of the options of a node counts for a session of streams. */
function sessionOptions({ link, stream }: ResolvedNodeOptions): ReturnType<typeof resolveSessionOptions> {
  const { keepaliveMs, keepaliveTimeoutMs, unansweredMs } = link;
  const { windowBytes, maxUnreadBytes, maxStreams, acceptBacklog, openTimeoutMs } = stream;
  return resolveSessionOptions({
    keepaliveMs,
    keepaliveTimeoutMs,
    unansweredMs,
    windowBytes,
    maxUnreadBytes,
    maxStreams,
    acceptBacklog,
    openTimeoutMs,
    lingerMs: FLUSH_TIMEOUT_MS,
  });
}

/** Why a message for another group was not sent: its harbor was not reached. */
function overHarbor(cause: Error, harbor: LogicalAddress): Error {
  const text = `harbor ${formatAddress(harbor)}: ${cause.message}`;
  return cause instanceof UnsentError ? new UnsentError(cause.reason, text, cause.cause as Error | undefined) : cause;
}

function pause(clock: ResolvedNodeOptions["clock"], ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimeout(resolve, ms, true);
  });
}

function sayMembers(node: AddressText, { added, updated, removed }: MembershipChange): void {
  const say = (type: MemberEvent["type"], member: Member): void =>
    memberEvents.publish({ type, node, peer: formatAddress(member.address), member });
  for (const member of removed) say("removed", member);
  for (const member of added) say("added", member);
  for (const member of updated) say("updated", member);
}
