/** Who was called, in words of which there are few: an address, or the type that was picked from. */
import { formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import type { Target } from "../rpc/service.js";

export function addressOrPicker(to: Target): string {
  if (typeof to === "object") return `type ${to.type}`;
  return typeof to === "number" ? formatAddress(to as LogicalAddress) : to;
}
