/** One stream of a session, as a Node.js `Duplex`. */
import { Duplex, type DuplexOptions } from "node:stream";
import { addedCredit, ReceiveWindow } from "./flow-control.js";
import { FLAG, FRAME_HEADER_BYTES, putFrame, TYPE } from "./frame.js";
import { harborReset } from "./harbor-reset.js";
import { copyOf, isSmallPart, ReceiveQueue } from "./receive-queue.js";
import { RESET } from "./reset-code.js";
import { resetByPeer, resetCodeFor, StreamError } from "./stream-error.js";
import type { StreamHost } from "./stream-host.js";
import { throwLater } from "./throw-later.js";
import { WriteBatch, type WriteCallback } from "./write-batch.js";
import { MAX_TURN_BYTES, type WriterSource } from "./writer.js";

/**
 * How far the opening of a stream has come. Ours: `"held"` until the peer may be asked, `"asked"` until it acknowledges.
 * The peer's: `"offered"` until this side accepts. Then `"open"`, until both ends have ended or one has reset it.
 */
export type Opening = "held" | "asked" | "offered" | "open";

const NOTHING = Buffer.alloc(0);

/** Takes the first bytes of a stream before anybody else sees any; see {@link YamuxStream.readFirst}. */
export interface FirstReader {
  /** How many of the bytes at `chunk[start, end)`, the first to arrive, it takes. 0: all are read as any others; nothing may have come when the stream has ended. */
  measure(chunk: Buffer, start: number, end: number): number;
  /** `bytes`: its own, as many as it measured. */
  take(bytes: Buffer): void;
}

/** What a stream begins with; see `SessionOptions`. */
export interface StreamWindows {
  readonly initialWindowBytes: number;
  readonly windowBytes: number;
}

/** Gives back credit for what was read; joins what arrives faster than it is read; sends when it is its turn. */
export class YamuxStream extends Duplex implements WriterSource {
  readonly id: number;
  /** Bytes that have arrived, and that were handed to the connection. */
  bytesIn = 0;
  bytesOut = 0;
  readonly #host: StreamHost<YamuxStream>;
  readonly #window: ReceiveWindow;
  #opening: Opening;
  #sendCredit: number;
  /** Arrived, and not asked for by the `Readable`; made when first needed. */
  #queue: ReceiveQueue | undefined;
  /** The `Readable` has asked for more. */
  #isWanted = false;
  /** Bytes that the host was told are unread, and when the application last took any. */
  #unread = 0;
  #readAt: number;
  #first: FirstReader | undefined;
  #onOpened: ((error: Error | undefined) => void) | undefined;
  #batch: WriteBatch | undefined;
  #onFinSent: WriteCallback | undefined;
  #isInLine = false;
  #finSent = false;
  #finReceived = false;
  #resetReceived = false;
  #resetCode: number | undefined;
  /** Where the bytes of this stream go to and come from, in place of the application. */
  #other: YamuxStream | undefined;

  /** Made by a session. `opening`: `"held"` for one of ours, `"offered"` for one of the peer's. */
  constructor(host: StreamHost<YamuxStream>, id: number, opening: Opening, windows: StreamWindows, options: DuplexOptions) {
    super(options);
    this.id = id;
    this.#host = host;
    this.#opening = opening;
    this.#readAt = host.now;
    this.#sendCredit = windows.initialWindowBytes;
    this.#window = new ReceiveWindow(windows.initialWindowBytes, windows.windowBytes);
  }

  get opening(): Opening {
    return this.#opening;
  }

  /** Bytes that have arrived and that the application has not read. */
  get unreadBytes(): number {
    return this.#unread;
  }

  /** When the application last took any of them, on the session's clock; at first, when the stream was opened. */
  get readAt(): number {
    return this.#readAt;
  }

  /** Bytes that the peer lets this side send. */
  get sendCredit(): number {
    return this.#sendCredit;
  }

  /** Whether both sides have ended it: nothing that happens to the session can harm it any more. */
  get isFinished(): boolean {
    return this.#finSent && this.#finReceived;
  }

  get finReceived(): boolean {
    return this.#finReceived;
  }

