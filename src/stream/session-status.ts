/** A session in numbers. */
import type { SessionRole } from "./stream-ids.js";

/** `"draining"`: opens no streams or takes none, as one side leaves or the ids are used up; those that are open go on. */
export type SessionPhase = "open" | "draining" | "ending" | "closed";

export interface SessionStatus {
  readonly phase: SessionPhase;
  readonly role: SessionRole;
  /** The other end's network address. */
  readonly remote: string;
  /** Open now, of both sides. */
  readonly streams: number;
  /** Own ones of which the peer was told and that it has not acknowledged, and those that wait until it may be told. */
  readonly unacknowledged: number;
  readonly held: number;
  /** The peer's that this side has not accepted. */
  readonly offered: number;
  /** Arrived and not read by the application; bytes that wait to leave. */
  readonly unreadBytes: number;
  readonly waitingBytes: number;
  /** Since the beginning: streams opened by this side and by the peer. */
  readonly opened: number;
  readonly openedByPeer: number;
  /** Resets sent and received, refusals of both kinds included; streams reset because too much was unread. */
  readonly resetsOut: number;
  readonly resetsIn: number;
  readonly overBudget: number;
  /** Frames for streams that were over when they came. */
  readonly strayFrames: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Milliseconds of the last ping. */
  readonly rttMs: number | undefined;
}
