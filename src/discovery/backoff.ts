/** How long to wait before the next attempt. */
import type { Random } from "../internal/clock.js";

const BASE_MS = 250;
const CAP_MS = 5_000;

/**
 * Exponential with full jitter: anything up to a ceiling that doubles with each failure in a row, from 250 ms to 5 s, so
 * that a thousand nodes do not come back to a restarted store in the same moment.
 *
 * @param failures - failures in a row so far, 1 or more.
 */
export function backoffMs(failures: number, random: Random): number {
  return Math.ceil(random.next() * Math.min(CAP_MS, BASE_MS * 2 ** Math.min(failures - 1, 30)));
}