  /**
   * Takes a stream that the peer has opened: the peer's end emits `"acknowledged"`. Writing or ending takes it too, and so
   * does reading half a window. For one that is not wanted: `reset(RESET.refused)`.
   */
  accept(): void {
    if (this.#opening !== "offered" || this.destroyed) return;
    this.#opening = "open";
    const delta = this.#window.rest(this.#unread);
    this.#window.grant(delta);
    this.#host.control(TYPE.windowUpdate, FLAG.ack, this.id, delta);
    this.#host.accepted(this);
  }

  /**
   * As `destroy(error)`, and tells the peer `code` (see `RESET`). `destroy()` alone says cancelled, `destroy(error)` what
   * the error carries, or failed.
   */
  reset(code: number, error?: Error): this {
    this.#resetCode ??= code >>> 0;
    return this.destroy(error);
  }

  /** Before anything has arrived: what comes first goes to `reader`, without the cost of Node.js's streams. */
  readFirst(reader: FirstReader): void {
    this.#first = reader;
  }

  /**
   * `told` hears once how the opening ends: without an error when the peer accepts, else with what the stream has failed with. In the
   * place of listeners, which cost more; `undefined` when nobody waits any more.
   */
  whenOpened(told: ((error: Error | undefined) => void) | undefined): void {
    this.#onOpened = told;
  }

  /**
   * Refuses a stream of the peer's that was not accepted in time, or because this side leaves. One that is relayed may have been
   * accepted by the node behind this one meanwhile: then nobody says that it was not.
   */
  refuse(): void {
    const wasPassedOn = this.#other !== undefined && this.#other.#opening !== "held";
    this.reset(wasPassedOn ? harborReset("unanswered") : RESET.refused);
  }

  /**
   * For relays. From now on what arrives on this stream of the peer's goes out on `next`, a new one of another session, and the
   * other way round; `first`, which was read of it, goes ahead. The peer is acknowledged when `next` is, ends are passed on when
   * all before them is, and credit is given for what the other side has taken. When both directions have ended, both streams are
   * over. Whoever relays destroys the one when the other fails. Below Node.js's streams: one copy, from what arrived to what leaves.
   */
  relayTo(next: YamuxStream, first: Buffer): void {
    this.#relayFor(next, first);
    next.#relayFor(this, NOTHING);
    next.#otherHasMore();
    this.#otherHasMore();
  }

  // What the application does.

  override _read(): void {
    if (this.#other !== undefined) return;
    this.#isWanted = true;
    this.#deliver();
    this.#settle();
  }

  /** `size` above the window enlarges it for good: the reader wants that much at once. @throws RangeError above the session's budget. */
  override read(size?: number): Buffer | string | null {
    if (size !== undefined && size > this.#window.limit && !this.#finReceived && !this.destroyed) this.#enlarge(size);
    const chunk = super.read(size) as Buffer | string | null;
    if (chunk !== null) this.#settle();
    return chunk;
  }

  /**
   * Leaving the loop before the end destroys the stream. Its end does not, other than with other duplexes: what was asked
   * can be answered then.
   */
  override async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    let hasEnded = false;
    try {
      yield* this.iterator({ destroyOnReturn: false });
      hasEnded = true;
    } finally {
      if (!hasEnded) this.destroy();
    }
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: WriteCallback): void {
    this.#send(new WriteBatch(chunk, undefined, callback));
  }

  override _writev(chunks: { chunk: Buffer }[], callback: WriteCallback): void {
    this.#send(new WriteBatch(chunks[0]!.chunk, chunks, callback));
  }

  override _final(callback: WriteCallback): void {
    if (this.#finSent) return callback(); // with the last data
    this.#onFinSent = callback;
    this.accept();
    this.#enterLine();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const isNews = !this.#resetReceived && !this.isFinished && this.#opening !== "held";
    this.#host.over(this, isNews ? (this.#resetCode ?? resetCodeFor(error)) : undefined);
    this.#host.unreadChanged(-this.#unread);
    this.#unread = 0;
    this.#queue = undefined;
    this.#onFinSent = undefined;
    this.#first = undefined;
    const told = this.#onOpened;
    this.#onOpened = undefined;
    if (told !== undefined) {
      const cause = error ?? new StreamError("lost", `stream ${this.id} to ${this.#host.remote} was destroyed before it was accepted`);
      process.nextTick(() => told(cause));
    }
    const batch = this.#batch;
    this.#batch = undefined;
    if (batch !== undefined) {
      const unsent = error ?? new StreamError("lost", `stream ${this.id} to ${this.#host.remote} was destroyed before this was sent`);
      process.nextTick(() => batch.settle(unsent)); // when it is destroyed: then this fails the write alone
    }
    callback(error);
  }

  // What the session does.

  /** The peer may be asked: gives the credit to announce with the SYN. */
  ask(): number {
    this.#opening = "asked";
    const delta = this.#window.rest(0);
    this.#window.grant(delta);
    if (this.#canSend) this.#enterLine();
    return delta;
  }

  /** The peer has accepted it. */
  acknowledged(): void {
    this.#opening = "open";
    this.#other?.accept();
    const told = this.#onOpened;
    if (told !== undefined) {
      this.#onOpened = undefined;
      this.#guarded(() => told(undefined));
    }
    if (this.listenerCount("acknowledged") > 0) this.#guarded(() => void this.emit("acknowledged"));
  }

  /** The header of a data frame has come. @throws ProtocolError beyond the credit. */
  checkCredit(bytes: number): void {
    this.#window.check(bytes);
  }

  receive(chunk: Buffer, start: number, end: number): void {
    if (this.destroyed) return;
    this.bytesIn += end - start;
    const first = this.#first;
    if (first === undefined) return this.#receive(chunk, start, end);
    this.#first = undefined;
    const bytes = first.measure(chunk, start, end);
    if (bytes > 0) {
      this.#window.use(bytes);
      first.take(Buffer.from(chunk.subarray(start, start + bytes)));
    }
    if (!this.destroyed) this.#receive(chunk, start + bytes, end);
  }

  /** Hot path. */
  #receive(chunk: Buffer, start: number, end: number): void {
    this.#window.use(end - start);
    if (this.#other !== undefined) return this.#receiveForOther(this.#other, chunk, start, end);
    if (start === end) return this.#settle();
    const isFlowing = this.readableFlowing === true && this.readableLength === 0;
    // What was asked for has to be pushed: Node.js does not ask twice.
    if ((isFlowing || this.#isWanted) && this.#queue === undefined) {
      // Whoever is flowing takes the bytes at once. A view that waits must not keep a chunk of which it is a small part.
      const isKept = !isFlowing && isSmallPart(chunk, end - start);
      this.#push(isKept ? copyOf(chunk, start, end) : chunk.subarray(start, end));
    } else {
      this.#queue ??= new ReceiveQueue();
      this.#queue.push(chunk, start, end);
    }
    this.#settle();
  }

  receiveFin(): void {
    if (this.destroyed) return;
    this.#finReceived = true;
    if (this.#first !== undefined) {
      this.#first.measure(NOTHING, 0, 0);
      this.#first = undefined;
    }
    if (this.#finSent) this.#host.finished();
    if (this.#other !== undefined) this.#other.#otherHasMore();
    else if (this.#queue === undefined) this.#push(null);
  }

  receiveReset(code: number): void {
    if (this.isFinished) return; // it came too late to harm anything
    this.#resetReceived = true;
    this.destroy(resetByPeer(this.id, this.#host.remote, code, this.#opening === "open" || this.#opening === "offered"));
  }

  /** @throws ProtocolError past 32 bits. */
  addCredit(delta: number): void {
    this.#sendCredit = addedCredit(this.#sendCredit, delta);
    if (this.#canSend) this.#enterLine();
  }

  putTurn(out: Buffer, at: number, room: number): number {
    const batch = this.#batch;
    if (this.destroyed) return 0;
    if (this.#other !== undefined) return this.#putOfOther(this.#other, out, at, room);
    if (batch !== undefined) {
      const size = Math.min(batch.left, this.#sendCredit, MAX_TURN_BYTES, room - 2 * FRAME_HEADER_BYTES);
      if (size === 0 && batch.left > 0) return 0;
      let end = at;
      if (size > 0) {
        putFrame(out, at, TYPE.data, 0, this.id, size);
        batch.copyTo(out, at + FRAME_HEADER_BYTES, size);
        end += FRAME_HEADER_BYTES + size;
        this.#sendCredit -= size;
        this.bytesOut += size;
      }
      // All that will ever be written, other than empty chunks: the end goes with it.
      const isLast = !this.#finSent && batch.left === 0 && this.writableEnded && this.writableLength === batch.size;
      return isLast ? this.#putFin(out, end) - at : end - at;
    }
    return this.#onFinSent === undefined || this.#finSent ? 0 : this.#putFin(out, at) - at;
  }

  /**
   * Always a frame of its own: readers of hashicorp's implementation may take an end that comes on a data frame before
   * they have seen its data.
   */
  #putFin(out: Buffer, at: number): number {
    this.#finSent = true;
    putFrame(out, at, TYPE.windowUpdate, FLAG.fin, this.id, 0);
    return at + FRAME_HEADER_BYTES;
  }

  turnDone(): boolean {
    if (this.#other !== undefined) return this.#relayTurnDone(this.#other);
    const batch = this.#batch;
    if (batch !== undefined && batch.left === 0) {
      this.#batch = undefined;
      this.#guarded(() => batch.settle(null));
    } else if (this.#finSent && this.#onFinSent !== undefined) {
      const callback = this.#onFinSent;
      this.#onFinSent = undefined;
      this.#guarded(callback);
    }
    if (this.isFinished) this.#host.finished();
    this.#isInLine = this.#canSend;
    return this.#isInLine;
  }

  get #canSend(): boolean {
    if (this.destroyed || this.#opening === "held") return false;
    if (this.#other !== undefined) return this.#canSendOf(this.#other);
    const batch = this.#batch;
    return batch === undefined ? this.#onFinSent !== undefined : this.#sendCredit > 0 || batch.left === 0;
  }

  #send(batch: WriteBatch): void {
    this.#batch = batch;
    this.accept(); // nothing goes out on a stream that was not acknowledged
    if (this.#canSend) this.#enterLine();
  }

  #enterLine(): void {
    if (this.#isInLine || this.destroyed || this.#opening === "held") return;
    this.#isInLine = true;
    this.#host.ready(this);
  }

  /** Hands over what waits, as long as it is wanted; behind all of it the end. */
  #deliver(): void {
    while (this.#queue !== undefined && this.#isWanted) {
      const piece = this.#queue.shift()!;
      if (this.#queue.isEmpty) this.#queue = undefined;
      this.#push(piece);
    }
    if (this.#finReceived && this.#queue === undefined) this.#push(null);
  }

  #push(piece: Buffer | null): void {
    this.#isWanted = false;
    try {
      if (this.push(piece)) this.#isWanted = true;
    } catch (thrown) {
      throwLater(thrown);
    }
  }

  /** Says how much is unread now, and gives credit for what was read. */
  #settle(): void {
    const unread = this.readableLength + (this.#queue?.bytes ?? 0);
    const delta = unread - this.#unread;
    this.#unread = unread;
    if (delta <= 0) this.#readAt = this.#host.now;
    if (delta !== 0) this.#host.unreadChanged(delta);
    if (this.#finReceived || this.destroyed || this.#opening === "held") return;
    if (this.#other !== undefined && this.#opening === "offered") return; // its acknowledgment is not this side's to give
    const credit = this.#window.due(unread);
    if (credit > 0) this.#grant(credit);
  }

  #enlarge(limitBytes: number): void {
    const { maxUnreadBytes } = this.#host;
    if (limitBytes > maxUnreadBytes)
      throw new RangeError(`read(${limitBytes}) of a stream whose session holds at most ${maxUnreadBytes} unread bytes`);
    this.#window.enlarge(limitBytes);
    if (this.#opening !== "held") this.#grant(this.#window.rest(this.#unread));
  }

  #grant(credit: number): void {
    if (this.#opening === "offered") return this.accept();
    this.#window.grant(credit);
    this.#host.control(TYPE.windowUpdate, 0, this.id, credit);
  }

  // What a relay does.

  #relayFor(other: YamuxStream, first: Buffer): void {
    this.#other = other;
    const arrived = this.#queue;
    const queue = new ReceiveQueue();
    if (first.length > 0) queue.push(first, 0, first.length);
    const early = super.read() as Buffer | null;
    if (early !== null) queue.push(early, 0, early.length);
    for (let piece = arrived?.shift(); piece !== undefined; piece = arrived!.shift()) queue.push(piece, 0, piece.length);
    this.#queue = queue;
    this.#settle();
  }

  /** Hot path. */
  #receiveForOther(other: YamuxStream, chunk: Buffer, start: number, end: number): void {
    this.#queue!.push(chunk, start, end);
    this.#settle();
    if (!this.destroyed) other.#otherHasMore();
  }

  #otherHasMore(): void {
    if (this.#canSend) this.#enterLine();
  }

  /** Hot path. Whether there is something of `other`'s to send: bytes, or its end. */
  #canSendOf(other: YamuxStream): boolean {
    const waits = other.#queue?.bytes ?? 0;
    return waits > 0 ? this.#sendCredit > 0 : other.#finReceived && !other.destroyed && !this.#finSent;
  }

  /** Hot path. */
  #putOfOther(other: YamuxStream, out: Buffer, at: number, room: number): number {
    const queue = other.#queue;
    if (queue === undefined) return 0; // the other one is destroyed, and this one will be
    const size = Math.min(queue.bytes, this.#sendCredit, MAX_TURN_BYTES, room - 2 * FRAME_HEADER_BYTES);
    let end = at;
    if (size > 0) {
      putFrame(out, at, TYPE.data, 0, this.id, size);
      queue.copyTo(out, at + FRAME_HEADER_BYTES, size);
      end += FRAME_HEADER_BYTES + size;
      this.#sendCredit -= size;
      this.bytesOut += size;
    }
    if (queue.isEmpty && other.#finReceived && !this.#finSent) end = this.#putFin(out, end);
    return end - at;
  }

  #relayTurnDone(other: YamuxStream): boolean {
    other.#settle(); // what was sent here was read there
    if (this.isFinished) this.#host.finished();
    if (this.#finSent && other.#finSent) {
      this.destroy();
      other.destroy();
    }
    this.#isInLine = this.#canSend;
    return this.#isInLine;
  }

  /** Runs the application's code. */
  #guarded(callback: () => void): void {
    try {
      callback();
    } catch (thrown) {
      throwLater(thrown);
    }
  }
}
