/** Exponential back-off with full jitter: anything from 0 to the doubled base, so that peers of a dead node do not return in step. */
export function backoffMs(failures: number, baseMs: number, capMs: number, random: number): number {
  const ceiling = Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return Math.ceil(random * ceiling);
}
