/** Two ends of a connection within the process, for streams of a node to itself: what one end writes the other reads a turn later. */
import type { Clock } from "../internal/clock.js";
import type { SessionConnection } from "../stream/session.js";
import type { ConnectionHandler } from "../transport/transport.js";

export class LocalConnection implements SessionConnection {
  readonly remote = "this process";
  readonly #clock: Clock;
  #other: LocalConnection | undefined;
  #handler: ConnectionHandler | undefined;
  /** On the way to this end; `end` stands behind the last of it. */
  #arriving: Uint8Array[] = [];
  #bytes = 0;
  #isArmed = false;
  #hasPeerEnded = false;
  #isClosed = false;

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  static pair(clock: Clock): [LocalConnection, LocalConnection] {
    const [near, far] = [new LocalConnection(clock), new LocalConnection(clock)];
    near.#other = far;
    far.#other = near;
    return [near, far];
  }

  get bufferedBytes(): number {
    return this.#other === undefined ? 0 : this.#other.#bytes;
  }

  setHandler(handler: ConnectionHandler): void {
    this.#handler = handler;
  }

  /** The writer uses its buffer again at once, so the other end gets a copy; how much there is, the credit of the streams bounds. */
  write(bytes: Uint8Array): boolean {
    const other = this.#other;
    if (other !== undefined) other.#arrive(Buffer.from(bytes));
    return true;
  }

  end(): void {
    const other = this.#other;
    if (other === undefined) return;
    other.#hasPeerEnded = true;
    other.#arm();
  }

  destroy(error?: Error): void {
    const other = this.#other;
    this.#close(error);
    if (other === undefined) return;
    other.#hasPeerEnded = true;
    other.#arm();
  }

  #arrive(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.#arriving.push(bytes);
    this.#bytes += bytes.length;
    this.#arm();
  }

  #arm(): void {
    if (this.#isArmed || this.#isClosed) return;
    this.#isArmed = true;
    this.#clock.nextTurn(() => this.#deliver());
  }

  #deliver(): void {
    this.#isArmed = false;
    const chunks = this.#arriving;
    this.#arriving = [];
    this.#bytes = 0;
    for (const chunk of chunks) {
      if (this.#isClosed) return;
      this.#handler?.onData(chunk);
    }
    if (!this.#hasPeerEnded || this.#arriving.length > 0) return;
    const other = this.#other;
    this.#close(undefined);
    if (other === undefined) return;
    // Ended from one side, the connection is gone for both.
    other.#hasPeerEnded = true;
    other.#arm();
  }

  #close(error: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#other = undefined;
    this.#arriving = [];
    this.#bytes = 0;
    // As with a socket, never within the call that closes it.
    this.#clock.afterTurn(() => this.#handler?.onClose(error));
  }
}
