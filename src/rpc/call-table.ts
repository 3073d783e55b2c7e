/** Calls that wait for their replies, by target and sequence number. */
import type { LogicalAddress } from "../addr/logical-address.js";
import type { RpcError } from "../errors.js";
import type { Clock, TimerHandle } from "../internal/clock.js";
import { SeqTable } from "../internal/seq-table.js";
import { nextSeq, seqBefore } from "../wire/header.js";
import type { CallWatch } from "./call-watch.js";
import type { Outbound } from "./outbound.js";
import type { Picker } from "./picker.js";
import type { CallOptions, Method } from "./service.js";

/** What one more attempt elsewhere needs. */
export interface Retry {
  readonly picker: Picker;
  readonly input: unknown;
}

/**
 * One call in flight. Settled exactly once, by whoever takes it out of the table. A literal rather than a class: the
 * fields that a class declares are defined one by one before they are set, which costs the caller a fifth of a call.
 */
export interface Call {
  readonly method: Method<unknown, unknown>;
  readonly to: LogicalAddress;
  readonly seq: number;
  readonly startedAt: number;
  readonly deadlineAt: number;
  readonly outbound: Outbound;
  readonly options: CallOptions | undefined;
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: RpcError) => void;
  /** Only for a picker, and only until it was used. */
  retry: Retry | undefined;
  /** Where somebody watches calls. */
  readonly watch: CallWatch | undefined;
}

/** The sequence numbers of one target, and the calls that are under way to it. */
export class PeerCalls {
  readonly to: LogicalAddress;
  readonly calls = new SeqTable<Call>();
  #seq: number;
  /** After four thousand million numbers, one may still be taken by a call from before. */
  #wrapped = false;

  /** `last`: numbers begin behind it. */
  constructor(to: LogicalAddress, last: number) {
    this.to = to;
    this.#seq = last;
  }

  /** The number given last. */
  get last(): number {
    return this.#seq;
  }

