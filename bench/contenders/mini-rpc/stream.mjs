/** A multiplexed stream with a credit window per direction. */
import { FRAME } from "./frame.mjs";

const WINDOW_BYTES = 256 * 1024;
const NOTHING = Buffer.alloc(0);

export class Stream {
  #writer;
  #id;
  #credit = WINDOW_BYTES;
  #owed = 0; // bytes read for which the other side has no credit back yet
  #resume = null;
  onData = null;
  onFin = null;

  constructor(writer, id) {
    this.#writer = writer;
    this.#id = id;
  }

  open(kind) {
    this.#writer.sendBytes(FRAME.open, this.#id, kind, NOTHING, 0, 0);
  }

  /** A promise when the sender should wait. */
  write(buffer) {
    this.echo(buffer, 0, buffer.length);
    this.#credit -= buffer.length;
    if (this.#credit <= 0) {
      return new Promise((resolve) => {
        this.#resume = resolve;
      });
    }
    return this.#writer.full ? this.#writer.drained() : undefined;
  }

  /** Sends without looking at the credit: what an echo sends back has been paid for. */
  echo(buffer, from, to) {
    this.#writer.sendBytes(FRAME.data, this.#id, 0, buffer, from, to);
  }

  fin() {
    this.#writer.sendBytes(FRAME.fin, this.#id, 0, NOTHING, 0, 0);
  }

  gotData(buffer, from, to) {
    this.#owed += to - from;
    if (this.#owed >= WINDOW_BYTES / 2) {
      const credit = Buffer.allocUnsafe(4);
      credit.writeUInt32LE(this.#owed);
      this.#owed = 0;
      this.#writer.sendBytes(FRAME.credit, this.#id, 0, credit, 0, 4);
    }
    this.onData(buffer, from, to);
  }

  gotCredit(bytes) {
    this.#credit += bytes;
    if (this.#credit <= 0 || this.#resume === null) return;
    const resume = this.#resume;
    this.#resume = null;
    resume();
  }
}
