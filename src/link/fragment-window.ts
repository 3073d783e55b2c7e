/**
 * How many bytes of fragments may be on their way to the peer: as few as keep the path busy, for nothing overtakes what
 * stands in the buffers of two kernels. Pings among the fragments, marks, tell by their pongs what has been read; what the
 * path delivers in its shortest round trip, and half as much again, may be unread. While nothing but fragments is sent nobody
 * waits behind them, and it may be more: where processes wait for their turns, each then gets more done in its own. Bytes and
 * milliseconds are arguments.
 */
import { FRAGMENT_BYTES } from "../wire/limits.js";

/** Pings from this number on are marks; those of the keepalive never come so far. */
export const FIRST_MARK = 2 ** 31;
/** Two fragments as large as are sent: one is read while the other one travels. */
export const LEAST_BYTES = FRAGMENT_BYTES;
/** For want of knowledge. */
export const FIRST_BYTES = 4 * FRAGMENT_BYTES;
/** While nothing but fragments is sent: what the path delivers in so long, and no more than this. */
const ALONE_MS = 2;
const ALONE_BYTES = 1024 * 1024;
/** 100 ms at 2.5 Gbit/s; systems hold less themselves, as a rule. */
export const MOST_BYTES = 32 * 1024 * 1024;
/** Of what the path holds. Half of it to spare, so that it does not run dry when a pong comes late. */
const GAIN = 1.5;
/** The same while nothing queues: the window more than doubles with each round trip until something does. */
const GROWTH = 2.5;
/** A round trip that is so much longer than the shortest has met a queue. */
const QUEUED = 1.25;
/** Marks within one window, at most: each costs a ping and a pong. */
const MARKS = 8;
/** A rate holds for two spans of time; so long is one, and so many round trips at least. */
const SPAN_MS = 1_000;
const SPAN_ROUNDS = 10;
/** For so long the shortest round trip is believed. */
const ROUND_HOLDS_MS = 10_000;
/** A pong that takes longer is waited for no more: a peer that answers late, or never, gets its messages all the same. */
const LATE_MS = 1_000;
const LATE_ROUNDS = 4;
/** Clocks are no finer. */
const LEAST_MS = 0.01;

/** A ping behind fragments, and what was known when it was sent. */
interface Mark {
  readonly seq: number;
  readonly sentAt: number;
  /** Bytes sent before it. */
  readonly bytes: number;
  /** Bytes known to be read, since when, and when the mark that told so had been sent. */
  readonly read: number;
  readonly readAt: number;
  readonly readSentAt: number;
  /** Little else was on its way, so that its round trip is the path's own. */
  readonly isAlone: boolean;
}

export class FragmentWindow {
  /** Whether small messages are sent too. */
  isShared = true;
  #limit = FIRST_BYTES;
  /** The same while nothing but fragments is sent. */
  #aloneLimit = FIRST_BYTES;
  readonly #marks: Mark[] = [];
  #seq = 0;
  #sent = 0;
  /** Bytes sent before the last mark. */
  #marked = 0;
  /** Bytes known to be read, since when, and when the mark that told so had been sent. */
  #read = 0;
  #readAt = 0;
  #readSentAt = 0;
  /** Highest rates of this span of time and of the one before, in bytes per millisecond. */
  #rate = 0;
  #earlierRate = 0;
  #spanEndsAt = 0;
  /** Whether the window was full in this span; else low rates are for want of fragments and tell nothing. */
  #wasFull = false;
  /** Shortest round trip, and when it was seen last. */
  #roundMs = Number.POSITIVE_INFINITY;
  #roundAt = 0;

  /** Bytes that may be unread. */
  get limitBytes(): number {
    return this.isShared ? this.#limit : this.#aloneLimit;
  }

  /** Bytes that are not known to have been read. */
  get unreadBytes(): number {
    return this.#sent - this.#read;
  }

  /** Whether a fragment may go. A full window always has a mark on its way, or wants one. */
  get hasRoom(): boolean {
    return this.unreadBytes < this.limitBytes;
  }

