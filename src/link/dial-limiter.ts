/** At most `perSecond` dials, in bursts of up to as many: a token bucket, time as an argument. */
export class DialLimiter {
  readonly #perSecond: number;
  #tokens: number;
  #at = Number.NEGATIVE_INFINITY;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
  }

  /** Takes a token: 0 when there was one, else the milliseconds until there will be. */
  take(now: number): number {
    if (this.#at === Number.NEGATIVE_INFINITY) this.#at = now;
    this.#tokens = Math.min(this.#perSecond, this.#tokens + ((now - this.#at) * this.#perSecond) / 1000);
    this.#at = now;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return 0;
    }
    return Math.ceil(((1 - this.#tokens) * 1000) / this.#perSecond);
  }
}
