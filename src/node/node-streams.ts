/** The streams of a node: opens them to addresses and pickers, and hands those of its peers to whoever serves their protocol. */
import { formatAddress, type LogicalAddress, toAddress } from "../addr/logical-address.js";
import type { RpcError } from "../errors.js";
import type { AbortSignal } from "../internal/abort-signal.js";
import type { TimerHandle } from "../internal/clock.js";
import { allowManyListeners } from "../internal/many-listeners.js";
import { Seldom } from "../internal/seldom.js";
import { MAX_TIMER_MS } from "../internal/timer-limit.js";
import { addressOrText, HINT, targetFault, unsentReason } from "../rpc/failure.js";
import { ambient } from "../rpc/request-context.js";
import type { MetadataInit, Target } from "../rpc/service.js";
import { encodeOpenHeader, type OpenHeader } from "../stream/open-header.js";
import { RESET } from "../stream/reset-code.js";
import type { YamuxStream } from "../stream/yamux-stream.js";
import type { ClusterStream } from "./cluster-stream.js";
import type { NodeRouter } from "./node-router.js";
import { ignore, readOpenHeader } from "./offered-stream.js";
import type { OpenStreamOptions, StreamHandler } from "./open-stream-options.js";
import { OpenFailure, openError, openFailureOf, STREAM_HINT } from "./stream-failure.js";
import type { PeerSession, StreamEnvironment, StreamPeer } from "./stream-peer.js";
import { StreamSessions } from "./stream-sessions.js";

/** What serves a protocol: takes the stream, or resets it. */
export type StreamServer = (stream: YamuxStream, header: OpenHeader, from: PeerSession) => void;

/** What is to be opened. `first`: bytes that go with the header. */
export interface Opening {
  readonly protocol: string;
  readonly metadata: MetadataInit;
  readonly first: Uint8Array | undefined;
  readonly deadlineAt: number;
  readonly signal: AbortSignal | undefined;
}

export interface Opened {
  readonly stream: YamuxStream;
  readonly to: LogicalAddress;
  /** Largest payload that the peer takes. */
  readonly maxPayloadBytes: number;
}

/** What is spoken where a program names nothing. */
export const DEFAULT_PROTOCOL = "default";
const RESERVED = "clusterts.";

export class NodeStreams {
  readonly sessions: StreamSessions;
  readonly #self: LogicalAddress;
  readonly #env: Omit<StreamEnvironment, "onStream">;
  readonly #router: NodeRouter;
  readonly #servers = new Map<string, StreamServer>();
  readonly #seldom: Seldom;

