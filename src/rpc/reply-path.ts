/** Where a request came from and its answer goes: the very connection, never a later one. */
import type { LogicalAddress } from "../addr/logical-address.js";
import type { BinaryWriter } from "../protobuf/binary-writer.js";

/** Where a request came from: a connection, or the stream of one call. */
export interface RequestSource {
  /** The node at the other end. */
  readonly peer: { readonly address: LogicalAddress };
}

export interface ReplyPath extends RequestSource {
  readonly isClosed: boolean;
  /** When what is being read arrived. */
  readonly arrivedAt: number;
  /** Whether so much waits to be read by the peer that it gets errors in place of results. */
  readonly overfull: boolean;
  readonly maxPayloadBytes: number;
  begin(maxBodyBytes: number): BinaryWriter;
  abandon(): void;
  commit(
    kind: number,
    flags: number,
    to: LogicalAddress,
    from: LogicalAddress,
    epoch: number,
    seq: number,
    remainingMs: number,
    deadlineAt: number,
  ): unknown;
}
