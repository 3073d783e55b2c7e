/// <reference lib="esnext.disposable" preserve="true" />
/** A node: what users hold. Its parts, its life and what it says of itself stand in files of their own. */

import { type AddressLike, type LogicalAddress, toAddress } from "../addr/logical-address.js";
import type { Member, MemberPatch } from "../discovery/discovery.js";
import type { Members } from "../discovery/members.js";
import type { AbortSignal } from "../internal/abort-signal.js";
import type { RpcCaller } from "../rpc/caller.js";
import type { HandlerTable } from "../rpc/handler-table.js";
import type { Interceptors } from "../rpc/interceptor.js";
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
import type { StreamCaller } from "../rpc/streaming/stream-caller.js";
import type { TlsOptions } from "../transport/tls-options.js";
import { type Administered, registerAdmin } from "./admin.js";
import type { ClusterStream } from "./cluster-stream.js";
import { openConsoleTap } from "./console-tap.js";
import { Credentials } from "./credentials.js";
import { Lifecycle } from "./lifecycle.js";
import type { CloseOptions, CloseReport, StartOptions } from "./lifecycle-options.js";
import type { MethodTimes } from "./method-times.js";
import { NodeParts } from "./node-parts.js";
import { statusOf } from "./node-status.js";
import type { NodeStreams } from "./node-streams.js";
import type { OpenStreamOptions, StreamHandler } from "./open-stream-options.js";
import { type NodeOptions, type ResolvedNodeOptions, resolveNodeOptions } from "./options.js";
import { OwnEntries } from "./own-entries.js";
import type { NodeStatus } from "./status.js";

type UntypedHandler = (input: unknown, context: Context) => unknown;

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
  // Calls pass these: fields of their own save a step through the parts.
  readonly #caller: RpcCaller;
  readonly #streamCaller: StreamCaller;
  readonly #streams: NodeStreams;
  readonly #handlers: HandlerTable;
  readonly #members: Members;
  readonly #parts: NodeParts;
  readonly #credentials: Credentials;
  readonly #entries: OwnEntries;
  readonly #life: Lifecycle;
  readonly #closeTap: () => void;

  /** @internal Use {@link createNode}. */
  constructor(options: ResolvedNodeOptions) {
    const { address, logger } = options;
    this.address = address;
    const parts = new NodeParts(options, (by, text) => this.#life.onReplaced(by, text));
    this.#parts = parts;
    this.#caller = parts.caller;
    this.#streamCaller = parts.streamCaller;
    this.#streams = parts.streams;
    this.#handlers = parts.handlers;
    this.#members = parts.members;
    this.#credentials = new Credentials(options, parts.keyring);
    this.#entries = new OwnEntries(address, parts.members, logger);
    this.#life = new Lifecycle(parts, this.#entries, () => {
      parts.times.close();
      this.#closeTap();
    });
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
    await this.#life.start(options);
    return this;
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
    if (typeof what === "object" && what !== null) return this.#caller.oneWays.message(to, what, value, options);
    return this.#caller.oneWays.bytes(to, what, value as Uint8Array, options);
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
    this.#entries.reportLoad(load, metadata, this.#life.phase === "running");
  }

  /** Exchanges the secrets: connections that stand stay, new ones use the new ones. Keep the old one beside the new until all nodes have both. */
  setSecrets(secrets: readonly string[]): void {
    this.#credentials.setSecrets(secrets);
  }

  /**
   * The same for the secrets of harbors.
   *
   * @throws {@link InvalidOptionsError} for a node that was made without `harborSecrets`, or for secrets that cannot be.
   */
  setHarborSecrets(harborSecrets: readonly string[]): void {
    this.#credentials.setHarborSecrets(harborSecrets);
  }

  /**
   * Exchanges certificates and authorities: connections that stand stay, new ones use the new ones. Where authorities
   * change, give all nodes both in `ca` first, then the new certificates, then the new authority alone.
   *
   * @throws {@link InvalidOptionsError} listing every fault, also for a node that was made without `tls`; nothing changes then.
   */
  setTls(tls: TlsOptions): void {
    this.#credentials.setTls(tls);
  }

  /** What this node is doing now. */
  status(): NodeStatus {
    return statusOf(this.#parts, this.#life);
  }

  /**
   * How long calls and handlers take, by method, the slowest first. Recorded from when it is asked first until a minute after it
   * was asked last; the first answer is empty.
   */
  methodTimes(): readonly MethodTimes[] {
    return this.#life.phase === "closed" ? [] : this.#parts.times.ask();
  }

  /**
   * Leaves in order: unavailable in discovery, peers are told, what has begun finishes within `timeoutMs`, what is
   * buffered is sent, everything is closed. Never rejects for what others do. Afterwards nothing of it keeps the process alive.
   */
  close(options: CloseOptions = {}): Promise<CloseReport> {
    return this.#life.close(options.timeoutMs ?? 10_000);
  }

  /** Ends everything at once. Calls in flight fail. */
  destroy(reason = "this node was destroyed"): void {
    this.#life.destroy(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #administered(): Administered {
    const { metadata, version } = this.#parts.options;
    return {
      metadata: () => this.#members.get(this.address)?.metadata ?? metadata ?? {},
      version,
      status: () => this.status(),
      methodTimes: () => this.methodTimes(),
      update: (patch) => this.update(patch),
    };
  }
}
