/** How long an answer takes, and how long to wait for one. */

/** Until the first measurement. */
const FIRST_TIMEOUT_MS = 200;
const MIN_TIMEOUT_MS = 100;
/** With `noDelay`. */
const MIN_TIMEOUT_NO_DELAY_MS = 30;
const MAX_TIMEOUT_MS = 60_000;

/** No segment waits longer than this for its next transmission, unless answers themselves take longer: a path that comes back is found within it. */
const MAX_BACKOFF_MS = 5_000;

export class RoundTrip {
  readonly #noDelay: boolean;
  readonly #intervalMs: number;
  #smoothedMs: number | undefined;
  #variationMs = 0;
  #timeoutMs = FIRST_TIMEOUT_MS;

  constructor(noDelay: boolean, intervalMs: number) {
    this.#noDelay = noDelay;
    this.#intervalMs = intervalMs;
  }

  /** Smoothed, in milliseconds; `undefined` before the first measurement. */
  get smoothedMs(): number | undefined {
    return this.#smoothedMs;
  }

  /** Milliseconds after its first transmission when a segment is sent again. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  measured(ms: number): void {
    if (this.#smoothedMs === undefined) {
      this.#smoothedMs = ms;
      this.#variationMs = ms / 2;
    } else {
      this.#variationMs += (Math.abs(ms - this.#smoothedMs) - this.#variationMs) / 4;
      this.#smoothedMs += (ms - this.#smoothedMs) / 8;
    }
    const timeoutMs = this.#smoothedMs + Math.max(this.#intervalMs, 4 * this.#variationMs);
    this.#timeoutMs = Math.min(Math.max(timeoutMs, this.#noDelay ? MIN_TIMEOUT_NO_DELAY_MS : MIN_TIMEOUT_MS), MAX_TIMEOUT_MS);
  }

  /** The timeout of the next transmission of a segment whose last one ran out: half as long again with `noDelay`, twice as long without. */
  backOff(timeoutMs: number): number {
    const longer = this.#noDelay ? timeoutMs * 1.5 : timeoutMs * 2;
    return Math.min(Math.max(longer, this.#timeoutMs), Math.max(MAX_BACKOFF_MS, this.#timeoutMs));
  }
}
