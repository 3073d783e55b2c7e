/** Whether a harbor relays between two nodes at all. Pure. */
import { ANONYMOUS, addressGroup, isHarbor, type LogicalAddress } from "../addr/logical-address.js";
import { type Refusal, refusal } from "./refusals.js";

/** What a harbor lets others reach. */
export interface ExportRule {
  /** Whether only exported nodes of this group are reached by other groups. */
  readonly enforcesExport: boolean;
  isExported(address: LogicalAddress): boolean;
}

/** Why the harbor `self` does not pass on what `from` has for `to`, and what came over `peer`; `undefined`: it does. */
export function denialOf(
  self: LogicalAddress,
  peer: LogicalAddress,
  to: LogicalAddress,
  from: LogicalAddress,
  rule: ExportRule,
): Refusal | undefined {
  const own = addressGroup(self);
  const isFromOutside = addressGroup(from) !== own;
  if (from === ANONYMOUS || (isFromOutside && from === peer && !isHarbor(from))) return refusal.stranger(self);
  if (isFromOutside && addressGroup(to) !== own) return refusal.notResponsible(to);
  if (!isFromOutside && addressGroup(to) === own) return refusal.stranger(self);
  if (rule.enforcesExport && isFromOutside && !rule.isExported(to)) return refusal.notExported();
  return undefined;
}
