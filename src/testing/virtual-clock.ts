/**
 * Time that exists only as a queue of events: one after the other is run, in an order that the same program always gives
 * again, and between two events every promise continuation that has become due runs.
 */
import type { Clock, TimerHandle } from "../internal/clock.js";

/** The wall clock at the beginning of every run: 2024-01-01T00:00:00Z. */
export const WALL_START_MS = Date.UTC(2024, 0, 1);

/** Something that is to run. Without `callback`: it was cleared, and nothing happens when its turn comes. */
export interface ClockTask {
  readonly at: number;
  /** Of two tasks at the same time, the one that was asked for first is run first. */
  readonly order: number;
  callback: (() => void) | undefined;
  /** Whose code it is; `undefined`: the network's or the scenario's. */
  readonly owner: TaskOwner | undefined;
}

export interface TaskOwner {
  /** Its task's turn has come: runs it, or keeps it for later, or forgets it. */
  take(task: ClockTask): void;
}

export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  /** Work that belongs to the present event: runs before anything else. */
  #afterTurn = new TaskQueue();
  /** Due now, without time passing. */
  #due = new TaskQueue();
  readonly #timers = new TaskHeap();
  #events = 0;

  now(): number {
    return this.#now;
  }

  wallClock(): number {
    return WALL_START_MS + this.#now;
  }

  /** Events that have been run so far. */
  get events(): number {
    return this.#events;
  }

  /** To the fraction of a millisecond, and at once for 0 or less: this is the time of the world, not of Node.js. */
  setTimeout(callback: () => void, ms: number): TimerHandle {
    return this.schedule(callback, ms, undefined);
  }

  clearTimeout(handle: TimerHandle): void {
    if (handle !== undefined) (handle as ClockTask).callback = undefined;
  }

  afterTurn(callback: () => void): void {
    this.scheduleAfterTurn(callback, undefined);
  }

  nextTurn(callback: () => void): void {
    this.scheduleNextTurn(callback, undefined);
  }

  schedule(callback: () => void, ms: number, owner: TaskOwner | undefined): ClockTask {
    const task: ClockTask = { at: this.#now + Math.max(0, ms), order: this.#order++, callback, owner };
    this.#timers.push(task);
    return task;
  }

  scheduleAfterTurn(callback: () => void, owner: TaskOwner | undefined): ClockTask {
    const task: ClockTask = { at: this.#now, order: this.#order++, callback, owner };
    this.#afterTurn.push(task);
    return task;
  }

  scheduleNextTurn(callback: () => void, owner: TaskOwner | undefined): ClockTask {
    const task: ClockTask = { at: this.#now, order: this.#order++, callback, owner };
    this.#due.push(task);
    return task;
  }

  /** When the next event is; `undefined` when there is none. */
  get nextAt(): number | undefined {
    if (!this.#afterTurn.isEmpty || !this.#due.isEmpty) return this.#now;
    return this.#timers.first()?.at;
  }

  /** Runs the next event; false when there is none. Its promise continuations are the driver's to let run. */
  step(): boolean {
    const task = this.#next();
    if (task === undefined) return false;
    this.#events++;
    if (task.owner !== undefined) task.owner.take(task);
    else runTask(task);
    return true;
  }

  #next(): ClockTask | undefined {
    for (;;) {
      const task = this.#afterTurn.shift() ?? this.#dueOrTimer();
      if (task === undefined || task.callback !== undefined) return task;
    }
  }

  #dueOrTimer(): ClockTask | undefined {
    const due = this.#due.first();
    const timer = this.#timers.first();
    if (due !== undefined && (timer === undefined || timer.at > this.#now || due.order < timer.order)) return this.#due.shift();
    if (timer === undefined) return undefined;
    if (timer.at > this.#now) this.#now = timer.at;
    return this.#timers.shift();
  }
}

/** Runs a task, once. */
export function runTask(task: ClockTask): void {
  const { callback } = task;
  task.callback = undefined;
  callback?.();
}

/** First in, first out. */
class TaskQueue {
  #tasks: (ClockTask | undefined)[] = [];
  #head = 0;

  get isEmpty(): boolean {
    return this.first() === undefined;
  }

  push(task: ClockTask): void {
    this.#tasks.push(task);
  }

  /** The first one that was not cleared. */
  first(): ClockTask | undefined {
    while (this.#head < this.#tasks.length) {
      const task = this.#tasks[this.#head]!;
      if (task.callback !== undefined) return task;
      this.#drop();
    }
    return undefined;
  }

  shift(): ClockTask | undefined {
    const task = this.first();
    if (task !== undefined) this.#drop();
    return task;
  }

  #drop(): void {
    this.#tasks[this.#head++] = undefined;
    if (this.#head < this.#tasks.length) return;
    this.#tasks = [];
    this.#head = 0;
  }
}

/** The earliest first: a binary heap. */
class TaskHeap {
  readonly #tasks: ClockTask[] = [];

  push(task: ClockTask): void {
    const tasks = this.#tasks;
    let at = tasks.length;
    tasks.push(task);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(task, tasks[parent]!)) break;
      tasks[at] = tasks[parent]!;
      at = parent;
    }
    tasks[at] = task;
  }

  /** The earliest that was not cleared. */
  first(): ClockTask | undefined {
    while (this.#tasks.length > 0 && this.#tasks[0]!.callback === undefined) this.#drop();
    return this.#tasks[0];
  }

  shift(): ClockTask | undefined {
    const first = this.first();
    if (first !== undefined) this.#drop();
    return first;
  }

  #drop(): void {
    const tasks = this.#tasks;
    const last = tasks.pop()!;
    const { length } = tasks;
    if (length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(tasks[child + 1]!, tasks[child]!)) child++;
      if (!isBefore(tasks[child]!, last)) break;
      tasks[at] = tasks[child]!;
      at = child;
    }
    tasks[at] = last;
  }
}

function isBefore(one: ClockTask, other: ClockTask): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
