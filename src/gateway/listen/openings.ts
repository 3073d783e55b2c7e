/** Connections that are no clients yet: bounded in number and in time. */
import type { Clock, TimerHandle } from "../../internal/clock.js";

export interface OpeningLimits {
  readonly maxHandshakes: number;
  readonly handshakeTimeoutMs: number;
}

export type OpeningFault = "handshakeTimeout" | "handshakeEvicted";

/**
 * Past `maxHandshakes` the oldest has to go: an honest handshake takes a moment, so that those who dawdle lose to those who
 * come. One timer, for the oldest.
 */
export class Openings<T> {
  readonly #limits: OpeningLimits;
  readonly #clock: Clock;
  readonly #drop: (opening: T, fault: OpeningFault) => void;
  /** In the order in which they are due. */
  readonly #dueAt = new Map<T, number>();
  #timer: TimerHandle | undefined;

  constructor(limits: OpeningLimits, clock: Clock, drop: (opening: T, fault: OpeningFault) => void) {
    this.#limits = limits;
    this.#clock = clock;
    this.#drop = drop;
  }

  get size(): number {
    return this.#dueAt.size;
  }

  add(opening: T): void {
    if (this.#dueAt.size >= this.#limits.maxHandshakes) {
      const [oldest] = this.#dueAt.keys();
      this.#end(oldest!, "handshakeEvicted");
    }
    this.#dueAt.set(opening, this.#clock.now() + this.#limits.handshakeTimeoutMs);
    this.#timer ??= this.#wake(this.#limits.handshakeTimeoutMs);
  }

  /** It became something, or has gone. False when it is not there (any more). */
  settle(opening: T): boolean {
    return this.#dueAt.delete(opening);
  }

  /** Takes all out, for whoever ends them. */
  clear(): T[] {
    const all = [...this.#dueAt.keys()];
    this.#dueAt.clear();
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    return all;
  }

  #wake(ms: number): TimerHandle {
    return this.#clock.setTimeout(() => this.#look(), ms);
  }

  #look(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    for (const [opening, dueAt] of this.#dueAt) {
      if (dueAt > now) {
        this.#timer = this.#wake(dueAt - now);
        return;
      }
      this.#end(opening, "handshakeTimeout");
    }
  }

  #end(opening: T, fault: OpeningFault): void {
    this.#dueAt.delete(opening);
    this.#drop(opening, fault);
  }
}
