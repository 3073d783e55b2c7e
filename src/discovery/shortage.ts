/** Why there are not enough nodes of a type, in words that say where to look. */
import { addressType, formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import type { Member } from "./discovery.js";
import { isVisible } from "./membership.js";

/** Addresses named per reason; the rest is a number. */
const MAX_NAMED = 5;

/** The reasons for which members of `type` do not count, such as `known but not available: 1.1.2`. Reads all members: for messages of failures. */
export function shortageOf(
  type: number,
  self: LogicalAddress,
  members: Iterable<Member>,
  isDraining: (address: LogicalAddress) => boolean,
): string {
  const unavailable: LogicalAddress[] = [];
  const draining: LogicalAddress[] = [];
  const hidden: LogicalAddress[] = [];
  for (const member of members) {
    if (addressType(member.address) !== type) continue;
    if (!isVisible(self, member)) hidden.push(member.address);
    else if (member.available === false) unavailable.push(member.address);
    else if (isDraining(member.address)) draining.push(member.address);
  }
  const reasons = [
    reason("known but not available", unavailable),
    reason("known but going away", draining),
    reason("known in other groups but not exported", hidden),
  ].filter((text) => text !== "");
  return reasons.length === 0 ? "no others are known" : reasons.join("; ");
}

function reason(what: string, addresses: LogicalAddress[]): string {
  if (addresses.length === 0) return "";
  const named = addresses
    .sort((one, other) => one - other)
    .slice(0, MAX_NAMED)
    .map(formatAddress)
    .join(", ");
  const more = addresses.length > MAX_NAMED ? ` and ${addresses.length - MAX_NAMED} more` : "";
  return `${what}: ${named}${more}`;
}
