import type { LogicalAddress } from "../addr/logical-address.js";
import type { LimitHits } from "../events/limit-hits.js";

/** What is said of a payload over the limit of this node, which is told too. */
export function oversize(limits: LimitHits, bytes: number, maxPayloadBytes: number, from: LogicalAddress, name: string): string {
  const reason = `message of ${bytes} bytes is over the limit of ${maxPayloadBytes}`;
  limits.hit("rpc.maxPayloadBytes", reason, from, name);
  return reason;
}
