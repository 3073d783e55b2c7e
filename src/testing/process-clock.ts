/** The clock of one simulated process: it can be stopped, killed and set, and knows what is still armed. */
import type { Clock, TimerHandle } from "../internal/clock.js";
import { MAX_TIMER_MS } from "../internal/timer-limit.js";
import { type ClockTask, runTask, type TaskOwner, type VirtualClock, WALL_START_MS } from "./virtual-clock.js";

type State = "running" | "stopped" | "dead";

export class ProcessClock implements Clock, TaskOwner {
  readonly #world: VirtualClock;
  readonly #enter: (code: () => void) => void;
  #state: State = "running";
  #wallOffsetMs = 0;
  /** Turns that came while the process was stopped. */
  #missed: ClockTask[] = [];
  readonly #armed = new Set<ClockTask>();

  /** `enter` is what all code of the process is run by. */
  constructor(world: VirtualClock, enter: (code: () => void) => void = (code) => code()) {
    this.#world = world;
    this.#enter = enter;
  }

  get state(): State {
    return this.#state;
  }

  /** Timers that would still fire. */
  get armedTimers(): number {
    return this.#armed.size;
  }

  now(): number {
    return this.#world.now();
  }

  wallClock(): number {
    return WALL_START_MS + this.#world.now() + this.#wallOffsetMs;
  }

  /** As Node.js: whole milliseconds, cut off, and at least one. */
  setTimeout(callback: () => void, ms: number): TimerHandle {
    const delayMs = ms >= 1 ? Math.min(Math.trunc(ms), MAX_TIMER_MS) : 1;
    const run = (): void => {
      this.#armed.delete(task);
      callback();
    };
    const task = this.#world.schedule(run, delayMs, this);
    if (this.#state !== "dead") this.#armed.add(task);
    return task;
  }

  clearTimeout(handle: TimerHandle): void {
    if (handle === undefined) return;
    this.#armed.delete(handle as ClockTask);
    this.#world.clearTimeout(handle);
  }

  afterTurn(callback: () => void): void {
    this.#world.scheduleAfterTurn(callback, this);
  }

  nextTurn(callback: () => void): void {
    this.#world.scheduleNextTurn(callback, this);
  }

  /** Somebody sets the machine's clock; time goes on as before. */
  jumpWallClock(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  /** Nothing of the process runs until {@link resume}; time goes on. */
  stop(): void {
    if (this.#state === "running") this.#state = "stopped";
  }

  /** What was due meanwhile runs now, in the order in which it became due. */
  resume(): void {
    if (this.#state !== "stopped") return;
    this.#state = "running";
    const missed = this.#missed;
    this.#missed = [];
    for (const task of missed) {
      const { callback } = task;
      // The task's own entry stays the one that clearTimeout knows.
      if (callback !== undefined) this.#world.scheduleNextTurn(() => runTask(task), this);
    }
  }

  /** Nothing of the process runs ever again. */
  kill(): void {
    this.#state = "dead";
    this.#missed = [];
    this.#armed.clear();
  }

  take(task: ClockTask): void {
    if (this.#state === "running") this.#enter(() => runTask(task));
    else if (this.#state === "stopped") this.#missed.push(task);
  }
}
