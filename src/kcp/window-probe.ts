/** When to ask a peer that can take nothing whether it can again: its word that it can may have been lost. */

const FIRST_MS = 500;
const MAX_MS = 10_000;

export class WindowProbe {
  #waitMs = FIRST_MS;
  #at = Number.POSITIVE_INFINITY;
  #unanswered = 0;

  /** When to ask next; `Infinity` while the peer takes something. */
  get at(): number {
    return this.#at;
  }

  /** Questions since something was heard from the peer. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** Something arrived; `window` is what the peer takes. */
  heard(window: number, now: number): void {
    this.#unanswered = 0;
    if (window > 0) {
      this.#at = Number.POSITIVE_INFINITY;
      this.#waitMs = FIRST_MS;
    } else if (this.#at === Number.POSITIVE_INFINITY) {
      this.#at = now + this.#waitMs;
    }
  }

  asked(now: number): void {
    this.#unanswered++;
    if (now < this.#at) return;
    this.#waitMs = Math.min(this.#waitMs * 1.5, MAX_MS);
    this.#at = now + this.#waitMs;
  }
}