  constructor(env: Omit<StreamEnvironment, "onStream">, router: NodeRouter) {
    this.#env = env;
    this.#router = router;
    this.#self = env.identity.address;
    this.#seldom = new Seldom(env.clock);
    this.sessions = new StreamSessions({ ...env, onStream: (from, stream) => this.#onStream(from, stream) });
  }

  /** For programs. @throws {@link RpcError} by rejection. */
  async openStream(target: Target, options: OpenStreamOptions = {}): Promise<ClusterStream> {
    const { protocol = DEFAULT_PROTOCOL, metadata = {}, signal, timeoutMs = this.#env.stream.openTimeoutMs } = options;
    try {
      if (String(protocol).startsWith(RESERVED)) throw invalid(target, STREAM_HINT.reserved);
      if (signal !== undefined && typeof signal?.addEventListener !== "function")
        throw invalid(target, "the option signal is no AbortSignal");
      const deadlineAt = this.#deadline(target, timeoutMs);
      const { stream, to } = await this.open(target, { protocol, metadata, first: undefined, deadlineAt, signal });
      return labelled(stream, to, protocol, metadataOf(metadata));
    } catch (error) {
      throw this.#told(error, String(protocol));
    }
  }

  /** @throws Error when the protocol is served already, or cannot be. */
  onStream(handler: StreamHandler, protocol: string = DEFAULT_PROTOCOL): void {
    if (typeof handler !== "function") throw new TypeError("the handler of a stream is a function");
    if (protocol.startsWith(RESERVED)) throw new TypeError(STREAM_HINT.reserved);
    encodeOpenHeader({ to: this.#self, from: this.#self, remainingMs: 0, protocol, metadata: {} }); // or it could not be asked for
    this.serve(protocol, (stream, { metadata }, { peer }) => {
      const accepted = labelled(stream, peer.address, protocol, metadata);
      stream.accept();
      this.#run(handler, accepted, stream);
    });
  }

  serve(protocol: string, server: StreamServer): void {
    if (this.#servers.has(protocol)) throw new Error(`streams of ${JSON.stringify(protocol)} have a handler already`);
    this.#servers.set(protocol, server);
  }

  /** A stream that its target has accepted; with a picker once more elsewhere when that cannot do harm. @throws {@link OpenFailure} */
  async open(target: Target, opening: Opening): Promise<Opened> {
    const first = this.#resolve(target, undefined);
    try {
      return await this.#openTo(first, opening, target);
    } catch (error) {
      if (!(error instanceof OpenFailure) || error.execution !== "notRun" || typeof target !== "object") throw error;
      if (error.code === "CANCELLED" || error.code === "DEADLINE_EXCEEDED" || error.code === "INVALID_ARGUMENT") throw error;
      const second = this.#resolve(target, first);
      if (second === first) throw error;
      return await this.#openTo(second, opening, undefined);
    }
  }

  /** Streams that are open. */
  get count(): number {
    return this.sessions.streamCount;
  }

  /** Over a session that stands; over a new one when that is left in the very moment. */
  async #openTo(to: LogicalAddress, opening: Opening, target: Target | undefined): Promise<Opened> {
    if (opening.signal?.aborted === true) throw cancelled(to, opening.signal, "notRun");
    const header = this.#header(to, opening);
    const first = opening.first === undefined ? header : Buffer.concat([header, opening.first]);
    for (let isAgain = false; ; isAgain = true) {
      const from = await this.#session(to, opening, target);
      try {
        const stream = await this.#ask(from, to, first, opening);
        return { stream, to, maxPayloadBytes: from.peer.maxPayloadBytes };
      } catch (error) {
        const isLeft = error instanceof OpenFailure && error.execution === "notRun" && from.session.phase !== "open";
        if (isAgain || !isLeft || this.#env.clock.now() >= opening.deadlineAt) throw error;
      }
    }
  }

  #header(to: LogicalAddress, { protocol, metadata, deadlineAt }: Opening): Uint8Array {
    const remainingMs = Math.max(1, Math.ceil(deadlineAt - this.#env.clock.now()));
    try {
      return encodeOpenHeader({ to, from: this.#self, remainingMs, protocol, metadata });
    } catch (cause) {
      throw new OpenFailure(to, "INVALID_ARGUMENT", "notRun", (cause as Error).message, cause);
    }
  }

  #session(to: LogicalAddress, { deadlineAt, signal }: Opening, target: Target | undefined): Promise<PeerSession> | PeerSession {
    const next = this.#router.nextForStream(to);
    if (typeof next === "string") throw new OpenFailure(to, "UNAVAILABLE", "notRun", next);
    if (next === this.#self) return this.sessions.local();
    const peer = this.sessions.get(next);
    const { current } = peer;
    if (current !== undefined) return current;
    return new Promise((resolve, reject) => {
      const wait = new Wait(this.#env, deadlineAt, signal, (failure) => {
        peer.withdraw(waiter);
        reject(failure === "late" ? this.#notReached(to, peer) : cancelled(to, signal, "notRun"));
      });
      const waiter = {
        onReady: (session: PeerSession): void => {
          if (wait.settle()) resolve(session);
        },
        onFail: (cause: Error): void => {
          if (wait.settle()) reject(new OpenFailure(to, "UNAVAILABLE", "notRun", unsentReason(cause), cause));
        },
        staysAfterFailure: (): boolean =>
          typeof target !== "object" || target === null || !this.#router.hasElsewhere(target.type, target.policy, to),
      };
      if (!wait.isSettled) peer.reach(waiter);
    });
  }

  /** Asks over `from`, and waits for the answer. */
  #ask({ session }: PeerSession, to: LogicalAddress, first: Uint8Array, { deadlineAt, signal }: Opening): Promise<YamuxStream> {
    return new Promise((resolve, reject) => {
      let stream: YamuxStream;
      try {
        stream = session.open();
      } catch (error) {
        return reject(openFailureOf(to, error as Error));
      }
      const done = (): boolean => {
        stream.off("acknowledged", onAcknowledged);
        stream.off("error", onError);
        return wait.settle();
      };
      const onAcknowledged = (): void => {
        if (done()) resolve(stream);
      };
      const onError = (error: Error): void => {
        if (done()) reject(openFailureOf(to, error));
      };
      stream.on("error", ignore);
      stream.on("acknowledged", onAcknowledged);
      stream.on("error", onError);
      const wait = new Wait(this.#env, deadlineAt, signal, (failure) => {
        done();
        // Told whether anybody has accepted it, the peer has not.
        const wasAsked = stream.opening !== "held";
        stream.reset(RESET.cancelled);
        const execution = wasAsked ? "unknown" : "notRun";
        const late = `it was not accepted in time; ${STREAM_HINT.timeout}`;
        reject(failure === "late" ? new OpenFailure(to, "DEADLINE_EXCEEDED", execution, late) : cancelled(to, signal, execution));
      });
      if (!wait.isSettled) stream.write(first);
    });
  }

  #onStream(from: PeerSession, stream: YamuxStream): void {
    readOpenHeader(
      stream,
      (header) => this.#offer(from, stream, header),
      (why) => this.#warn(from, why),
    );
  }

  #offer(from: PeerSession, stream: YamuxStream, header: OpenHeader): void {
    // Only a stream that is meant for this node, by the node at the other end, is anybody's here.
    if (header.to !== this.#self || header.from !== from.peer.address) {
      stream.reset(RESET.failed);
      const [said, meant] = [formatAddress(header.from as LogicalAddress), formatAddress(header.to as LogicalAddress)];
      return this.#warn(from, `its open header says from ${said} to ${meant}`);
    }
    const server = this.#servers.get(header.protocol);
    if (server === undefined) return void stream.reset(RESET.notServed);
    server(stream, header, from);
  }

  #run(handler: StreamHandler, accepted: ClusterStream, stream: YamuxStream): void {
    const onThrown = (thrown: unknown): void => {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      // What the stream itself has failed with, its other end knows: a handler that lets it through has not failed.
      const isOfStream = stream.errored !== null && (error === stream.errored || error.cause === stream.errored);
      const text = `the handler of a stream of ${JSON.stringify(accepted.protocol)} from ${formatAddress(accepted.peer)}`;
      if (isOfStream) this.#env.logger.debug({ err: error }, `${text} ended with its stream`);
      else this.#env.logger.error({ err: error }, `${text} threw`);
      stream.reset(RESET.failed, error);
    };
    try {
      const result: unknown = handler(accepted);
      if (result instanceof Promise) result.catch(onThrown);
    } catch (thrown) {
      onThrown(thrown);
    }
  }

  #warn({ peer }: PeerSession, why: string): void {
    const from = formatAddress(peer.address);
    this.#seldom.say(`${from} ${why}`, (addition) => {
      this.#env.logger.warn({ peer: from }, `reset a stream of ${from}: ${why}${addition}`);
    });
  }

  #deadline(target: Target, timeoutMs: number): number {
    if (!(typeof timeoutMs === "number" && timeoutMs > 0 && timeoutMs <= MAX_TIMER_MS))
      throw invalid(target, `timeoutMs is ${String(timeoutMs)}, must be from 1 to ${MAX_TIMER_MS}`);
    return Math.min(this.#env.clock.now() + timeoutMs, ambient.getStore()?.deadlineAt ?? Number.POSITIVE_INFINITY);
  }

  #resolve(target: Target, not: LogicalAddress | undefined): LogicalAddress {
    let picked: LogicalAddress | undefined;
    try {
      if (target === undefined) throw invalid(target, `no target was given; ${HINT.noTarget}`);
      if (typeof target !== "object") return toAddress(target);
      picked = this.#router.pick(target.type, target.policy, not);
    } catch (cause) {
      if (cause instanceof OpenFailure) throw cause;
      throw new OpenFailure(addressOrText(target), "INVALID_ARGUMENT", "notRun", targetFault(cause), cause);
    }
    if (picked !== undefined) return picked;
    throw new OpenFailure(addressOrText(target), "UNAVAILABLE", "notRun", this.#router.explainNone(target.type));
  }

  #notReached(to: LogicalAddress, peer: StreamPeer): OpenFailure {
    return new OpenFailure(to, "DEADLINE_EXCEEDED", "notRun", `${peer.describe()}; ${HINT.deadlineNotRun}`);
  }

