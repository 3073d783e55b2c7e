/** How a method is limited: documented here, checked once. */
import { InvalidOptionsError } from "../errors.js";
import type { Resolved } from "../internal/resolved.js";

export interface MethodLimitOptions {
  /**
   * Requests and one-way posts of the method that its handler works on at once, from its start until it settles: a handler that goes on
   * after its caller's cancel or deadline still counts, or callers could have any number of them by giving up.
   */
  maxConcurrent: number;
  /** Those that wait for their turn; they leave with their cancel or deadline. Default 0: what is over `maxConcurrent` is refused at once. */
  maxQueued?: number | undefined;
}

export interface MethodLimitStatus {
  readonly running: number;
  readonly queued: number;
  /** Requests and posts that found no room. */
  readonly refused: number;
}

/** @throws {@link InvalidOptionsError} listing every fault. */
export function checkedLimit(method: string, { maxConcurrent, maxQueued = 0, ...rest }: MethodLimitOptions): Resolved<MethodLimitOptions> {
  const faults = Object.keys(rest).map((key) => `there is no option ${JSON.stringify(key)}`);
  if (!Number.isInteger(maxConcurrent) || maxConcurrent < 1)
    faults.push(`maxConcurrent is ${maxConcurrent}, must be a whole number from 1`);
  if (!Number.isInteger(maxQueued) || maxQueued < 0) faults.push(`maxQueued is ${maxQueued}, must be a whole number from 0`);
  if (faults.length > 0) throw new InvalidOptionsError(`limit of ${method}`, faults);
  return { maxConcurrent, maxQueued };
}
