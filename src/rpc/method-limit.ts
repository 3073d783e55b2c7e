/** How many requests of one method are worked on at once; wraps its handler, so that methods without a limit cost nothing. */
import type { LimitHits } from "../events/limit-hits.js";
import type { Resolved } from "../internal/resolved.js";
import type { MethodLimitOptions, MethodLimitStatus } from "./method-limit-options.js";
import { notBegun } from "./refusal.js";
import type { Context } from "./service.js";
import { type Work, type WorkCounters, type WorkOrder, WorkQueue } from "./work-queue.js";

export class MethodLimit extends WorkQueue {
  readonly #method: string;
  readonly #counters: WorkCounters;
  readonly #limits: LimitHits;
  #maxConcurrent: number;
  #maxQueued: number;

  constructor(method: string, { maxConcurrent, maxQueued }: Resolved<MethodLimitOptions>, limits: LimitHits) {
    const counters: WorkCounters = { waiting: 0, started: 0, refused: 0, withdrawn: 0 };
    super(maxConcurrent, counters);
    this.#method = method;
    this.#counters = counters;
    this.#limits = limits;
    this.#maxConcurrent = maxConcurrent;
    this.#maxQueued = maxQueued;
  }

  status(): MethodLimitStatus {
    return { running: this.running, queued: this.waiting, refused: this.#counters.refused };
  }

  /** What runs goes on, what waits keeps its place. */
  change({ maxConcurrent, maxQueued }: Resolved<MethodLimitOptions>): void {
    this.#maxConcurrent = maxConcurrent;
    this.#maxQueued = maxQueued;
    this.widen(maxConcurrent);
  }

  /** Calls `handler` now or later, or throws RESOURCE_EXHAUSTED. */
  run(handler: Work, input: unknown, context: Context): unknown {
    const order: WorkOrder = { work: handler, input, context, isWholeRequest: true, isDetached: false, signal: undefined };
    if (this.isOpen) return this.enter(order);
    if (this.waiting < this.#maxQueued) return this.wait(order);
    this.#counters.refused++;
    const queued = this.waiting === 0 ? "" : `, ${this.waiting} wait`;
    const reason = `${this.#method} is limited to ${this.#maxConcurrent} requests at once, ${this.running} run${queued}`;
    this.#limits.hit("limit.maxConcurrent", reason, context.from, this.#method);
    throw notBegun(true, "RESOURCE_EXHAUSTED", `${reason}; call less at once, or another node`);
  }

  protected override describe(): string {
    return this.#method;
  }

  protected override begin({ work, input, context }: WorkOrder): unknown {
    return work(input as never, context as never);
  }

  protected override ended(): void {}

  protected override onIdle(): void {}
}
