/** Arrays of members in order of address. */
import type { LogicalAddress } from "../addr/logical-address.js";
import type { Member } from "./discovery.js";

/** Who has reported no load is taken for idle. */
export function loadOf(member: Member): number {
  return member.load ?? 0;
}

/** The index of `address`, or of the first one above it. */
export function indexOf(list: readonly Member[], address: LogicalAddress): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle]!.address < address) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** -1 when it is not in there. */
export function indexIn(list: readonly Member[], address: LogicalAddress | undefined): number {
  if (address === undefined) return -1;
  const index = indexOf(list, address);
  return list[index]?.address === address ? index : -1;
}

/** How many there are besides `address`. */
export function countOther(list: readonly Member[], not: LogicalAddress | undefined): number {
  return list.length - (indexIn(list, not) < 0 ? 0 : 1);
}

/** Puts one in, in place of what is there of the same address. */
export function insert(list: Member[], member: Member): void {
  const index = indexOf(list, member.address);
  list.splice(index, list[index]?.address === member.address ? 1 : 0, member);
}

/** Takes one out. Whether it was in there. */
export function remove(list: Member[], address: LogicalAddress): boolean {
  const index = indexIn(list, address);
  if (index >= 0) list.splice(index, 1);
  return index >= 0;
}
