/**
 * Runs at most so many pieces of work at once and lets others wait, first come, first served. What both mailboxes (one
 * at a time, per key) and limits of methods are made of. Has no timer: who waits leaves with its request.
 */

import { AsyncResource } from "node:async_hooks";
import { RpcError } from "../errors.js";
import type { AbortSignal } from "../internal/abort-signal.js";
import { isThenable } from "../internal/is-thenable.js";
import { messageOf } from "../internal/message-of.js";
import { notBegun } from "./refusal.js";
import { type AbortWatcher, ambient, type RequestContext } from "./request-context.js";

export type Work = (input: never, context: never) => unknown;

/** A piece of work, and whom it belongs to. */
export interface WorkOrder {
  readonly work: Work;
  readonly input: unknown;
  readonly context: unknown;
  /** It is all that the request in progress asks for: see `refusal.ts`. */
  readonly isWholeRequest: boolean;
  /** Not part of the request in progress, whose cancel and deadline do not apply. */
  readonly isDetached: boolean;
  /** Takes it out of the queue. */
  readonly signal: AbortSignal | undefined;
}

/** What happened to all the work of one mailbox, or of one method. */
export interface WorkCounters {
  waiting: number;
  started: number;
  /** For want of room. */
  refused: number;
  /** Cancelled or too late before their turn. */
  withdrawn: number;
}

export abstract class WorkQueue {
  readonly #counters: WorkCounters;
  #width: number;
  #running = 0;
  #waiting = 0;
  #first: WaitingWork | undefined;
  #last: WaitingWork | undefined;

  constructor(width: number, counters: WorkCounters) {
    this.#width = width;
    this.#counters = counters;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Whether work may begin now, without overtaking any. */
  get isOpen(): boolean {
    return this.#running < this.#width && this.#first === undefined;
  }

  /** How a wait reads: `a place for "lobby"`. */
  protected abstract describe(): string;

  /** Calls `order.work`. Throws what it throws. */
  protected abstract begin(order: WorkOrder): unknown;

  /** One piece of work has settled. */
  protected abstract ended(): void;

  /** Nothing runs and nothing waits. */
  protected abstract onIdle(): void;

  widen(width: number): void {
    this.#width = width;
    this.#advance();
  }

  /** What nobody waits for must not begin. @throws RpcError saying why. */
  assertInTime(order: WorkOrder): void {
    const reason = this.#tooLate(order);
    if (reason !== undefined) throw reason;
  }

  /** Begins at once; the queue must be open. Gives what the work gives, a promise only when that is one. */
  enter(order: WorkOrder): unknown {
    try {
      return this.#run(order);
    } finally {
      if (this.#first !== undefined) queueMicrotask(() => this.#advance());
      else if (this.#running === 0) this.onIdle();
    }
  }

  /** Begins in its turn; rejects, without having begun, when its request is cancelled or late or its signal aborted before. */
  wait(order: WorkOrder): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const waiting = new WaitingWork(this, order, resolve, reject);
      if (this.#last === undefined) this.#first = waiting;
      else this.#last.next = waiting;
      waiting.previous = this.#last;
      this.#last = waiting;
      this.#waiting++;
      this.#counters.waiting++;
    });
  }

  /** The work that has waited longest leaves for want of room. */
  refuseOldest(reason: string): void {
    const { order } = this.#first!;
    this.#counters.refused++;
    this.#first!.leave(() => notBegun(order.isWholeRequest, "RESOURCE_EXHAUSTED", reason));
  }

  /** All that wait leave. */
  withdrawAll(reason: string): void {
    while (this.#first !== undefined) this.#first.withdraw(new Error(reason));
  }

  /** @internal For {@link WaitingWork}: begins it, or says why not. */
  take({ order, resolve, reject }: WaitingWork): void {
    const reason = this.#tooLate(order);
    if (reason !== undefined) return reject(reason);
    try {
      resolve(this.#run(order));
    } catch (error) {
      reject(error);
    }
  }

  /** @internal For {@link WaitingWork}: `waiting` is out of the line. */
  unlink(waiting: WaitingWork): void {
    const { previous, next } = waiting;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    this.#waiting--;
    this.#counters.waiting--;
  }

  /** @internal For {@link WaitingWork}: the error of work that was not begun because of `cause`. */
  withdrawn(order: WorkOrder, code: string, cause: Error): Error {
    this.#counters.withdrawn++;
    return notBegun(order.isWholeRequest, code, `not begun: waiting for ${this.describe()} ended: ${cause.message}`, cause);
  }

  #tooLate(order: WorkOrder): Error | undefined {
    const { signal } = order;
    if (signal?.aborted === true) return this.withdrawn(order, "CANCELLED", errorOf(signal));
    const request = order.isDetached ? undefined : ambient.getStore();
    if (request === undefined) return undefined;
    const { abortReason } = request;
    if (abortReason !== undefined) return this.withdrawn(order, codeOf(abortReason), abortReason);
    if (request.remainingMs > 0) return undefined;
    return this.withdrawn(order, "DEADLINE_EXCEEDED", new Error(`the caller's deadline for ${request.method} is over`));
  }

  #run(order: WorkOrder): unknown {
    this.#running++;
    this.#counters.started++;
    let result: unknown;
    try {
      result = this.begin(order);
    } catch (error) {
      this.#running--;
      this.ended();
      throw error;
    }
    if (!isThenable(result)) {
      this.#running--;
      this.ended();
      return result;
    }
    return Promise.resolve(result).then(
      (value) => {
        this.#settled();
        return value;
      },
      (error: unknown) => {
        this.#settled();
        throw error;
      },
    );
  }

  #settled(): void {
    this.#running--;
    this.ended();
    this.#advance();
  }

