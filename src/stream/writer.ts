/**
 * What goes out over one session's connection. Frames of a turn are gathered into one buffer and written once: control
 * frames in the order in which they were asked for, behind them data, 64 KiB of each stream by turns. While the connection
 * has not taken the last write nothing more is written, so that data waits with the streams and not here.
 */
import { giveBuffer, POOLED_BYTES, takeBuffer } from "../internal/buffer-pool.js";
import type { Clock } from "../internal/clock.js";
import { FRAME_HEADER_BYTES, putFrame } from "./frame.js";

/** The most of one stream's data that goes out before it is the next one's turn. */
export const MAX_TURN_BYTES = 64 * 1024;
/** With less room than this left in a buffer, data waits for the next one. */
const LEAST_TURN_BYTES = 1024;
/** Answers (pongs, refusals) that may wait for a peer that does not read: they are the one thing that it can make grow. */
const MAX_WAITING_ANSWERS = 16_384;

/** What the writer takes data from. */
export interface WriterSource {
  /** Puts its next frames at `out[at]`, at most {@link MAX_TURN_BYTES} of payload, in at most `room` bytes; gives how many it took. */
  putTurn(out: Buffer, at: number, room: number): number;
  /** What was put counts as sent; calls back whoever waits for it. True: there is more to send. */
  turnDone(): boolean;
}

/** What the writer needs of a connection: see `Connection` in `src/transport/`. */
export interface WritableConnection {
  readonly bufferedBytes: number;
  write(bytes: Uint8Array): boolean;
  end(): void;
}

export class SessionWriter {
  bytesOut = 0;
  /** When bytes were last handed to the connection. */
  lastWriteAt: number;
  readonly #connection: WritableConnection;
  readonly #clock: Clock;
  /** The frames gathered so far. */
  #out: Buffer | undefined;
  #length = 0;
  /** The buffer that the connection has not let go of. */
  #held: Buffer | undefined;
  /** Streams that have something to send, first in line first. */
  #ready: WriterSource[] = [];
  #head = 0;
  #answers = 0;
  #armed = false;
  #phase: "open" | "ending" | "closed" = "open";

  constructor(connection: WritableConnection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
    this.lastWriteAt = clock.now();
  }

  /** Bytes gathered and not written, and written and not taken. */
  get waitingBytes(): number {
    return this.#length + this.#connection.bufferedBytes;
  }

  /** A frame without payload. It goes out ahead of data that has not been gathered yet. */
  control(type: number, flags: number, streamId: number, length: number): void {
    if (this.#phase !== "open") return;
    this.#reserve(FRAME_HEADER_BYTES);
    putFrame(this.#out!, this.#length, type, flags, streamId, length);
    this.#length += FRAME_HEADER_BYTES;
    this.#arm();
  }

  /** As {@link control}, for what the peer makes us send. False: so much waits already that the peer cannot be reading. */
  answer(type: number, flags: number, streamId: number, length: number): boolean {
    this.control(type, flags, streamId, length);
    return ++this.#answers <= MAX_WAITING_ANSWERS;
  }

  /** `source` has something to send; it is not in the line yet. */
  ready(source: WriterSource): void {
    this.#ready.push(source);
    this.#arm();
  }

  /** Writes what is gathered, then ends the connection; data of streams is not taken any more. */
  end(): void {
    if (this.#phase !== "open") return;
    this.#phase = "ending";
    this.#ready = [];
    this.#head = 0;
    this.#arm();
  }

  /** The connection has let go of what it held. */
  onDrain(): void {
    if (this.#held !== undefined) giveBuffer(this.#held);
    this.#held = undefined;
    this.#flush();
  }

  /** The connection is gone. */
  close(): void {
    this.#phase = "closed";
    // A buffer that the connection may still read from goes to the collector, not to the pool.
    this.#held = undefined;
    if (this.#out !== undefined) giveBuffer(this.#out);
    this.#out = undefined;
    this.#length = 0;
    this.#ready = [];
    this.#head = 0;
  }

  #arm(): void {
    if (this.#armed || this.#held !== undefined) return;
    this.#armed = true;
    this.#clock.afterTurn(this.#armedFlush);
  }

  readonly #armedFlush = (): void => {
    this.#armed = false;
    this.#flush();
  };

  #flush(): void {
    if (this.#phase === "closed" || this.#held !== undefined) return;
    this.#gather();
    this.#write();
    if (this.#isClosed || this.#held !== undefined) return;
    if (this.#phase === "ending") {
      this.#connection.end();
    } else if (this.#head < this.#ready.length && !this.#armed) {
      // Whoever reads from the connection comes first: data of one turn is at most one buffer.
      this.#armed = true;
      this.#clock.nextTurn(this.#armedFlush);
    }
  }

  /** Takes turns until nobody has anything, or the buffer is full. */
  #gather(): void {
    while (this.#head < this.#ready.length) {
      this.#out ??= takeBuffer();
      const room = this.#out.length - this.#length;
      if (room < FRAME_HEADER_BYTES + LEAST_TURN_BYTES) return;
      const source = this.#nextReady();
      const bytes = source.putTurn(this.#out, this.#length, room);
      this.#length += bytes;
      // The application's code may run in here, and may close all of it.
      if (source.turnDone()) this.#ready.push(source);
    }
  }

  #nextReady(): WriterSource {
    const source = this.#ready[this.#head]!;
    this.#head++;
    if (this.#head === this.#ready.length) {
      this.#ready = [];
      this.#head = 0;
    } else if (this.#head >= 1024 && this.#head * 2 >= this.#ready.length) {
      this.#ready.splice(0, this.#head);
      this.#head = 0;
    }
    return source;
  }

  #write(): void {
    const out = this.#out;
    if (out === undefined || this.#isClosed) return;
    const length = this.#length;
    this.#out = undefined;
    this.#length = 0;
    this.#answers = 0;
    if (length === 0) return giveBuffer(out);
    this.bytesOut += length;
    this.lastWriteAt = this.#clock.now();
    if (this.#connection.write(out.subarray(0, length))) giveBuffer(out);
    else this.#held = out;
  }

  get #isClosed(): boolean {
    return this.#phase === "closed";
  }

  /** Makes room for a control frame. Only many of them while the connection is held up need more than a pooled buffer. */
  #reserve(bytes: number): void {
    const out = this.#out;
    if (out === undefined) {
      this.#out = takeBuffer();
    } else if (out.length - this.#length < bytes) {
      const larger = Buffer.allocUnsafeSlow(Math.max(2 * out.length, POOLED_BYTES));
      out.copy(larger, 0, 0, this.#length);
      giveBuffer(out);
      this.#out = larger;
    }
  }
}
