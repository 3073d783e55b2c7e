/** What relays need of links and connections; the node hands in the real ones. */
import type { LogicalAddress } from "../addr/logical-address.js";
import type { CommitResult } from "../internal/commit-result.js";

/** A connection to a neighbour. */
export interface RelayPort {
  readonly peer: { readonly address: LogicalAddress };
  readonly isClosed: boolean;
  /** Whether more waits to be read by the peer than should. */
  readonly congested: boolean;
  /** Whether so much waits to be read by the peer that nothing new is taken. */
  readonly overfull: boolean;
  /** When what is being read arrived. */
  readonly arrivedAt: number;
  /** Hot path. `frame[start, end)` goes on as it is; it must not change until the end of the turn. */
  relay(frame: Buffer, start: number, end: number): void;
  /** A small frame of this node's own. */
  tell(
    kind: number,
    flags: number,
    hops: number,
    to: LogicalAddress,
    from: LogicalAddress,
    epoch: number,
    seq: number,
    body: Uint8Array,
  ): void;
}

/** A frame of others that waits until it can go on, in memory of its own. */
export interface HeldFrame {
  readonly frame: Buffer;
  readonly kind: number;
  readonly flags: number;
  readonly to: LogicalAddress;
  readonly from: LogicalAddress;
  readonly epoch: number;
  readonly seq: number;
  /** `Infinity` for none. */
  readonly deadlineAt: number;
  readonly hops?: number;
}

/** The way to a neighbour, which opens by itself. */
export interface RelayLink {
  readonly peer: LogicalAddress;
  /** Hot path. The connection, when it takes new messages. */
  readonly ready: RelayPort | undefined;
  /** The connection, also one that only finishes. */
  readonly channel: RelayPort | undefined;
  /** Bytes that wait here and in the transport, and in the queue for a connection. */
  readonly waitingBytes: number;
  enqueue(frame: HeldFrame): CommitResult;
  takeQueued(isMeant: (frame: HeldFrame) => boolean): HeldFrame[];
  /** What it is doing, for the text of an error. */
  describe(): string;
}
