/** The streams of a node: opens them to addresses and pickers, and hands those of its peers to whoever serves their protocol. */
import { formatAddress, isHarbor, type LogicalAddress } from "../addr/logical-address.js";
import type { RpcError } from "../errors.js";
import type { RelayedStreams } from "../harbor/stream-counts.js";
import { Seldom } from "../internal/seldom.js";
import { MAX_TIMER_MS } from "../internal/timer-limit.js";
import { ambient } from "../rpc/request-context.js";
import type { MetadataInit, Target } from "../rpc/service.js";
import { decodeOpenHeader, encodeOpenHeader, type OpenHeader, openRouteOf } from "../stream/open-header.js";
import { RESET } from "../stream/reset-code.js";
import type { YamuxStream } from "../stream/yamux-stream.js";
import { ProtocolError } from "../wire/protocol-error.js";
import type { BetweenGroups } from "./between-groups.js";
import type { ClusterStream } from "./cluster-stream.js";
import type { NodeRouter } from "./node-router.js";
import { readOpenHeader } from "./offered-stream.js";
import type { OpenStreamOptions, StreamHandler } from "./open-stream-options.js";
import { invalidTarget, OpenFailure, openError, STREAM_HINT } from "./stream-failure.js";
import { type Opened, type Opening, StreamOpener } from "./stream-opening.js";
import type { PeerSession, StreamEnvironment } from "./stream-peer.js";
import { StreamRelay } from "./stream-relay.js";
import { StreamSessions } from "./stream-sessions.js";
import { StreamTally, type StreamTotals } from "./stream-totals.js";

/** What serves a protocol: takes the stream, or resets it. `over`: the session of the opener, or of the harbor that speaks for it. */
export type StreamServer = (stream: YamuxStream, header: OpenHeader, over: PeerSession) => void;

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
  readonly #opener: StreamOpener;
  readonly #between: BetweenGroups;
  /** At a harbor. */
  readonly #relay: StreamRelay | undefined;
  readonly #servers = new Map<string, StreamServer>();
  readonly #seldom: Seldom;
  readonly #tally = new StreamTally();

  constructor(env: NodeStreamsEnvironment, router: NodeRouter, between: BetweenGroups) {
    this.#env = env;
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
    this.#opener = new StreamOpener(this.#self, env.clock, router, between, this.sessions);
  }

  /** For programs. @throws {@link RpcError} by rejection. */
  async openStream(target: Target, options: OpenStreamOptions = {}): Promise<ClusterStream> {
    const { protocol = DEFAULT_PROTOCOL, metadata = {}, signal, timeoutMs = this.#env.stream.openTimeoutMs } = options;
    try {
      if (String(protocol).startsWith(RESERVED)) throw invalidTarget(target, STREAM_HINT.reserved);
      if (signal !== undefined && typeof signal?.addEventListener !== "function")
        throw invalidTarget(target, "the option signal is no AbortSignal");
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
      const opened = await this.#opener.open(target, opening);
      this.#tally.opened++;
      return opened;
    } catch (error) {
      this.#tally.notOpened++;
      throw error;
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
      throw invalidTarget(target, `timeoutMs is ${String(timeoutMs)}, must be from 1 to ${MAX_TIMER_MS}`);
    return Math.min(this.#env.clock.now() + timeoutMs, ambient.getStore()?.deadlineAt ?? Number.POSITIVE_INFINITY);
  }

  #told(error: unknown, protocol: string): RpcError | Error {
    return error instanceof OpenFailure ? openError(error, protocol, this.#self) : (error as Error);
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
