/** What a handler gets beside its request, and what the calls that it makes inherit. `declare`: see `call-table.ts` on what defining fields costs. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { LogicalAddress } from "../addr/logical-address.js";
import type { Clock } from "../internal/clock.js";
import type { Metadata } from "../wire/metadata.js";
import type { RequestSource } from "./reply-path.js";
import type { PeerLoad } from "./requests-in-progress.js";
import type { Context } from "./service.js";

/** Told once when nobody waits any more: what a listener on the signal would be, without the cost of a signal. */
export interface AbortWatcher {
  onAbort(reason: Error): void;
}

export class RequestContext implements Context {
  /** The connection on which it came and its answer goes. */
  declare readonly path: RequestSource;
  declare readonly from: LogicalAddress;
  declare readonly method: string;
  declare readonly deadlineAt: number;
  declare readonly epoch: number;
  declare readonly seq: number;
  /** Where it counts while its handler runs. */
  declare load: PeerLoad | undefined;
  /** Bytes of the request that count as long as the handler runs. */
  declare readonly bytes: number;
  /** Answered, cancelled, expired or cut off: what the handler still says is not sent. */
  declare ended: boolean;
  /** Whether cancels find it; see `requests-in-progress.ts`. */
  declare isTabulated: boolean;
  declare readonly metadata: Metadata;
  /** Work that a mailbox held back has begun: what is refused from now on is no refusal of the whole request. */
  declare hasBegun: boolean;
  declare private readonly clock: Clock;
  /** What few requests need, made when one does. */
  declare private fate: Fate | undefined;

  constructor(
    path: RequestSource,
    from: LogicalAddress,
    method: string,
    deadlineAt: number,
    epoch: number,
    seq: number,
    bytes: number,
    metadata: Metadata,
    clock: Clock,
  ) {
    this.path = path;
    this.from = from;
    this.method = method;
    this.deadlineAt = deadlineAt;
    this.epoch = epoch;
    this.seq = seq;
    this.bytes = bytes;
    this.metadata = metadata;
    this.ended = false;
    this.isTabulated = false;
    this.load = undefined;
    this.hasBegun = false;
    this.clock = clock;
    this.fate = undefined;
  }

  /** Nobody waits for an answer. Such messages have numbers of this side's own, which are negative. */
  get isOneWay(): boolean {
    return this.seq < 0;
  }

  get remainingMs(): number {
    return Math.max(0, this.deadlineAt - this.clock.now());
  }

  /** A controller costs more than the rest of a call: made only when somebody asks. */
  get signal(): AbortSignal {
    this.fate ??= new Fate();
    return this.fate.signal;
  }

  /** Why nobody waits any more; `undefined` while somebody does, and after the answer. */
  get abortReason(): Error | undefined {
    return this.fate?.reason;
  }

  /** Nobody waits any more. */
  abort(reason: Error): void {
    this.fate ??= new Fate();
    this.fate.abort(reason);
  }

  /** Must not be aborted yet. */
  watch(watcher: AbortWatcher): void {
    this.fate ??= new Fate();
    this.fate.watchers.add(watcher);
  }

  unwatch(watcher: AbortWatcher): void {
    this.fate?.watchers.delete(watcher);
  }
}

/** How a request ends before its answer, and who is told. */
class Fate {
  reason: Error | undefined;
  readonly watchers = new Set<AbortWatcher>();
  #controller: AbortController | undefined;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.reason !== undefined) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }

  abort(reason: Error): void {
    this.reason ??= reason;
    this.#controller?.abort(this.reason);
    const watchers = [...this.watchers];
    this.watchers.clear();
    for (const watcher of watchers) watcher.onAbort(reason);
  }
}

/** The request that the present code runs for; calls made there inherit its deadline. */
export const ambient = new AsyncLocalStorage<RequestContext | undefined>();
