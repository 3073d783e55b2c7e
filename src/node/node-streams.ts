/** The streams of a node: opens them to addresses and pickers, and hands those of its peers to whoever serves their protocol. */
import { formatAddress, isHarbor, type LogicalAddress, toAddress } from "../addr/logical-address.js";
import type { RpcError } from "../errors.js";
import type { RelayedStreams } from "../harbor/stream-counts.js";
import type { AbortSignal } from "../internal/abort-signal.js";
import type { TimerHandle } from "../internal/clock.js";
import { allowManyListeners } from "../internal/many-listeners.js";
import { Seldom } from "../internal/seldom.js";
import { MAX_TIMER_MS } from "../internal/timer-limit.js";
import { addressOrText, HINT, targetFault, unsentReason } from "../rpc/failure.js";
import { ambient } from "../rpc/request-context.js";
import type { MetadataInit, Target } from "../rpc/service.js";
import { readHarborReset } from "../stream/harbor-reset.js";
import { decodeOpenHeader, encodeOpenHeader, type OpenHeader, openRouteOf } from "../stream/open-header.js";
import { RESET } from "../stream/reset-code.js";
import { StreamError } from "../stream/stream-error.js";
import type { YamuxStream } from "../stream/yamux-stream.js";
import { ProtocolError } from "../wire/protocol-error.js";
import type { BetweenGroups } from "./between-groups.js";
import type { ClusterStream } from "./cluster-stream.js";
import type { NodeRouter } from "./node-router.js";
import { ignore, readOpenHeader } from "./offered-stream.js";
import type { OpenStreamOptions, StreamHandler } from "./open-stream-options.js";
import { OpenFailure, openError, openFailureOf, STREAM_HINT } from "./stream-failure.js";
import type { PeerSession, StreamEnvironment, StreamPeer } from "./stream-peer.js";
import { StreamRelay } from "./stream-relay.js";
import { StreamSessions } from "./stream-sessions.js";
import { StreamTally, type StreamTotals } from "./stream-totals.js";

/** What serves a protocol: takes the stream, or resets it. `over`: the session of the opener, or of the harbor that speaks for it. */
export type StreamServer = (stream: YamuxStream, header: OpenHeader, over: PeerSession) => void;

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

/** What streams share, but for what comes of them. */
export interface NodeStreamsEnvironment extends Omit<StreamEnvironment, "onStream" | "onSweep" | "tally"> {
  /** Bytes that all streams together may hold that a harbor relays. */
  readonly maxRelayedBytes: number;
}

/** What is spoken where a program names nothing. */
export const DEFAULT_PROTOCOL = "default";
const RESERVED = "clusterts.";

export class NodeStreams {
  readonly sessions: StreamSessions;
  readonly #self: LogicalAddress;
  readonly #env: NodeStreamsEnvironment;
  readonly #router: NodeRouter;
  readonly #between: BetweenGroups;
  /** At a harbor. */
  readonly #relay: StreamRelay | undefined;
  readonly #servers = new Map<string, StreamServer>();
  readonly #seldom: Seldom;
  readonly #tally = new StreamTally();

  constructor(env: NodeStreamsEnvironment, router: NodeRouter, between: BetweenGroups) {
    this.#env = env;
    this.#router = router;
    this.#between = between;
    this.#self = env.identity.address;
    this.#seldom = new Seldom(env.clock);
    this.#relay = isHarbor(this.#self)
      ? new StreamRelay({ ...env, between, maxWaitingBytes: env.maxRelayedBytes, sessions: (peer) => this.sessions.get(peer) })
      : undefined;
    this.sessions = new StreamSessions({
      ...env,
      tally: this.#tally,
      onStream: (from, stream) => this.#onStream(from, stream),
      onSweep: () => this.#relay?.sweep(),
    });
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
    this.serve(protocol, (stream, { from, metadata }) => {
      const accepted = labelled(stream, from as LogicalAddress, protocol, metadata);
      this.accept(stream);
      this.#run(handler, accepted, stream);
    });
  }

