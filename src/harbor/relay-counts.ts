/** What a harbor has done, for its status and for metrics. */
import type { RefusalReason } from "./refusal-reason.js";

export interface RelayCounters {
  /** Frames that were passed on; a large message is many. */
  readonly frames: number;
  readonly bytes: number;
  /** Pairs of sender and target that are remembered. */
  readonly pairs: number;
  /** Bytes that wait for neighbours, for which connection or reader ever. */
  readonly waitingBytes: number;
  /** Frames that were not passed on, by reason. Of requests the caller was told. */
  readonly refused: Readonly<Partial<Record<RefusalReason, number>>>;
  /** Those among them of which nobody was told: one-way messages, or pieces of such. */
  readonly oneWaysDropped: number;
  /** Answers to callers that were gone. */
  readonly answersDropped: number;
  /** Senders that were told that a link to their target was lost. */
  readonly gone: number;
}

export class RelayCounts {
  frames = 0;
  bytes = 0;
  oneWaysDropped = 0;
  answersDropped = 0;
  gone = 0;
  readonly #refused = new Map<RefusalReason, number>();

  refused(reason: RefusalReason): void {
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
  }

  snapshot(pairs: number, waitingBytes: number): RelayCounters {
    const { answersDropped, bytes, frames, gone, oneWaysDropped } = this;
    return { frames, bytes, pairs, waitingBytes, refused: Object.fromEntries(this.#refused), oneWaysDropped, answersDropped, gone };
  }
}
