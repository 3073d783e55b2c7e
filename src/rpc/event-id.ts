/** Ties the start and the end of a call together among events. */
let last = 0;

export function nextEventId(): number {
  last = (last + 1) % Number.MAX_SAFE_INTEGER;
  return last;
}
