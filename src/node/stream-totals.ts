/** What has come of streams since the node was made, over all sessions, those too that are gone. */
import type { SessionStatus } from "../stream/session-status.js";

export interface StreamTotals {
  /** Streams of this node that their targets have accepted; those that were not opened. */
  readonly opened: number;
  readonly notOpened: number;
  /** Streams of others that a handler here has got; those that nobody here has taken. What a harbor relays is in `harbor.streams`. */
  readonly accepted: number;
  readonly refused: number;
  /** Resets sent and received, refusals included; streams that were reset because too much was unread. */
  readonly resetsOut: number;
  readonly resetsIn: number;
  readonly overBudget: number;
  /** Bytes of the sessions, their own included. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}

type Summed = Pick<SessionStatus, "resetsOut" | "resetsIn" | "overBudget" | "bytesIn" | "bytesOut">;

export class StreamTally {
  opened = 0;
  notOpened = 0;
  accepted = 0;
  refused = 0;
  #past: Summed = { resetsOut: 0, resetsIn: 0, overBudget: 0, bytesIn: 0, bytesOut: 0 };

  /** A session has ended. */
  retire(session: Summed): void {
    this.#past = sumOf(this.#past, session);
  }

  /** `sessions`: those that have not ended. */
  snapshot(sessions: Iterable<Summed>): StreamTotals {
    const { accepted, notOpened, opened, refused } = this;
    let sum = this.#past;
    for (const session of sessions) sum = sumOf(sum, session);
    return { opened, notOpened, accepted, refused, ...sum };
  }
}

function sumOf(one: Summed, other: Summed): Summed {
  return {
    resetsOut: one.resetsOut + other.resetsOut,
    resetsIn: one.resetsIn + other.resetsIn,
    overBudget: one.overBudget + other.overBudget,
    bytesIn: one.bytesIn + other.bytesIn,
    bytesOut: one.bytesOut + other.bytesOut,
  };
}
