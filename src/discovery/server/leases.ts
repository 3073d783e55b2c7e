/**
 * Who was heard of when, in the server's own time: it stands still while the server itself does, so that nobody is taken
 * for dead because the server slept. Pure: time is an argument, and monotonic; the wall clock plays no part.
 */
import type { LogicalAddress } from "../../addr/logical-address.js";

interface Lease {
  readonly token: bigint;
  endsAt: number;
}

export class Leases {
  readonly leaseMs: number;
  /** Longest time between two calls of {@link tick} that counts; what is beyond is the server's own absence. */
  readonly #maxStepMs: number;
  readonly #leases = new Map<LogicalAddress, Lease>();
  #lastTick: number;
  /** Time that the server was awake, up to the last tick. */
  #awakeMs = 0;

  constructor(leaseMs: number, tickMs: number, now: number) {
    this.leaseMs = leaseMs;
    this.#maxStepMs = 2 * tickMs;
    this.#lastTick = now;
  }

  get size(): number {
    return this.#leases.size;
  }

  /** Whose lease it is; `undefined` when there is none. */
  tokenOf(address: LogicalAddress): bigint | undefined {
    return this.#leases.get(address)?.token;
  }

  /** The holder was heard of: it has a whole lease from now on. */
  begin(address: LogicalAddress, token: bigint, now: number): void {
    this.#leases.set(address, { token, endsAt: this.#awakeAt(now) + this.leaseMs });
  }

  /** As {@link begin}, for a lease that there is. */
  renew(address: LogicalAddress, token: bigint, now: number): void {
    const lease = this.#leases.get(address);
    if (lease?.token === token) lease.endsAt = this.#awakeAt(now) + this.leaseMs;
  }

  forget(address: LogicalAddress): void {
    this.#leases.delete(address);
  }

  /**
   * Time goes on; to be called every tick. After an absence of the server's own that nodes may have noticed, everybody has a whole
   * lease to be heard of again.
   */
  tick(now: number): void {
    const absentMs = Math.max(0, now - this.#lastTick - this.#maxStepMs);
    this.#awakeMs = this.#awakeAt(now);
    this.#lastTick = now;
    if (absentMs < this.leaseMs / 4) return;
    for (const lease of this.#leases.values()) lease.endsAt = this.#awakeMs + this.leaseMs;
  }

  /** Those whose leases are over. */
  expired(now: number): [LogicalAddress, bigint][] {
    const awake = this.#awakeAt(now);
    const over: [LogicalAddress, bigint][] = [];
    for (const [address, { token, endsAt }] of this.#leases) if (endsAt <= awake) over.push([address, token]);
    return over;
  }

  #awakeAt(now: number): number {
    return this.#awakeMs + Math.min(Math.max(0, now - this.#lastTick), this.#maxStepMs);
  }
}
