/// <reference lib="esnext.disposable" preserve="true" />
/** Serial execution per key: one task at a time for each room, each player; different keys run side by side. */
import { RpcError } from "../errors.js";
import { limitEvents } from "../events/channels.js";
import type { AbortSignal } from "../internal/abort-signal.js";
import type { Resolved } from "../internal/resolved.js";
import { describeKey, Lane } from "./mailbox-lane.js";
import { type MailboxOptions, resolveMailboxOptions } from "./mailbox-options.js";
import { notBegun } from "./refusal.js";
import type { UnaryHandler } from "./service.js";
import type { Work, WorkCounters, WorkOrder } from "./work-queue.js";

/** What tells tasks apart: equal as in a `Map`, so that `7`, `7n` and `"7"` are three keys. */
export type MailboxKey = string | number | bigint | object;

export interface RunOptions {
  /** Aborting it takes the task out of the queue; one that has begun goes on. */
  signal?: AbortSignal | undefined;
  /**
   * `true`: the task is no part of the request and of the task that it is ordered in. Their cancel and deadline do not apply
   * to it, nor to calls that it makes, and it may have the key of the task that orders it, which must not await it then.
   */
  detached?: boolean | undefined;
}

export interface MailboxStatus {
  readonly name: string;
  /** Keys that have a task which runs. Others are not remembered. */
  readonly keys: number;
  readonly queued: number;
  /** The task that runs longest: one that never settles blocks its key, and stands here. */
  readonly longestRunning: { readonly key: string; readonly runningMs: number; readonly queued: number } | undefined;
  /** Since the mailbox was made: tasks that began, that found no room, and that were cancelled or too late before their turn. */
  readonly started: number;
  readonly refused: number;
  readonly withdrawn: number;
}

/**
 * Runs tasks of one key one after the other, in the order in which they came, and tasks of different keys side by side.
 *
 * @throws {@link InvalidOptionsError} listing every fault.
 */
export function mailbox<K extends MailboxKey = MailboxKey>(options: MailboxOptions = {}): Mailbox<K> {
  return new Mailbox(resolveMailboxOptions(options));
}

export class Mailbox<K extends MailboxKey = MailboxKey> implements AsyncDisposable {
  readonly #options: Resolved<MailboxOptions>;
  readonly #counters: WorkCounters = { waiting: 0, started: 0, refused: 0, withdrawn: 0 };
  readonly #lanes = new Map<K, Lane>();
  readonly #owner = {
    clock: { now: (): number => this.#options.clock.now() },
    counters: this.#counters,
    onLaneIdle: (lane: Lane): void => this.#forget(lane),
  };
  #closed: string | undefined;
  #waiters: (() => void)[] = [];

  /** @internal Use {@link mailbox}. */
  constructor(options: Resolved<MailboxOptions>) {
    this.#options = options;
  }

