/** How many segments the path seems to take at once: slow start, then one more per round trip; halved by a loss that later segments tell, one after a timeout. */

const FIRST_SEGMENTS = 1;
const MIN_THRESHOLD = 2;

export class CongestionWindow {
  readonly #max: number;
  #segments = FIRST_SEGMENTS;
  #threshold = Number.POSITIVE_INFINITY;

  /** @param max - Segments past which it does not grow. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Whole segments that may be in flight, at least one. */
  get segments(): number {
    return Math.floor(this.#segments);
  }

  /** `count` segments arrived while as many were in flight as allowed: those of a sender that had little to send prove nothing. */
  acknowledged(count: number): void {
    const slowStart = this.#segments < this.#threshold;
    this.#segments = Math.min(this.#segments + (slowStart ? count : count / this.#segments), this.#max);
  }

  /** Later segments arrived and some of `inFlight` did not. */
  skipped(inFlight: number, resend: number): void {
    this.#threshold = Math.max(inFlight / 2, MIN_THRESHOLD);
    this.#segments = Math.min(this.#threshold + resend, this.#max);
  }

  /** Nothing came back in time. */
  timedOut(): void {
    this.#threshold = Math.max(this.#segments / 2, MIN_THRESHOLD);
    this.#segments = FIRST_SEGMENTS;
  }
}
