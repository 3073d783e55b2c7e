/** Segments into datagrams: as many as fit into each. */
import { type AddressProof, OVERHEAD_BYTES } from "./address-proof.js";
import { HEADER_BYTES, writeHeader } from "./segment.js";

export type Emit = (datagram: Buffer) => void;

/** For one flush: every segment of it tells the same window and what arrived until now. */
export class DatagramWriter {
  readonly #conversation: number;
  readonly #mtu: number;
  readonly #proof: AddressProof;
  readonly #window: number;
  readonly #unacknowledged: number;
  readonly #emit: Emit;
  #datagram: Buffer | undefined;
  #used = 0;
  #emitted = 0;
  #isStarved = false;

  constructor(conversation: number, mtu: number, proof: AddressProof, window: number, unacknowledged: number, emit: Emit) {
    this.#conversation = conversation;
    this.#mtu = mtu;
    this.#proof = proof;
    this.#window = window;
    this.#unacknowledged = unacknowledged;
    this.#emit = emit;
  }

  /** Datagrams begun. */
  get datagrams(): number {
    return this.#emitted + (this.#used > 0 ? 1 : 0);
  }

  /** Bytes of payload that the next segment may have, by what may be sent to this address; negative: it may not be sent. */
  get allowedBytes(): number {
    return this.#allowed(this.#proof.datagramBytes);
  }

  /** The same for an acknowledgement, which has no payload. */
  get allowedAcknowledgementBytes(): number {
    return this.#allowed(this.#proof.acknowledgementBytes);
  }

  /** A segment could not be sent because the peer has not proved its address, and has not sent enough. */
  get isStarved(): boolean {
    return this.#isStarved;
  }

  starve(): void {
    this.#isStarved = true;
  }

  write(command: number, fragment: number, timestamp: number, sequence: number, payload: Buffer): void {
    const bytes = HEADER_BYTES + payload.length;
    if (this.#used + bytes > this.#mtu) this.finish();
    this.#datagram ??= Buffer.allocUnsafe(this.#mtu);
    const at = writeHeader(
      this.#datagram,
      this.#used,
      this.#conversation,
      command,
      fragment,
      this.#window,
      timestamp,
      sequence,
      this.#unacknowledged,
      payload.length,
    );
    this.#datagram.set(payload, at);
    this.#used += bytes;
  }

  /** Hands out what is begun. */
  finish(): void {
    if (this.#used === 0) return;
    const datagram = this.#datagram!.subarray(0, this.#used);
    this.#datagram = undefined;
    this.#used = 0;
    this.#emitted++;
    this.#proof.sent(datagram.length);
    this.#emit(datagram);
  }

  /** Beside a datagram that is begun, counted as if the segment had to go into another one. */
  #allowed(datagramBytes: number): number {
    return datagramBytes - HEADER_BYTES - (this.#used === 0 ? 0 : this.#used + OVERHEAD_BYTES);
  }
}