  serve(protocol: string, server: StreamServer): void {
    if (this.#servers.has(protocol)) throw new Error(`streams of ${JSON.stringify(protocol)} have a handler already`);
    this.#servers.set(protocol, server);
  }

  /** Takes a stream of a peer for whoever serves its protocol. */
  accept(stream: YamuxStream): void {
    this.#tally.accepted++;
    stream.accept();
  }

  /** Nobody here takes it; `code` says why. */
  refuse(stream: YamuxStream, code: number): void {
    this.#tally.refused++;
    stream.reset(code);
  }

  /** A stream that its target has accepted; with a picker once more elsewhere when that cannot do harm. @throws {@link OpenFailure} */
  async open(target: Target, opening: Opening): Promise<Opened> {
    try {
      const opened = await this.#open(target, opening);
      this.#tally.opened++;
      return opened;
    } catch (error) {
      this.#tally.notOpened++;
      throw error;
    }
  }

  async #open(target: Target, opening: Opening): Promise<Opened> {
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

  get totals(): StreamTotals {
    return this.sessions.totals();
  }

  /** What a harbor relays; `undefined` at other nodes. */
  get relayed(): RelayedStreams | undefined {
    return this.#relay?.status;
  }

  /** A harbor takes no more streams for others. Resolves when none waits to be accepted. */
  async settleRelayed(): Promise<void> {
    await this.#relay?.settle();
  }

  /** Over a session that stands; over a new one, or another harbor, when that is left or not reached. */
  async #openTo(to: LogicalAddress, opening: Opening, target: Target | undefined): Promise<Opened> {
    if (opening.signal?.aborted === true) throw cancelled(to, opening.signal, "notRun");
    for (let isAgain = false; ; isAgain = true) {
      const hop = this.#router.nextForStream(to);
      if (typeof hop === "string") throw new OpenFailure(to, "UNAVAILABLE", "notRun", hop);
      const header = this.#header(to, opening);
      const first = opening.first === undefined ? header : Buffer.concat([header, opening.first]);
      let over: PeerSession | undefined;
      try {
        over = await this.#session(to, hop, opening, target);
        const stream = await this.#ask(over, to, first, opening);
        return { stream, to, maxPayloadBytes: over.peer.maxPayloadBytes };
      } catch (error) {
        const isOver = isAgain || !(error instanceof OpenFailure) || error.execution !== "notRun";
        if (isOver || this.#env.clock.now() >= opening.deadlineAt || !this.#mayRepeat(error, to, hop, over)) throw error;
      }
    }
  }

  /** Whether it was the way that failed, not the target, and there may be another. */
  #mayRepeat({ cause, code }: OpenFailure, to: LogicalAddress, hop: LogicalAddress, over: PeerSession | undefined): boolean {
    if (code !== "UNAVAILABLE") return false;
    const isLeft = over !== undefined && over.session.phase !== "open";
    if (hop === to) return isLeft;
    if (over !== undefined && !isLeft) {
      if (!StreamError.is(cause) || cause.reason !== "refused") return false;
      const said = readHarborReset(cause.resetCode);
      if (said?.reason === "closing") return said.id !== undefined || this.#between.leaveForStreams(hop);
      return said === undefined; // who refuses without a word may have been about to leave
    }
    return this.#between.leaveForStreams(hop) || isLeft;
  }

  #header(to: LogicalAddress, { protocol, metadata, deadlineAt }: Opening): Uint8Array {
    const remainingMs = Math.max(1, Math.ceil(deadlineAt - this.#env.clock.now()));
    try {
      return encodeOpenHeader({ to, from: this.#self, remainingMs, protocol, metadata });
    } catch (cause) {
      throw new OpenFailure(to, "INVALID_ARGUMENT", "notRun", (cause as Error).message, cause);
    }
  }

  #session(
    to: LogicalAddress,
    hop: LogicalAddress,
    { deadlineAt, signal }: Opening,
    target: Target | undefined,
  ): Promise<PeerSession> | PeerSession {
    const current = hop === this.#self ? this.sessions.local() : this.sessions.get(hop).current;
    if (current !== undefined) return current;
    const peer = this.sessions.get(hop);
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
          if (!wait.settle()) return;
          const [reason, path] = hop === to ? [unsentReason(cause), []] : [`harbor ${formatAddress(hop)}: ${unsentReason(cause)}`, [hop]];
          reject(new OpenFailure(to, "UNAVAILABLE", "notRun", reason, cause, path));
        },
        staysAfterFailure: (): boolean =>
          !this.#between.hasOtherHarbor(to, hop) &&
          (typeof target !== "object" || target === null || !this.#router.hasElsewhere(target.type, target.policy, to)),
      };
      if (!wait.isSettled) peer.reach(waiter);
    });
  }

  /** Asks over `from`, and waits for the answer. */
  #ask({ peer, session }: PeerSession, to: LogicalAddress, first: Uint8Array, { deadlineAt, signal }: Opening): Promise<YamuxStream> {
    return new Promise((resolve, reject) => {
      let stream: YamuxStream;
      try {
        stream = session.open();
      } catch (error) {
        return reject(openFailureOf(to, error as Error, peer.address, false));
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
        if (done()) reject(openFailureOf(to, error, peer.address, stream.opening !== "held"));
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
    const arrivedAt = this.#env.clock.now();
    readOpenHeader(
      stream,
      (header) => this.#offer(from, stream, header, arrivedAt),
      (why) => this.#warn(from, why),
    );
  }

  #offer(over: PeerSession, stream: YamuxStream, bytes: Buffer, arrivedAt: number): void {
    try {
      const route = openRouteOf(bytes);
      const [to, from] = [route.to as LogicalAddress, route.from as LogicalAddress];
      switch (this.#between.vouch(over.peer.address, to, from)) {
        case "forged":
          return this.#cut(over, `its open header says from ${formatAddress(from)} to ${formatAddress(to)}`);
        case "onward":
          return this.#relay!.pass(over, stream, bytes, route, arrivedAt);
        case "here":
          return this.#serve(over, stream, decodeOpenHeader(bytes));
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      stream.reset(RESET.failed);
      this.#warn(over, error.message);
    }
  }

  #serve(over: PeerSession, stream: YamuxStream, header: OpenHeader): void {
    const server = this.#servers.get(header.protocol);
    if (server === undefined) this.refuse(stream, RESET.notServed);
    else server(stream, header, over);
  }

  /** A peer that speaks for whom it may not is believed nothing else, as with messages. */
  #cut({ peer, session }: PeerSession, why: string): void {
    const from = formatAddress(peer.address);
    session.destroy(new Error(why));
    this.#seldom.say(`cut ${from}`, (addition) =>
      this.#env.logger.warn({ peer: from }, `cut the session for streams with ${from}: ${why}, which does not belong there${addition}`),
    );
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
