/**
 * Requests whose handlers have not settled yet. Two things end apart: an answer is no longer wanted after a cancel, the
 * deadline or the loss of the connection; the handler runs until it settles, and counts where limits count it, or whoever
 * cancels fast enough could start as many as he likes.
 *
 * Most handlers answer in the turn in which they were called. So a request is only put on a list at first, and into the
 * table where cancels look for it when the turn is over (worth 5 % of a call on the serving side).
 */
import { ANONYMOUS, formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { RpcError } from "../errors.js";
import type { LimitName } from "../events/events.js";
import type { LimitHits } from "../events/limit-hits.js";
import type { Clock, TimerHandle } from "../internal/clock.js";
import type { Resolved } from "../internal/resolved.js";
import type { RequestSource } from "./reply-path.js";
import type { RequestContext } from "./request-context.js";
import type { RpcOptions } from "./rpc-options.js";

type Key = number | string;

/** How many handlers work for one peer, over whichever connection it asked. */
export interface PeerLoad {
  readonly peer: LogicalAddress;
  running: number;
}

export class RequestsInProgress {
  readonly #clock: Clock;
  readonly #options: Resolved<RpcOptions>;
  readonly #limits: LimitHits;
  readonly #onExpired: (context: RequestContext) => void;
  /** Those whose answer is wanted. */
  readonly #paths = new Map<RequestSource, Map<Key, RequestContext>>();
  readonly #loads = new Map<LogicalAddress, PeerLoad>();
  #recentLoad: PeerLoad = { peer: ANONYMOUS, running: 0 };
  /** Of this turn, not in the table yet. */
  #fresh: RequestContext[] = [];
  #running = 0;
  #wanted = 0;
  #bytes = 0;
  #oneWays = 0;
  #timer: TimerHandle;
  #timerAt = Number.POSITIVE_INFINITY;
  #waiters: (() => void)[] = [];

  constructor(clock: Clock, options: Resolved<RpcOptions>, limits: LimitHits, onExpired: (context: RequestContext) => void) {
    this.#clock = clock;
    this.#options = options;
    this.#limits = limits;
    this.#onExpired = onExpired;
  }

  /** Handlers that run. */
  get size(): number {
    return this.#running;
  }

  /** Those whose answer is wanted. */
  get wanted(): number {
    return this.#wanted;
  }

  /** Hot path. Why one more of `bytes` cannot be taken from the node `from`; `undefined` when it can. */
  full(from: LogicalAddress, bytes: number): string | undefined {
    if (this.#running === 0) return undefined;
    const { maxRequests, maxRequestsPerPeer, maxRequestBytes } = this.#options;
    if (this.#running >= maxRequests) return this.#hit("rpc.maxRequests", `handlers work on ${this.#running} requests`, from);
    if (this.#bytes + bytes > maxRequestBytes)
      return this.#hit("rpc.maxRequestBytes", `handlers work on requests of ${this.#bytes} bytes`, from);
    const { peer, running } = this.#loadOf(from);
    if (running < maxRequestsPerPeer) return undefined;
    return this.#hit("rpc.maxRequestsPerPeer", `handlers work on ${running} requests of ${formatAddress(peer)}`, from);
  }

  /** A key for a one-way message, which has no number that anybody refers to. */
  nextOneWay(): number {
    this.#oneWays = (this.#oneWays + 1) % Number.MAX_SAFE_INTEGER;
    return -this.#oneWays;
  }

  /** Hot path. A handler has been called, and has not answered yet. */
  add(context: RequestContext): void {
    if (this.#fresh.length === 0) this.#clock.afterTurn(this.#tabulate);
    this.#fresh.push(context);
    const load = this.#loadOf(context.from);
    load.running++;
    context.load = load;
    this.#running++;
    this.#wanted++;
    this.#bytes += context.bytes;
  }

  /** Hot path. The handler has settled; false when its answer is not wanted any more. */
  settled(context: RequestContext): boolean {
    const load = context.load!;
    if (--load.running === 0) this.#loads.delete(load.peer);
    this.#running--;
    this.#bytes -= context.bytes;
    return this.#end(context);
  }

  /** Whether any answer to `path` is wanted. */
  has(path: RequestSource): boolean {
    this.#tabulate();
    return (this.#paths.get(path)?.size ?? 0) > 0;
  }

  /** The answer to this request is not wanted any more; `undefined` when it was not anyhow. */
  take(path: RequestSource, from: LogicalAddress, epoch: number, seq: number): RequestContext | undefined {
    this.#tabulate();
    const context = this.#paths.get(path)?.get(keyOf(path, from, epoch, seq));
    if (context !== undefined) this.#end(context);
    return context;
  }

  /** No answers to `path` are wanted any more: it is gone. */
  takePath(path: RequestSource): RequestContext[] {
    this.#tabulate();
    const contexts = [...(this.#paths.get(path)?.values() ?? [])];
    for (const context of contexts) this.#end(context);
    this.#paths.delete(path);
    return contexts;
  }

  takeAll(): RequestContext[] {
    this.#tabulate();
    const all = [...this.#paths.keys()].flatMap((path) => this.takePath(path));
    this.#disarm();
    return all;
  }

  /** Resolves when no answer is wanted: a handler that nobody waits for holds up nothing. */
  idle(): Promise<void> {
    if (this.#wanted === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
    });
  }

  #hit(limit: LimitName, reason: string, peer: LogicalAddress): string {
    this.#limits.hit(limit, reason, peer);
    return reason;
  }

  #end(context: RequestContext): boolean {
    if (context.ended) return false;
    context.ended = true;
    if (context.isTabulated) this.#paths.get(context.path)?.delete(keyOf(context.path, context.from, context.epoch, context.seq));
    if (--this.#wanted === 0 && this.#waiters.length > 0) this.#onIdle();
    return true;
  }

  #loadOf(peer: LogicalAddress): PeerLoad {
    const recent = this.#recentLoad;
    if (recent.peer === peer && recent.running > 0) return recent;
    let load = this.#loads.get(peer);
    if (load === undefined) {
      load = { peer, running: 0 };
      this.#loads.set(peer, load);
    }
    this.#recentLoad = load;
    return load;
  }

  #onIdle(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }

  readonly #tabulate = (): void => {
    const fresh = this.#fresh;
    if (fresh.length === 0) return;
    this.#fresh = [];
    for (const context of fresh) {
      if (!context.ended) this.#index(context);
    }
  };

  #index(context: RequestContext): void {
    const { path, from, epoch, seq, deadlineAt } = context;
    let requests = this.#paths.get(path);
    if (requests === undefined) {
      requests = new Map();
      this.#paths.set(path, requests);
    }
    const key = keyOf(path, from, epoch, seq);
    const before = requests.get(key);
    // No peer of ours counts so: whoever gave the number twice has lost track of the first request.
    if (before !== undefined && this.#end(before)) before.abort(new RpcError("CANCELLED", "the caller used the request's number again"));
    requests.set(key, context);
    context.isTabulated = true;
    if (deadlineAt < this.#timerAt) this.#arm(deadlineAt);
  }

  #arm(at: number): void {
    this.#disarm();
    this.#timerAt = at;
    this.#timer = this.#clock.setTimeout(() => this.#sweep(), at - this.#clock.now() + this.#wanted / 2_000);
  }

  #disarm(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #sweep(): void {
    this.#disarm();
    const now = this.#clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const requests of this.#paths.values()) {
      for (const context of requests.values()) {
        if (context.deadlineAt > now) {
          if (context.deadlineAt < next) next = context.deadlineAt;
        } else if (this.#end(context)) {
          this.#onExpired(context);
        }
      }
    }
    if (next !== Number.POSITIVE_INFINITY) this.#arm(next);
  }
}

/** Of the peer's own requests the number is enough: a connection has one incarnation. Relayed ones need all of it. */
function keyOf(path: RequestSource, from: LogicalAddress, epoch: number, seq: number): Key {
  return from === path.peer.address ? seq : `${from}:${epoch}:${seq}`;
}
