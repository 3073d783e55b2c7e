/** Runs a virtual clock: one event at a time, all promise continuations between two. */
import type { VirtualClock } from "./virtual-clock.js";

// Taken before anything replaces them.
const { clearTimeout, setImmediate, setTimeout } = globalThis;
const realNow = performance.now.bind(performance);

/**
 * Events per turn of the real event loop. Node.js lets all continuations run between two immediates of one turn, so that
 * this many events share the cost of the turn.
 */
const EVENTS_PER_TURN = 64;

/** Events without any time passing, after which work that breeds work is taken for an endless loop. */
const MAX_EVENTS_AT_ONCE = 1_000_000;

/** Real milliseconds that something outside (a file, a lazy import) gets to go on, before nothing is expected any more. */
const OUTSIDE_MS = 250;

export interface Drive {
  readonly clock: VirtualClock;
  /** Whether the end is reached; asked before each event. */
  isOver(): boolean;
  /** Virtual time at which it is given up. */
  limitAt(): number;
}

/** `"over"`; `"idle"`: nothing is left that could happen; `"late"`: the limit was reached. Throws what an event throws. */
export type DriveEnd = "over" | "idle" | "late";

export function drive({ clock, isOver, limitAt }: Drive): Promise<DriveEnd> {
  return new Promise((resolve, reject) => {
    let ended = false;
    let eventsAtOnce = 0;
    let lastAt = clock.now();
    const end = (outcome: DriveEnd): void => {
      ended = true;
      resolve(outcome);
    };
    const fail = (error: unknown): void => {
      ended = true;
      reject(error);
    };
    let idle = false;
    const step = (): void => {
      if (ended || idle) return;
      if (isOver()) return end("over");
      const { nextAt } = clock;
      if (nextAt === undefined) {
        idle = true;
        return;
      }
      if (nextAt > limitAt()) return end("late");
      if (nextAt > lastAt) eventsAtOnce = 0;
      lastAt = nextAt;
      if (++eventsAtOnce > MAX_EVENTS_AT_ONCE) return fail(new Error(`${MAX_EVENTS_AT_ONCE} events at one point in time: an endless loop`));
      try {
        clock.step();
      } catch (error) {
        fail(error);
      }
    };
    const turn = (): void => {
      if (ended) return;
      if (idle) return wait();
      for (let event = 0; event < EVENTS_PER_TURN; event++) setImmediate(step);
      setImmediate(turn);
    };
    /** Nothing is due: looks once more for what comes from outside the simulation. */
    const wait = (): void => {
      const until = realNow() + OUTSIDE_MS;
      const look = (): void => {
        if (isOver()) return end("over");
        if (clock.nextAt === undefined && realNow() < until) {
          const timer = setTimeout(() => {
            clearTimeout(timer);
            look();
          }, 1);
          return;
        }
        if (clock.nextAt === undefined) return end("idle");
        idle = false;
        turn();
      };
      setImmediate(look);
    };
    turn();
  });
}
