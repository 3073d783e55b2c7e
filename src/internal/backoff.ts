/**
 * Exponential back-off with full jitter: anything from 0 to a ceiling that doubles with each failure in a row, so that a
 * thousand nodes do not return to a restarted peer or store in the same moment.
 *
 * @param failures - failures in a row so far, 1 or more.
 * @param random - chance, in [0, 1).
 */
export function backoffMs(failures: number, baseMs: number, capMs: number, random: number): number {
  const ceiling = Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return Math.ceil(random * ceiling);
}