  /**
   * Runs `task` when no other one of `key` runs: at once when the key is free, else in its turn. Settles as the task does.
   *
   * A task belongs to the request whose handler orders it: cancelled or past its deadline, it leaves the queue. One that has
   * begun is told by the request's signal and keeps its key until it settles.
   *
   * @throws {@link RpcError} by rejection, `execution` `"notRun"`: RESOURCE_EXHAUSTED when there is no room, CANCELLED,
   *   DEADLINE_EXCEEDED. Error by rejection when a task asks for its own key: it would wait for itself.
   */
  run<T>(key: K, task: () => T | PromiseLike<T>, options: RunOptions = {}): Promise<T> {
    const order = {
      work: task,
      input: undefined,
      context: undefined,
      isWholeRequest: false,
      isDetached: options.detached === true,
      signal: options.signal,
    };
    try {
      return Promise.resolve(this.#submit(key, order) as T | PromiseLike<T>);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * A handler that runs in the mailbox, under the key that `keyOf` takes from its request:
   * `Chat.Register(node, { say: rooms.serial((request) => request.room, async (request, context) => ...) })`.
   *
   * What it refuses reaches the caller as `notRun`; so give it to `Register` as it is, not wrapped in a function that does something before.
   */
  serial<I, O, C>(keyOf: (request: I, context: C) => K, handler: UnaryHandler<I, O, C>): UnaryHandler<I, O, C> {
    const work = handler as Work;
    return (input, context) =>
      this.#submit(keyOf(input, context), { work, input, context, isWholeRequest: true, isDetached: false, signal: undefined }) as O;
  }

  status(): MailboxStatus {
    const { started, refused, withdrawn, waiting } = this.#counters;
    let longest: Lane | undefined;
    for (const lane of this.#lanes.values()) {
      if (lane.running > 0 && (longest === undefined || lane.startedAt < longest.startedAt)) longest = lane;
    }
    const longestRunning = longest && {
      key: describeKey(longest.key),
      runningMs: this.#options.clock.now() - longest.startedAt,
      queued: longest.waiting,
    };
    return { name: this.#options.name, keys: this.#lanes.size, queued: waiting, longestRunning, started, refused, withdrawn };
  }

  /** Resolves when nothing runs and nothing waits. Takes as long as the tasks do. */
  idle(): Promise<void> {
    if (this.#lanes.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
    });
  }

  /** Takes no more tasks; resolves when those that it has are done. */
  close(): Promise<void> {
    this.#closed ??= `mailbox ${describeKey(this.#options.name)} is closed`;
    return this.idle();
  }

  /** Takes no more tasks, and those that wait fail with CANCELLED. One that has begun cannot be stopped: see {@link idle}. */
  destroy(reason = `mailbox ${describeKey(this.#options.name)} was destroyed`): void {
    this.#closed = reason;
    for (const lane of [...this.#lanes.values()]) lane.withdrawAll(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #submit(key: K, order: WorkOrder): unknown {
    if (this.#closed !== undefined) throw notBegun(order.isWholeRequest, "CANCELLED", this.#closed);
    const present = this.#lanes.get(key);
    const lane = present ?? new Lane(key, this.#owner);
    lane.assertInTime(order);
    if (present === undefined) this.#lanes.set(key, lane);
    else if (!order.isDetached && lane.isHeldHere) {
      throw new Error(
        `a task of ${describeKey(key)} asks mailbox ${describeKey(this.#options.name)} for its own key, and would wait for itself; do the work in it, or pass detached: true and do not await it`,
      );
    }
    if (lane.isOpen) return lane.enter(order);
    this.#makeRoom(lane, order);
    return lane.wait(order);
  }

  /** @throws {@link RpcError} when there is none to make. */
  #makeRoom(lane: Lane, { isWholeRequest }: WorkOrder): void {
    const { name, maxQueued, maxQueuedTotal, overflow } = this.#options;
    const isLaneFull = lane.waiting >= maxQueued;
    if (!isLaneFull && this.#counters.waiting < maxQueuedTotal) return;
    if (limitEvents.hasSubscribers) this.#sayFull(isLaneFull ? "mailbox.maxQueued" : "mailbox.maxQueuedTotal");
    const reason = isLaneFull
      ? `mailbox ${describeKey(name)} lets ${maxQueued} tasks wait for ${describeKey(lane.key)}, and they do; call less at once, or raise its maxQueued`
      : `mailbox ${describeKey(name)} lets ${maxQueuedTotal} tasks wait, and they do, for ${this.#lanes.size} keys; call less at once, or raise its maxQueuedTotal`;
    if (overflow === "drop-oldest" && lane.waiting > 0) return lane.refuseOldest(`a newer one took its place: ${reason}`);
    this.#counters.refused++;
    throw notBegun(isWholeRequest, "RESOURCE_EXHAUSTED", reason);
  }

  #sayFull(limit: "mailbox.maxQueued" | "mailbox.maxQueuedTotal"): void {
    const reason = `mailbox ${describeKey(this.#options.name)}: ${this.#counters.waiting} tasks wait for ${this.#lanes.size} keys`;
    limitEvents.publish({ type: "limit", node: undefined, limit, peer: undefined, method: undefined, reason });
  }

  #forget(lane: Lane): void {
    if (this.#lanes.get(lane.key as K) === lane) this.#lanes.delete(lane.key as K);
    if (this.#lanes.size > 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }
}
