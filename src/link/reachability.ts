/** The failures of dialing one peer, and what they read like. */
export class Reachability {
  #failures = 0;
  #firstFailureAt = 0;
  #lastAttemptAt = Number.NEGATIVE_INFINITY;
  #lastCause: Error | undefined;

  get failures(): number {
    return this.#failures;
  }

  get lastAttemptAt(): number {
    return this.#lastAttemptAt;
  }

  get lastCause(): Error | undefined {
    return this.#lastCause;
  }

  attempt(now: number): void {
    this.#lastAttemptAt = now;
  }

  failed(now: number, cause: Error): void {
    if (this.#failures === 0) this.#firstFailureAt = now;
    this.#failures++;
    this.#lastCause = cause;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#lastCause = undefined;
  }

  /** A new round of waiting begins: its attempts are counted afresh. */
  restart(): void {
    this.#failures = 0;
  }

  /** `"dial 10.0.1.7:8011: connection refused, 4 attempts in 3.1 s"` */
  describe(endpoint: string, now: number): string {
    const cause = this.#lastCause === undefined ? "no connection yet" : describeCause(this.#lastCause);
    const seconds = ((now - this.#firstFailureAt) / 1000).toFixed(1);
    return `dial ${endpoint}: ${cause}${this.#failures > 1 ? `, ${this.#failures} attempts in ${seconds} s` : ""}`;
  }
}

const SYSTEM: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ETIMEDOUT: "connect timed out",
  ENOTFOUND: "host name not found",
  EHOSTUNREACH: "host unreachable",
  ENETUNREACH: "network unreachable",
  EAI_AGAIN: "name lookup failed",
};

/** A system error in plain words, anything else as it says itself. */
export function describeCause(cause: Error): string {
  const code = (cause as { code?: unknown }).code;
  return (typeof code === "string" ? SYSTEM[code] : undefined) ?? cause.message;
}
