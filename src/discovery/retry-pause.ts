/** How long to wait before a store is asked again: up to 250 ms at first, up to 5 s after some failures in a row. */
import { backoffMs } from "../internal/backoff.js";
import type { Random } from "../internal/clock.js";

const BASE_MS = 250;
const CAP_MS = 5_000;

/** @param failures - failures in a row so far, 1 or more. */
export function retryPauseMs(failures: number, random: Random): number {
  return backoffMs(failures, BASE_MS, CAP_MS, random.next());
}
