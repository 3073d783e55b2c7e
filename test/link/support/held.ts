/** Messages as links hold them, their bodies filled with their number. */
import type { LogicalAddress } from "../../../src/addr/logical-address.js";
import type { HeldMessage } from "../../../src/link/pending-queue.js";
import { KIND } from "../../../src/wire/header.js";
import { HEADER_BYTES } from "../../../src/wire/limits.js";

export const SELF = 1 as LogicalAddress;
export const PEER = 2 as LogicalAddress;

export interface HeldOptions extends Partial<Omit<HeldMessage, "frame">> {
  readonly seq: number;
  /** Bytes of the body. Default 4. */
  readonly size?: number;
}

export function held({ size = 4, ...message }: HeldOptions): HeldMessage {
  const frame = Buffer.alloc(HEADER_BYTES + size, message.seq);
  return { frame, kind: KIND.request, flags: 0, to: PEER, from: SELF, epoch: 9, deadlineAt: Number.POSITIVE_INFINITY, ...message };
}
