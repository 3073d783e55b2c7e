/** A wait that ends. */
import type { Clock } from "./clock.js";

/** Whether `done` settles within `ms`. Holds the process open until then. */
export function within(done: Promise<unknown>, ms: number, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(() => resolve(false), ms, true);
    const settled = (): void => {
      clock.clearTimeout(timer);
      resolve(true);
    };
    done.then(settled, settled);
  });
}
