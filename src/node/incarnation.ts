/** Which life of an address this is: a fencing token of the store, else 42 bits of milliseconds and 22 of chance. */
import type { Clock, Random } from "../internal/clock.js";

export function makeIncarnation(clock: Clock, random: Random): bigint {
  const chance = random.bytes(3);
  const bits = ((chance[0]! << 16) | (chance[1]! << 8) | chance[2]!) >>> 2;
  return (BigInt(Math.floor(clock.wallClock())) << 22n) | BigInt(bits);
}

/** The 32 bits of it that stand in every frame: both halves, so that neither kind of incarnation repeats soon. */
export function epochOf(incarnation: bigint): number {
  return Number((incarnation ^ (incarnation >> 32n)) & 0xffff_ffffn);
}
