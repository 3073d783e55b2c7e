/**
 * Requests whose handlers have not answered yet: for cancels, for deadlines, for the limits per peer and per node.
 * An entry ends with the answer, the cancel, the deadline or the loss of its connection, whichever comes first.
 */
import { type LogicalAddress, formatAddress } from "../addr/logical-address.js";
import type { Clock, TimerHandle } from "../internal/clock.js";
import type { Resolved } from "../internal/resolved.js";
import type { ReplyPath } from "./reply-path.js";
import type { RequestContext } from "./request-context.js";
import type { RpcOptions } from "./rpc-options.js";

type Key = number | string;

export class RequestsInProgress {
  readonly #clock: Clock;
  readonly #options: Resolved<RpcOptions>;
  readonly #onExpired: (path: ReplyPath, context: RequestContext) => void;
  readonly #paths = new Map<ReplyPath, Map<Key, RequestContext>>();
  #size = 0;
  #bytes = 0;
  #oneWays = 0;
  #timer: TimerHandle;
  #timerAt = Number.POSITIVE_INFINITY;
  #waiters: (() => void)[] = [];

  constructor(clock: Clock, options: Resolved<RpcOptions>, onExpired: (path: ReplyPath, context: RequestContext) => void) {
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
    if ((this.#paths.get(path)?.size ?? 0) >= maxRequestsPerPeer) return `handlers work on ${maxRequestsPerPeer} requests of ${formatAddress(path.peer.address)}`;
    return undefined;
  }

  /** A key for a one-way message, which has no number that anybody refers to. */
  nextOneWay(): number {
    this.#oneWays = (this.#oneWays + 1) % Number.MAX_SAFE_INTEGER;
    return -this.#oneWays;
  }

  add(path: ReplyPath, context: RequestContext): void {
    let requests = this.#paths.get(path);
    if (requests === undefined) {
      requests = new Map();
      this.#paths.set(path, requests);
    }
    requests.set(keyOf(path, context.from, context.epoch, context.seq), context);
    this.#size++;
    this.#bytes += context.bytes;
    if (context.deadlineAt < this.#timerAt) this.#arm(context.deadlineAt);
  }

  take(path: ReplyPath, from: LogicalAddress, epoch: number, seq: number): RequestContext | undefined {
    const requests = this.#paths.get(path);
    const key = keyOf(path, from, epoch, seq);
    const context = requests?.get(key);
    if (context === undefined) return undefined;
    requests!.delete(key);
    this.#forget(context);
    return context;
  }

  /** Everything that came over `path`, which is gone. */
  takePath(path: ReplyPath): RequestContext[] {
    const contexts = [...(this.#paths.get(path)?.values() ?? [])];
    this.#paths.delete(path);
    for (const context of contexts) this.#forget(context);
    return contexts;
  }

  takeAll(): RequestContext[] {
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

  #forget(context: RequestContext): void {
    this.#size--;
    this.#bytes -= context.bytes;
    if (this.#size > 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
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
    for (const [path, requests] of this.#paths) {
      for (const [key, context] of requests) {
        if (context.deadlineAt > now) {
          if (context.deadlineAt < next) next = context.deadlineAt;
          continue;
        }
        requests.delete(key);
        this.#forget(context);
        this.#onExpired(path, context);
      }
    }
    if (next !== Number.POSITIVE_INFINITY) this.#arm(next);
  }
}

/** Of the peer's own requests the number is enough: a connection has one incarnation. Relayed ones need all of it. */
function keyOf(path: ReplyPath, from: LogicalAddress, epoch: number, seq: number): Key {
  return from === path.peer.address ? seq : `${from}:${epoch}:${seq}`;
}