  /** A fragment goes. */
  sent(bytes: number, now: number): void {
    if (this.unreadBytes === 0) {
      // The pause before it says nothing of the path.
      this.#readAt = now;
      this.#readSentAt = now;
    }
    this.#sent += bytes;
    if (!this.hasRoom) this.#wasFull = true;
  }

  /** Whether a mark is to go now. `isLast`: no fragment follows for now. */
  wantsMark(isLast: boolean): boolean {
    const unmarked = this.#sent - this.#marked;
    return unmarked > 0 && (isLast || !this.hasRoom || unmarked >= this.limitBytes / MARKS);
  }

  /** A mark goes: gives the number of its ping. */
  mark(now: number): number {
    this.#seq = ((this.#seq + 1) | FIRST_MARK) >>> 0;
    this.#marks.push({
      seq: this.#seq,
      sentAt: now,
      bytes: this.#sent,
      read: this.#read,
      readAt: this.#readAt,
      readSentAt: this.#readSentAt,
      isAlone: this.unreadBytes <= LEAST_BYTES,
    });
    this.#marked = this.#sent;
    return this.#seq;
  }

  /** The pong of a mark: the peer has read all before it. Numbers that are not waited for are ignored. */
  onRead(seq: number, now: number): void {
    const index = this.#marks.findIndex((mark) => mark.seq === seq);
    if (index < 0) return;
    const mark = this.#marks[index]!;
    this.#marks.splice(0, index + 1);
    this.#read = mark.bytes;
    this.#readAt = now;
    this.#readSentAt = mark.sentAt;
    const roundMs = Math.max(LEAST_MS, now - mark.sentAt);
    this.#noteRound(roundMs, mark.isAlone, now);
    // Pongs may come in a bunch: nothing is read faster than it was sent.
    const elapsed = Math.max(LEAST_MS, now - mark.readAt, mark.sentAt - mark.readSentAt);
    this.#noteRate((mark.bytes - mark.read) / elapsed, now);
    this.#setLimits(roundMs, now);
  }

  /** Waits no more for pongs that are long overdue. True when there were any. */
  expire(now: number): boolean {
    const oldest = this.#marks[0];
    const lateMs = this.#roundMs === Number.POSITIVE_INFINITY ? LATE_MS : Math.max(LATE_MS, LATE_ROUNDS * this.#roundMs);
    if (oldest === undefined || now - oldest.sentAt < lateMs) return false;
    this.#marks.length = 0;
    this.#read = this.#marked;
    this.#readAt = now;
    this.#readSentAt = now;
    return true;
  }

  #noteRound(ms: number, isAlone: boolean, now: number): void {
    if (ms > this.#roundMs && !(isAlone && this.#isStale(now))) return;
    this.#roundMs = ms;
    this.#roundAt = now;
  }

  /** The path may have become longer: the window is small until a mark has gone alone. */
  #isStale(now: number): boolean {
    return now - this.#roundAt > ROUND_HOLDS_MS;
  }

  #noteRate(rate: number, now: number): void {
    if (now >= this.#spanEndsAt) {
      if (this.#wasFull) {
        this.#earlierRate = this.#rate;
        this.#rate = 0;
      }
      this.#wasFull = false;
      this.#spanEndsAt = now + Math.max(SPAN_MS, SPAN_ROUNDS * this.#roundMs);
    }
    this.#rate = Math.max(this.#rate, rate);
  }

  #setLimits(roundMs: number, now: number): void {
    const rate = Math.max(this.#rate, this.#earlierRate);
    const gain = roundMs > QUEUED * this.#roundMs ? GAIN : GROWTH;
    const bytes = this.#isStale(now) ? LEAST_BYTES : gain * rate * this.#roundMs;
    this.#limit = Math.min(MOST_BYTES, Math.max(LEAST_BYTES, bytes));
    this.#aloneLimit = this.#isStale(now) ? LEAST_BYTES : Math.max(this.#limit, Math.min(ALONE_BYTES, ALONE_MS * rate));
  }
}
