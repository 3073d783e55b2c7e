import type { LogicalAddress } from "../addr/logical-address.js";

/** This node's address and the short form of its incarnation, as they stand in frames. */
export interface Sender {
  readonly address: LogicalAddress;
  readonly epoch: number;
}
