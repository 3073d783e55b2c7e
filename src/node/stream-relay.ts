/** A harbor at work on streams: those that come for others go on, and what all of them hold together is bounded. */
import { formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import type { LimitHits } from "../events/limit-hits.js";
import type { RefusalReason } from "../harbor/refusal-reason.js";
import type { RelayedStreams } from "../harbor/stream-counts.js";
import { StreamCounts } from "../harbor/stream-counts.js";
import type { Clock } from "../internal/clock.js";
import type { OpenRoute } from "../stream/open-header.js";
import { RESET } from "../stream/reset-code.js";
import type { YamuxStream } from "../stream/yamux-stream.js";
import type { BetweenGroups } from "./between-groups.js";
import { RelayedStream, type RelayHost, refusalCode } from "./relayed-stream.js";
import type { PeerSession, StreamPeer } from "./stream-peer.js";

/** Streams to one target that it has not accepted: one that hangs must not take the places of all others. */
const MAX_WAITING_PER_TARGET = 1_024;

export interface StreamRelayEnvironment {
  readonly clock: Clock;
  readonly limits: LimitHits;
  readonly between: BetweenGroups;
  /** Bytes that all relayed streams may hold together. */
  readonly maxWaitingBytes: number;
  sessions(peer: LogicalAddress): StreamPeer;
}

export class StreamRelay implements RelayHost {
  readonly clock: Clock;
  readonly #env: StreamRelayEnvironment;
  readonly #streams = new Set<RelayedStream>();
  /** How many wait to be accepted, by target. */
  readonly #waiting = new Map<LogicalAddress, number>();
  readonly #counts = new StreamCounts();
  readonly #settled: (() => void)[] = [];
  #isClosing = false;

  constructor(env: StreamRelayEnvironment) {
    this.clock = env.clock;
    this.#env = env;
  }

  get status(): RelayedStreams {
    let bytes = 0;
    let waiting = 0;
    for (const stream of this.#streams) {
      bytes += stream.bytes;
      if (stream.isWaiting) waiting++;
    }
    return this.#counts.snapshot(this.#streams.size, waiting, bytes);
  }

  /** A stream that is not for this node, from a peer that may say so. `header`: its bytes, which are changed. */
  pass(from: PeerSession, stream: YamuxStream, header: Buffer, route: OpenRoute, arrivedAt: number): void {
    const peer = from.peer.address;
    const [to, sender] = [route.to as LogicalAddress, route.from as LogicalAddress];
    this.#counts.offered++;
    const reason = this.#denial(peer, to, sender, route.hops);
    if (reason !== undefined) {
      stream.reset(refusalCode(reason));
      return this.#countRefused(reason, to);
    }
    const relayed = new RelayedStream(this, stream, peer, header, route, arrivedAt);
    this.#streams.add(relayed);
    this.#waiting.set(to, (this.#waiting.get(to) ?? 0) + 1);
    relayed.start();
  }

  /** Resets streams until all of them together hold no more than they may: those first that hold the most. */
  sweep(): void {
    const { limits, maxWaitingBytes } = this.#env;
    let excess = -maxWaitingBytes;
    for (const stream of this.#streams) excess += stream.waitingBytes;
    if (excess <= 0) return;
    limits.hit("harbor.maxWaitingBytes", `relayed streams hold ${maxWaitingBytes + excess} bytes`, undefined);
    const fullest = [...this.#streams].sort((one, other) => other.waitingBytes - one.waitingBytes);
    for (const stream of fullest) {
      if (excess <= 0) return;
      excess -= stream.waitingBytes;
      stream.cut(RESET.overBudget);
    }
  }

  /** From now on no streams are taken. Resolves when none waits to be accepted. */
  settle(): Promise<void> {
    this.#isClosing = true;
    if (this.#waiting.size === 0) return Promise.resolve();
    return new Promise((resolve) => void this.#settled.push(resolve));
  }

  // What a relayed stream needs.

  hop(to: LogicalAddress): LogicalAddress | RefusalReason {
    const hop = this.#env.between.streamHop(to);
    if (typeof hop === "number") return hop;
    return hop === "unknownTarget" || hop === "anonymous" ? "unknownTarget" : "noHarborThere";
  }

  sessions(peer: LogicalAddress): StreamPeer {
    return this.#env.sessions(peer);
  }

  leave(peer: LogicalAddress): boolean {
    return this.#env.between.leaveForStreams(peer);
  }

  refused(stream: RelayedStream, reason: RefusalReason): void {
    this.#forget(stream, true);
    this.#countRefused(reason, stream.to);
  }

  accepted(stream: RelayedStream): void {
    this.#counts.accepted++;
    this.#waitsNoMore(stream.to);
  }

  over(stream: RelayedStream, inOrder: boolean, bytes: number, wasWaiting: boolean): void {
    if (inOrder) this.#counts.ended++;
    else this.#counts.broken++;
    this.#counts.bytes += bytes;
    this.#forget(stream, wasWaiting);
  }

  #denial(peer: LogicalAddress, to: LogicalAddress, from: LogicalAddress, hops: number): RefusalReason | undefined {
    if (this.#isClosing) return "closing";
    if (hops === 0) return "hops";
    const denied = this.#env.between.streamDenial(peer, to, from);
    if (denied !== undefined) return denied.reason;
    return (this.#waiting.get(to) ?? 0) >= MAX_WAITING_PER_TARGET ? "tooManyStreams" : undefined;
  }

  #countRefused(reason: RefusalReason, to: LogicalAddress): void {
    this.#counts.refused(reason);
    if (reason === "tooManyStreams")
      this.#env.limits.hit("stream.maxStreams", `${formatAddress(to)} has not accepted ${this.#waiting.get(to) ?? 0} streams`, to);
  }

  #forget(stream: RelayedStream, wasWaiting: boolean): void {
    this.#streams.delete(stream);
    if (wasWaiting) this.#waitsNoMore(stream.to);
  }

  #waitsNoMore(to: LogicalAddress): void {
    const left = this.#waiting.get(to)! - 1;
    if (left > 0) this.#waiting.set(to, left);
    else this.#waiting.delete(to);
    if (this.#waiting.size === 0) for (const resolve of this.#settled.splice(0)) resolve();
  }
}
