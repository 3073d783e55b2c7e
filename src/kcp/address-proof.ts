/**
 * Whether a peer receives at the address from which its datagrams come. Until it has shown that, this side sends no more
 * bytes than it got from there, so that nobody can aim it at others by a forged address.
 *
 * The proof is an acknowledgement that gives back the timestamp of one of our segments: our timestamps begin at a random
 * number of 32 bits that only who receives them knows. Plain KCP has no other one, so a side that sends nothing stays unproven.
 */

/** IPv4 and UDP headers, in both directions: what small datagrams really weigh. */
export const OVERHEAD_BYTES = 28;

/** The smallest datagram that carries data. */
const SMALLEST_PROBE_BYTES = OVERHEAD_BYTES + 25;

/**
 * Credit that acknowledgements leave untouched. A peer whose data is acknowledged falls silent and earns this side no more
 * credit; without any, an answer that gets lost could never be sent again. So many attempts it has in any case.
 */
const RESERVED_PROBES = 5;

export class AddressProof {
  #credit: number;

  constructor(isProven: boolean) {
    this.#credit = isProven ? Number.POSITIVE_INFINITY : 0;
  }

  get isProven(): boolean {
    return this.#credit === Number.POSITIVE_INFINITY;
  }

  proven(): void {
    this.#credit = Number.POSITIVE_INFINITY;
  }

  received(datagramBytes: number): void {
    this.#credit += datagramBytes + OVERHEAD_BYTES;
  }

  sent(datagramBytes: number): void {
    this.#credit -= datagramBytes + OVERHEAD_BYTES;
  }

  /** Bytes that one more datagram may have; negative: none may be sent. */
  get datagramBytes(): number {
    return this.#credit - OVERHEAD_BYTES;
  }

  /** The same for a datagram of acknowledgements. */
  get acknowledgementBytes(): number {
    return this.datagramBytes - RESERVED_PROBES * SMALLEST_PROBE_BYTES;
  }
}