  /** Hot path. The next number that no call in flight has. */
  next(): number {
    let seq = nextSeq(this.#seq);
    if (seq < this.#seq) this.#wrapped = true;
    if (this.#wrapped) while (this.calls.has(seq)) seq = nextSeq(seq);
    this.#seq = seq;
    return seq;
  }
}

/** Targets whose numbers are remembered one by one. Through harbors any address is a target, also one that somebody made up. */
const MAX_PEERS = 65_536;

/** Below this many calls a deadline fires to the millisecond; above, sweeps are spaced out so that they cost little. */
const SWEEP_CALLS_PER_MS = 2_000;

export class CallTable {
  readonly #clock: Clock;
  readonly #onExpired: (call: Call) => void;
  readonly #peers = new Map<LogicalAddress, PeerCalls>();
  #recent: PeerCalls | undefined;
  /** No target that was forgotten has had a higher number: gaps mean nothing, and a number that comes again much. */
  #forgotten = 0;
  #timer: TimerHandle;
  #timerAt = Number.POSITIVE_INFINITY;
  #size = 0;
  #idleWaiters: (() => void)[] = [];

  constructor(clock: Clock, onExpired: (call: Call) => void) {
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  get size(): number {
    return this.#size;
  }

  peer(to: LogicalAddress): PeerCalls {
    const recent = this.#recent;
    if (recent !== undefined && recent.to === to) return recent;
    let peer = this.#peers.get(to);
    if (peer === undefined) {
      if (this.#peers.size >= MAX_PEERS) this.#forgetOne();
      peer = new PeerCalls(to, this.#forgotten);
      this.#peers.set(to, peer);
    }
    this.#recent = peer;
    return peer;
  }

  waitsFor(to: LogicalAddress): boolean {
    return (this.#peers.get(to)?.calls.size ?? 0) > 0;
  }

  /** Whether a call to `to` from number `first` to `last` waits. */
  waitsWithin(to: LogicalAddress, first: number, last: number): boolean {
    const calls = this.#peers.get(to)?.calls;
    if (calls === undefined || calls.size === 0) return false;
    for (const { seq } of calls) if (!seqBefore(seq, first) && !seqBefore(last, seq)) return true;
    return false;
  }

  /** Hot path. */
  add(peer: PeerCalls, call: Call): void {
    peer.calls.add(call);
    this.#size++;
    if (call.deadlineAt < this.#timerAt) this.#arm(call.deadlineAt);
  }

  /** Hot path. Takes the call out, so that nobody else can settle it; `undefined` when it is settled already. */
  take(to: LogicalAddress, seq: number): Call | undefined {
    const peer = this.#recent !== undefined && this.#recent.to === to ? this.#recent : this.#peers.get(to);
    const call = peer?.calls.take(seq);
    if (call === undefined) return undefined;
    if (--this.#size === 0) this.#onIdle();
    return call;
  }

  /** The calls to `to`, in the order in which they were placed. A copy. */
  of(to: LogicalAddress): Call[] {
    return this.#peers.get(to)?.calls.values() ?? [];
  }

  /** Takes out the calls to `to` from `first` to `last`. */
  takeRange(to: LogicalAddress, first: number, last: number): Call[] {
    const taken: Call[] = [];
    for (const call of this.#peers.get(to)?.calls.values() ?? []) {
      if (!seqBefore(call.seq, first) && !seqBefore(last, call.seq)) taken.push(call);
    }
    for (const call of taken) this.take(to, call.seq);
    return taken;
  }

  /** The call that is under way, if it is. Stays there. */
  peek(to: LogicalAddress, seq: number): Call | undefined {
    return this.#peers.get(to)?.calls.get(seq);
  }

  /** Those that have waited longest, at most `count`, the oldest first. Reads all: for people who look. */
  oldest(count: number): Call[] {
    const oldest: Call[] = [];
    for (const { calls } of this.#peers.values()) {
      for (const call of calls) {
        const last = oldest.at(-1);
        if (oldest.length === count && last !== undefined && last.startedAt <= call.startedAt) continue;
        const at = oldest.findIndex(({ startedAt }) => startedAt > call.startedAt);
        oldest.splice(at < 0 ? oldest.length : at, 0, call);
        if (oldest.length > count) oldest.pop();
      }
    }
    return oldest;
  }

  takeAll(): Call[] {
    const all = [...this];
    for (const call of all) this.take(call.to, call.seq);
    this.#disarm();
    return all;
  }

  /** Resolves when no call waits for a reply. */
  idle(): Promise<void> {
    if (this.#size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve);
    });
  }

  *[Symbol.iterator](): IterableIterator<Call> {
    for (const peer of this.#peers.values()) yield* peer.calls.values();
  }

  /** Forgets the target that was met first among those for which no call waits. */
  #forgetOne(): void {
    for (const [to, { calls, last }] of this.#peers) {
      if (calls.size > 0) continue;
      this.#peers.delete(to);
      if (last > this.#forgotten) this.#forgotten = last;
      return;
    }
  }

  #onIdle(): void {
    if (this.#idleWaiters.length === 0) return;
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const resolve of waiters) resolve();
  }

  #arm(at: number): void {
    const now = this.#clock.now();
    this.#disarm();
    this.#timerAt = at;
    this.#timer = this.#clock.setTimeout(() => this.#sweep(), Math.max(this.#size / SWEEP_CALLS_PER_MS, at - now));
  }

  #disarm(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #sweep(): void {
    this.#disarm();
    const now = this.#clock.now();
    const expired: Call[] = [];
    let next = Number.POSITIVE_INFINITY;
    for (const call of this) {
      if (call.deadlineAt <= now) expired.push(call);
      else if (call.deadlineAt < next) next = call.deadlineAt;
    }
    if (next !== Number.POSITIVE_INFINITY) this.#arm(next);
    for (const call of expired) if (this.take(call.to, call.seq) === call) this.#onExpired(call);
  }
}
