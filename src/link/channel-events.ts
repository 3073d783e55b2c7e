/** What a connection tells whoever owns it. */
import type { LogicalAddress } from "../addr/logical-address.js";
import type { LimitName } from "../events/events.js";
import type { Channel } from "./channel.js";
import type { GoAwayReason } from "./go-away.js";

export interface ChannelEvents {
  /** Hot path: positional. */
  onMessage(
    channel: Channel,
    kind: number,
    flags: number,
    to: LogicalAddress,
    from: LogicalAddress,
    epoch: number,
    seq: number,
    remainingMs: number,
    body: Buffer,
    start: number,
    end: number,
  ): void;
  /**
   * Hot path of relays. `frame[start, end)` is not from the peer to this node: of another sender, or for another receiver. It
   * stays as it is until the end of the turn, but for its header, which may be changed.
   */
  onForeign(channel: Channel, frame: Buffer, start: number, end: number, to: LogicalAddress, from: LogicalAddress): Foreign;
  /** A message too large to be taken: of a kind that is told, with the reason. */
  onOversize(channel: Channel, kind: number, from: LogicalAddress, epoch: number, seq: number, reason: string): void;
  onGoAway(channel: Channel, reason: GoAwayReason, text: string): void;
  onLimit(channel: Channel, limit: LimitName, reason: string): void;
  /** A request or one-way message that the peer sent before others which have been taken already, over a later connection. */
  onOvertaken(channel: Channel, kind: number, from: LogicalAddress, epoch: number, seq: number): void;
  /** Once. The connection is gone; what was sent and not answered is in `channel.sent`. */
  onClosed(channel: Channel, cause: Error): void;
}

/** What the node makes of a frame that is not from the peer to this node. */
export const FOREIGN = {
  /** The peer may pass it on, and it is for this node: to be handled as any other. */
  ours: 0,
  /** It has been dealt with. */
  done: 1,
  /** The peer must not say this: the connection is lost. */
  forged: 2,
} as const;

export type Foreign = (typeof FOREIGN)[keyof typeof FOREIGN];
