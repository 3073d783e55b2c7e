/** A clock that stands still until a test moves it. */
import type { Clock, TimerHandle } from "../../src/internal/clock.js";

interface FakeTimer {
  readonly dueAt: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Turns of the event loop after which work that still breeds work is taken for an endless loop. */
const MAX_TURNS = 10_000;

/**
 * Virtual time for one test. `setTimeout` fires only within {@link advance}; `afterTurn` works in real turns of the
 * event loop, so that work which is due now happens without any time passing.
 */
export class FakeClock implements Clock {
  readonly #timers = new Set<FakeTimer>();
  #now: number;
  #wallOffset: number;
  #order = 0;
  #turns = 0;

  /** Starts at `startMs`; the wall clock reads `wallStartMs` then, by default the first second of 2024. */
  constructor(startMs = 0, wallStartMs = Date.UTC(2024, 0, 1)) {
    this.#now = startMs;
    this.#wallOffset = wallStartMs - startMs;
  }

  now(): number {
    return this.#now;
  }

  wallClock(): number {
    return this.#now + this.#wallOffset;
  }

  setTimeout(callback: () => void, ms: number): TimerHandle {
    // As Node.js: nothing fires sooner than 1 ms from now.
    const timer: FakeTimer = { dueAt: this.#now + Math.max(1, ms), order: this.#order++, callback };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(handle: TimerHandle): void {
    this.#timers.delete(handle as FakeTimer);
  }

  afterTurn(callback: () => void): void {
    this.#turns++;
    setImmediate(() => {
      this.#turns--;
      callback();
    });
  }

  nextTurn(callback: () => void): void {
    this.afterTurn(callback);
  }

  /** Timers that would still fire: 0 when everything was cleaned up. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer fires, `undefined` when there is none. */
  get nextTimerMs(): number | undefined {
    const next = this.#next();
    return next === undefined ? undefined : next.dueAt - this.#now;
  }

  /** Moves time on by `ms`; timers fire at their own time, in order, each with everything that follows from it. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await this.settle();
    for (let next = this.#next(); next !== undefined && next.dueAt <= end; next = this.#next()) {
      this.#now = Math.max(this.#now, next.dueAt);
      this.#timers.delete(next);
      next.callback();
      await this.settle();
    }
    this.#now = end;
  }

  /**
   * Time passes and nothing runs, as when the event loop is blocked; then all that was due fires in one turn, the latest
   * first: what has arrived at a socket meanwhile is read behind the timers.
   */
  async stall(ms: number): Promise<void> {
    this.#now += ms;
    const due = [...this.#timers].filter(({ dueAt }) => dueAt <= this.#now).sort((one, other) => other.dueAt - one.dueAt);
    for (const timer of due) if (this.#timers.delete(timer)) timer.callback();
    await this.settle();
  }

  /** The wall clock jumps, as when somebody sets it; `now()` and the timers do not notice. */
  jumpWallClock(ms: number): void {
    this.#wallOffset += ms;
  }

  /** Lets promises and `afterTurn` callbacks run until nothing is due now. */
  async settle(): Promise<void> {
    let quiet = 0;
    for (let turn = 0; quiet < 2; turn++) {
      if (turn === MAX_TURNS) throw new Error(`work that is due now did not end within ${MAX_TURNS} turns`);
      await new Promise<void>((resolve) => setImmediate(resolve));
      quiet = this.#turns === 0 ? quiet + 1 : 0;
    }
  }

  #next(): FakeTimer | undefined {
    let first: FakeTimer | undefined;
    for (const timer of this.#timers) {
      if (first === undefined || timer.dueAt < first.dueAt || (timer.dueAt === first.dueAt && timer.order < first.order)) first = timer;
    }
    return first;
  }
}
