/** Numbers of 32 bits that wrap: sequence numbers, and the milliseconds in timestamps. */

/** How far `a` is ahead of `b`: negative when it is behind. Right as long as they lie less than 2^31 apart. */
export function serialDiff(a: number, b: number): number {
  return (a - b) | 0;
}

export function serialAdd(serial: number, count: number): number {
  return (serial + count) >>> 0;
}
