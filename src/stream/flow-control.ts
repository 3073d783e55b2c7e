/** Who may send how much: credit as numbers, without streams, bytes or time. */
import { ProtocolError } from "../wire/protocol-error.js";
import { MAX_U32 } from "./frame.js";

/**
 * What the peer may send on one stream. `credit + unread <= limit` always: credit is given back for what the application
 * has read, never for what has merely arrived.
 */
export class ReceiveWindow {
  #limit: number;
  /** Granted and not yet used. */
  #credit: number;

  /** `initialBytes`: what the peer assumes without a word; `limitBytes`: how much may be unread, at least as much. */
  constructor(initialBytes: number, limitBytes: number) {
    this.#credit = initialBytes;
    this.#limit = limitBytes;
  }

  get limit(): number {
    return this.#limit;
  }

  /** A data frame of so many bytes begins. @throws {@link ProtocolError} beyond the credit. */
  check(bytes: number): void {
    if (bytes > this.#credit) throw new ProtocolError(`${bytes} bytes of data, where credit was for ${this.#credit}`);
  }

  /** So many bytes of a frame that was checked have arrived: until then they are credit that is not used. */
  use(bytes: number): void {
    this.#credit -= bytes;
  }

  /** The credit to give back, with `unread` bytes not read yet: 0 until it is half the window, so that updates are few. */
  due(unread: number): number {
    const room = this.#limit - unread - this.#credit;
    return room >= this.#limit / 2 ? room : 0;
  }

  /** All credit that there is, however little: for the frame that opens or acknowledges the stream. */
  rest(unread: number): number {
    return Math.max(0, this.#limit - unread - this.#credit);
  }

  grant(bytes: number): void {
    this.#credit += bytes;
  }

  /** Lets more be unread from now on: a reader has asked for `limitBytes` at once. */
  enlarge(limitBytes: number): void {
    if (limitBytes > this.#limit) this.#limit = limitBytes;
  }
}

/** The send credit after a window update. @throws {@link ProtocolError} past 32 bits. */
export function addedCredit(credit: number, delta: number): number {
  const sum = credit + delta;
  if (sum > MAX_U32) throw new ProtocolError(`a window update of ${delta} to a window of ${credit} bytes: above 2^32-1`);
  return sum;
}
