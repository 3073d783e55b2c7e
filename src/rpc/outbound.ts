/** What calls need of a link, so that this folder knows none: a link, a connection, or this node itself. */
import type { LogicalAddress } from "../addr/logical-address.js";
import type { CommitResult } from "../internal/commit-result.js";
import type { BinaryWriter } from "../protobuf/binary-writer.js";

export interface Outbound {
  /** Largest payload that both ends take. */
  readonly maxPayloadBytes: number;
  /** Whether more is buffered than should be: senders wait, replies become errors. */
  readonly congested: boolean;
  /** Opens a body in place. Nothing counts until `commit`; a body that failed is forgotten. */
  begin(maxBodyBytes: number): BinaryWriter;
  /** Hot path. The body opened last becomes a message. */
  commit(
    kind: number,
    flags: number,
    to: LogicalAddress,
    from: LogicalAddress,
    epoch: number,
    seq: number,
    remainingMs: number,
    deadlineAt: number,
  ): CommitResult;
  /** Forgets the body opened last: its encoder failed. */
  abandon(): void;
  /** Takes a request back that was not wholly sent: true when the peer will never run it. */
  withdraw(to: LogicalAddress, epoch: number, seq: number): boolean;
  /** Resolves when no longer congested; rejects when the link is lost. */
  writable(): Promise<void>;
}
