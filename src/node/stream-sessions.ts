/** All sessions of a node, by peer: made on first use, looked after by one sweep. To itself a node has one within the process. */
import { formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import type { TimerHandle } from "../internal/clock.js";
import type { PendingPeer } from "../link/opening.js";
import type { SessionStatus } from "../stream/session-status.js";
import { LocalConnection } from "./local-connection.js";
import type { StreamSessionStatus } from "./status.js";
import { type PeerSession, type StreamEnvironment, StreamPeer } from "./stream-peer.js";
import type { StreamTotals } from "./stream-totals.js";

/** How often sessions are looked at, at most. */
const MAX_SWEEP_MS = 1_000;

export class StreamSessions {
  readonly #env: StreamEnvironment;
  readonly #peers = new Map<LogicalAddress, StreamPeer>();
  /** The end of the session of this node with itself that answers. */
  #answering: StreamPeer | undefined;
  #sweepTimer: TimerHandle;
  #closed: Error | undefined;

  constructor(env: StreamEnvironment) {
    this.#env = env;
  }

  get(peer: LogicalAddress): StreamPeer {
    return this.#peers.get(peer) ?? this.#make(peer);
  }

  peek(peer: LogicalAddress): StreamPeer | undefined {
    return this.#peers.get(peer);
  }

  /** A peer has dialed for streams. */
  offer(pending: PendingPeer): void {
    if (this.#closed !== undefined) return pending.refuse("draining", this.#closed.message);
    this.get(pending.peer.address).offer(pending);
  }

  /** The process that now answers at `peer` is this one. */
  onIncarnation(peer: LogicalAddress, incarnation: bigint): void {
    this.#peers.get(peer)?.endOlder(incarnation);
  }

  /** The session of this node with itself; `undefined` when streams are opened no more. */
  local(): PeerSession | undefined {
    const { clock, identity } = this.#env;
    const own = this.get(identity.address);
    if (own.current !== undefined || this.#closed !== undefined) return own.current;
    const [near, far] = LocalConnection.pair(clock);
    this.#answering ??= new StreamPeer(identity.address, this.#env);
    this.#answering.add(far, "acceptor", identity, undefined);
    return own.add(near, "dialer", identity, undefined);
  }

  /** Streams that are open. */
  get streamCount(): number {
    let count = 0;
    for (const peer of this.#peers.values()) count += peer.streamCount;
    return count;
  }

  status(): StreamSessionStatus[] {
    const all: StreamSessionStatus[] = [];
    for (const [address, { sessions }] of this.#peers) {
      for (const { session } of sessions) all.push({ peer: formatAddress(address), ...session.status() });
    }
    return all;
  }

  /** What has come of streams, over all sessions that there were. */
  totals(): StreamTotals {
    const statuses: SessionStatus[] = [];
    for (const peer of this.#all()) for (const { session } of peer.sessions) statuses.push(session.status());
    return this.#env.tally.snapshot(statuses);
  }

  /** From now on no streams are opened, by either side; those that are open go on. */
  announceShutdown(text: string): void {
    this.#stop(new Error(text));
    for (const peer of this.#all()) peer.goAway(this.#closed!);
  }

  /** Resolves when all streams are over, or were cut because `timeoutMs` was; gives how many were. */
  async close(timeoutMs: number): Promise<number> {
    this.announceShutdown("this node is closed");
    const own = [...this.#peers.values()].flatMap(({ sessions }) => sessions);
    const answering = this.#answering?.sessions ?? [];
    const cut = await Promise.all(own.map(({ session }) => session.close({ timeoutMs })));
    await Promise.all(answering.map(({ session }) => session.close({ timeoutMs: 0 })));
    return cut.reduce((sum, { cutStreams }) => sum + cutStreams, 0);
  }

  destroy(cause: Error): void {
    this.#stop(cause);
    for (const peer of this.#all()) peer.destroy(cause);
  }

  *#all(): IterableIterator<StreamPeer> {
    yield* this.#peers.values();
    if (this.#answering !== undefined) yield this.#answering;
  }

  #stop(cause: Error): void {
    this.#closed ??= cause;
    this.#env.clock.clearTimeout(this.#sweepTimer);
    this.#sweepTimer = undefined;
  }

  #make(address: LogicalAddress): StreamPeer {
    const peer = new StreamPeer(address, this.#env);
    if (this.#closed !== undefined) peer.goAway(this.#closed);
    this.#peers.set(address, peer);
    this.#armSweep();
    return peer;
  }

  #armSweep(): void {
    if (this.#sweepTimer !== undefined || this.#closed !== undefined || this.#peers.size === 0) return;
    const { clock, link } = this.#env;
    const shortest = Math.min(link.idleMs || MAX_SWEEP_MS, link.maxAgeMs || MAX_SWEEP_MS);
    this.#sweepTimer = clock.setTimeout(() => this.#sweep(), Math.min(MAX_SWEEP_MS, Math.max(1, shortest / 4)));
  }

  #sweep(): void {
    this.#sweepTimer = undefined;
    const now = this.#env.clock.now();
    for (const [address, peer] of this.#peers) {
      peer.sweep(now);
      if (peer.isForgettable(now)) this.#peers.delete(address);
    }
    this.#answering?.sweep(now);
    this.#env.onSweep();
    this.#armSweep();
  }
}