  /** Begins what may begin: several pieces when they end in the turn in which they began. */
  #advance(): void {
    while (this.#running < this.#width && this.#first !== undefined) this.#first.begin();
    if (this.#running === 0 && this.#first === undefined) this.onIdle();
  }
}

/** Work in the line; begins in the asynchronous context in which it was ordered. */
class WaitingWork extends AsyncResource implements AbortWatcher {
  readonly order: WorkOrder;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
  previous: WaitingWork | undefined;
  next: WaitingWork | undefined;
  readonly #queue: WorkQueue;
  readonly #request: RequestContext | undefined;
  readonly #onSignal: (() => void) | undefined;

  constructor(queue: WorkQueue, order: WorkOrder, resolve: (value: unknown) => void, reject: (reason: unknown) => void) {
    super("CLUSTERTS_WAITING_WORK", { requireManualDestroy: true });
    this.#queue = queue;
    this.order = order;
    this.resolve = resolve;
    this.reject = reject;
    this.#request = order.isDetached ? undefined : ambient.getStore();
    this.#request?.watch(this);
    const { signal } = order;
    if (signal === undefined) return;
    this.#onSignal = () => this.withdraw(errorOf(signal));
    signal.addEventListener("abort", this.#onSignal, { once: true });
  }

  begin(): void {
    this.#out();
    this.runInAsyncScope(this.#queue.take, this.#queue, this);
    this.emitDestroy();
  }

  /** The request that it belongs to has nobody who waits any more. */
  onAbort(reason: Error): void {
    this.withdraw(reason);
  }

  withdraw(cause: Error): void {
    this.leave(() => this.#queue.withdrawn(this.order, codeOf(cause), cause));
  }

  /** Rejects with what `reason` gives, in the context in which it was ordered. */
  leave(reason: () => Error): void {
    this.#out();
    this.reject(this.runInAsyncScope(reason));
    this.emitDestroy();
  }

  #out(): void {
    this.#queue.unlink(this);
    this.#request?.unwatch(this);
    if (this.#onSignal !== undefined) this.order.signal!.removeEventListener("abort", this.#onSignal);
  }
}

function errorOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error(messageOf(reason));
}

/** CANCELLED, unless the reason says it more exactly. */
function codeOf(reason: Error): string {
  return RpcError.is(reason) ? reason.code : "CANCELLED";
}