  #told(error: unknown, protocol: string): RpcError | Error {
    return error instanceof OpenFailure ? openError(error, protocol, this.#self) : (error as Error);
  }
}

/** A wait with its two ends beside success: the deadline, and the caller's signal. Leaves neither timer nor listener. */
class Wait {
  readonly #env: Pick<StreamEnvironment, "clock">;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: () => void;
  #timer: TimerHandle;
  isSettled = false;

  constructor(
    env: Pick<StreamEnvironment, "clock">,
    deadlineAt: number,
    signal: AbortSignal | undefined,
    onFail: (failure: "late" | "aborted") => void,
  ) {
    this.#env = env;
    this.#signal = signal;
    this.#onAbort = () => {
      if (this.settle()) onFail("aborted");
    };
    this.#timer = env.clock.setTimeout(
      () => {
        if (this.settle()) onFail("late");
      },
      Math.max(0, deadlineAt - env.clock.now()),
    );
    if (signal !== undefined) allowManyListeners(signal);
    if (signal?.aborted === true) env.clock.afterTurn(this.#onAbort);
    else signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  settle(): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    this.#env.clock.clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#onAbort);
    return true;
  }
}

/** The stream as programs see it. */
function labelled(stream: YamuxStream, peer: LogicalAddress, protocol: string, metadata: ReadonlyMap<string, Uint8Array>): ClusterStream {
  return Object.assign(stream, { peer, protocol, metadata }) as unknown as ClusterStream;
}

function metadataOf(init: MetadataInit): ReadonlyMap<string, Uint8Array> {
  const entries = Object.entries(init);
  if (entries.length === 0) return NO_METADATA;
  return new Map(entries.map(([key, value]) => [key, typeof value === "string" ? new TextEncoder().encode(value) : value]));
}

/** One for all: an idle stream is small. */
const NO_METADATA: ReadonlyMap<string, Uint8Array> = new Map();

function invalid(target: Target, reason: string): OpenFailure {
  return new OpenFailure(addressOrText(target), "INVALID_ARGUMENT", "notRun", reason);
}

function cancelled(to: LogicalAddress, signal: AbortSignal | undefined, execution: "notRun" | "unknown"): OpenFailure {
  const reason: unknown = signal?.reason;
  return new OpenFailure(to, "CANCELLED", execution, `cancelled: ${reason instanceof Error ? reason.message : String(reason)}`, reason);
}
