/** The pings of one session: what is out, what it is asked for, and how long the last answer took. */
import type { Random } from "../internal/clock.js";
import { Deferred } from "../internal/deferred.js";

export class SessionPings {
  /** Milliseconds of the last round trip. */
  rttMs: number | undefined;
  lastPongAt: number;
  #sentAt: number | undefined;
  #value: number;
  #waiting: Deferred<number> | undefined;

  constructor(random: Random, now: number) {
    this.#value = Math.floor(random.next() * 2 ** 32);
    this.lastPongAt = now;
  }

  get sentAt(): number | undefined {
    return this.#sentAt;
  }

  /** The value to send with a new ping; `undefined` while one is out. */
  begin(now: number): number | undefined {
    if (this.#sentAt !== undefined) return undefined;
    this.#sentAt = now;
    this.#value = (this.#value + 1) >>> 0;
    return this.#value;
  }

  /** Resolves with the milliseconds of the ping that is out. */
  answered(): Promise<number> {
    this.#waiting ??= new Deferred<number>();
    return this.#waiting.promise;
  }

  /** An answer came; one to no ping of ours means nothing. */
  onPong(value: number, now: number): void {
    if (this.#sentAt === undefined || value !== this.#value) return;
    this.rttMs = now - this.#sentAt;
    this.lastPongAt = now;
    this.#sentAt = undefined;
    this.#waiting?.resolve(this.rttMs);
    this.#waiting = undefined;
  }

  /** There will be no answer. */
  close(error: Error): void {
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}
