/**
 * Requests whose handlers have not answered yet: for cancels, for deadlines, for the limits per peer and per node.
 * An entry ends with the answer, the cancel, the deadline or the loss of its connection, whichever comes first.
 *
 * Most handlers answer in the turn in which they were called. So a request is only put on a list at first, and into the
 * table where cancels look for it when the turn is over (worth 5 % of a call on the serving side).
 */
import { formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { RpcError } from "../errors.js";
import type { Clock, TimerHandle } from "../internal/clock.js";
import type { Resolved } from "../internal/resolved.js";
import type { ReplyPath } from "./reply-path.js";
import type { RequestContext } from "./request-context.js";
import type { RpcOptions } from "./rpc-options.js";

type Key = number | string;

export class RequestsInProgress {
  readonly #clock: Clock;
  readonly #options: Resolved<RpcOptions>;
  readonly #onExpired: (context: RequestContext) => void;
  readonly #paths = new Map<ReplyPath, Map<Key, RequestContext>>();
  /** Of this turn, not in the table yet. */
  #fresh: RequestContext[] = [];
  #size = 0;
  #bytes = 0;
  #oneWays = 0;
  #timer: TimerHandle;
  #timerAt = Number.POSITIVE_INFINITY;
  #waiters: (() => void)[] = [];

  constructor(clock: Clock, options: Resolved<RpcOptions>, onExpired: (context: RequestContext) => void) {
    this.#clock = clock;
    this.#options = options;
    this.#onExpired = onExpired;
  }

  get size(): number {
    return this.#size;
  }

  /** Hot path. Why one more of `bytes` cannot be taken from `path`; `undefined` when it can. */
  full(path: ReplyPath, bytes: number): string | undefined {
    if (this.#size === 0) return undefined;
    const { maxRequests, maxRequestsPerPeer, maxRequestBytes } = this.#options;
    if (this.#size >= maxRequests) return `handlers work on ${this.#size} requests`;
    if (this.#bytes + bytes > maxRequestBytes) return `handlers work on requests of ${this.#bytes} bytes`;
    if ((this.#paths.get(path)?.size ?? 0) >= maxRequestsPerPeer)
      return `handlers work on ${maxRequestsPerPeer} requests of ${formatAddress(path.peer.address)}`;
    return undefined;
  }

  /** A key for a one-way message, which has no number that anybody refers to. */
  nextOneWay(): number {
    this.#oneWays = (this.#oneWays + 1) % Number.MAX_SAFE_INTEGER;
    return -this.#oneWays;
  }

  /** Hot path. */
  add(context: RequestContext): void {
    if (this.#fresh.length === 0) this.#clock.afterTurn(this.#tabulate);
    this.#fresh.push(context);
    this.#size++;
    this.#bytes += context.bytes;
  }

  /** Hot path. False when the request has ended already. */
  finish(context: RequestContext): boolean {
    if (context.ended) return false;
    context.ended = true;
    if (context.isTabulated) this.#paths.get(context.path)?.delete(keyOf(context.path, context.from, context.epoch, context.seq));
    this.#size--;
    this.#bytes -= context.bytes;
    if (this.#size === 0 && this.#waiters.length > 0) this.#onIdle();
    return true;
  }

  /** Whether any request of `path` is in progress. */
  has(path: ReplyPath): boolean {
    this.#tabulate();
    return (this.#paths.get(path)?.size ?? 0) > 0;
  }

  /** Ends the request that the caller calls so; `undefined` when it has ended already. */
  take(path: ReplyPath, from: LogicalAddress, epoch: number, seq: number): RequestContext | undefined {
    this.#tabulate();
    const context = this.#paths.get(path)?.get(keyOf(path, from, epoch, seq));
    if (context !== undefined) this.finish(context);
    return context;
  }

  /** Ends everything that came over `path`, which is gone. */
  takePath(path: ReplyPath): RequestContext[] {
    this.#tabulate();
    const contexts = [...(this.#paths.get(path)?.values() ?? [])];
    for (const context of contexts) this.finish(context);
    this.#paths.delete(path);
    return contexts;
  }

  takeAll(): RequestContext[] {
    this.#tabulate();
    const all = [...this.#paths.keys()].flatMap((path) => this.takePath(path));
    this.#disarm();
    return all;
  }

  idle(): Promise<void> {
    if (this.#size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
    });
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
    if (before !== undefined && this.finish(before)) before.abort(new RpcError("CANCELLED", "the caller used the request's number again"));
    requests.set(key, context);
    context.isTabulated = true;
    if (deadlineAt < this.#timerAt) this.#arm(deadlineAt);
  }

  #arm(at: number): void {
    this.#disarm();
    this.#timerAt = at;
    this.#timer = this.#clock.setTimeout(() => this.#sweep(), at - this.#clock.now() + this.#size / 2_000);
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
        } else if (this.finish(context)) {
          this.#onExpired(context);
        }
      }
    }
    if (next !== Number.POSITIVE_INFINITY) this.#arm(next);
  }
}

/** Of the peer's own requests the number is enough: a connection has one incarnation. Relayed ones need all of it. */
function keyOf(path: ReplyPath, from: LogicalAddress, epoch: number, seq: number): Key {
  return from === path.peer.address ? seq : `${from}:${epoch}:${seq}`;
}
