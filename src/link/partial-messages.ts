/** Messages of one connection that have come in part. Made with the first fragment: most connections see none, and idle ones cost little. */
import { isHarbor, type LogicalAddress } from "../addr/logical-address.js";
import { type Assembly, type AssemblyLimits, FragmentAssembler } from "../wire/fragment.js";
import { ProtocolError } from "../wire/protocol-error.js";

/** How long an unfinished message without a deadline may take. */
const PARTIAL_EXPIRES_MS = 30_000;

/** Senders whose share of unfinished messages may come over one harbor at once. */
const SENDERS_OVER_HARBOR = 8;

export class PartialMessages {
  readonly #peer: LogicalAddress;
  readonly #limits: AssemblyLimits;
  #assembler: FragmentAssembler | undefined;

  constructor(peer: LogicalAddress, maxPayloadBytes: number, maxPartialBytes: number) {
    this.#peer = peer;
    this.#limits = isHarbor(peer)
      ? { maxPayloadBytes, maxPartialBytes, maxPartialBytesInAll: maxPartialBytes * SENDERS_OVER_HARBOR }
      : { maxPayloadBytes, maxPartialBytes };
  }

  get count(): number {
    return this.#assembler?.partialCount ?? 0;
  }

  /** Forgets those whose time is over. */
  expire(now: number): void {
    this.#assembler?.expire(now);
  }

  /**
   * `frame[start, end)`: the body of a fragment. `remainingMs`: 0 where the message has no deadline.
   *
   * @throws ProtocolError for a fragment of the peer's own that contradicts itself. What a harbor passes on it has not read:
   *   there it costs its message, and not the connection.
   */
  add(
    from: LogicalAddress,
    epoch: number,
    seq: number,
    flags: number,
    frame: Buffer,
    start: number,
    end: number,
    now: number,
    remainingMs: number,
  ): Assembly {
    const expiresAt = now + (remainingMs > 0 ? remainingMs : PARTIAL_EXPIRES_MS);
    try {
      this.#assembler ??= new FragmentAssembler(this.#limits);
      return this.#assembler.add(from, epoch, seq, flags, frame, start, end, now, expiresAt);
    } catch (error) {
      if (from === this.#peer || !(error instanceof ProtocolError)) throw error;
      return { type: "stray" };
    }
  }
}
