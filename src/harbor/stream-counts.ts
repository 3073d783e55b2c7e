/** What a harbor has relayed of streams, for its status and for metrics. */
import type { RefusalReason } from "./refusal-reason.js";

export interface RelayedStreams {
  /** Relayed now, those included that their target has not accepted. */
  readonly open: number;
  /** Of these, those that their target has not accepted. */
  readonly waiting: number;
  /** That have come to be relayed, those included that were refused. */
  readonly offered: number;
  /** That their target has accepted. */
  readonly accepted: number;
  /** Ended by both sides. */
  readonly ended: number;
  /** Ended by a reset of either side, or with a connection; those that their target refused included. */
  readonly broken: number;
  /** Refused by this harbor, by reason. */
  readonly refused: Readonly<Partial<Record<RefusalReason, number>>>;
  /** Bytes of both directions that came from either side. */
  readonly bytes: number;
}

export class StreamCounts {
  offered = 0;
  accepted = 0;
  ended = 0;
  broken = 0;
  /** Of streams that are over. */
  bytes = 0;
  readonly #refused = new Map<RefusalReason, number>();

  refused(reason: RefusalReason): void {
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
  }

  snapshot(open: number, waiting: number, bytesOfOpen: number): RelayedStreams {
    const { accepted, broken, bytes, ended, offered } = this;
    return { open, waiting, offered, accepted, ended, broken, refused: Object.fromEntries(this.#refused), bytes: bytes + bytesOfOpen };
  }
}
