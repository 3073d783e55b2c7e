/** The failures of dialing one peer, and what they read like. */
import { describeCause } from "../internal/describe-cause.js";
import { HandshakeError } from "./handshake-error.js";

export class Reachability {
  /** In this round. */
  #failures = 0;
  /** In all rounds since it was reached last. */
  #total = 0;
  #firstFailureAt = 0;
  #lastAttemptAt = Number.NEGATIVE_INFINITY;
  #lastCause: Error | undefined;
  /** The dial under way has a connection, and waits for the peer's side of the opening. */
  #connected = false;

  get failures(): number {
    return this.#failures;
  }

  /** Whether this is the first failure since it was reached last. */
  get isNews(): boolean {
    return this.#total === 1;
  }

  get lastAttemptAt(): number {
    return this.#lastAttemptAt;
  }

  get lastCause(): Error | undefined {
    return this.#lastCause;
  }

  attempt(now: number): void {
    this.#lastAttemptAt = now;
    this.#connected = false;
  }

  connected(): void {
    this.#connected = true;
  }

  failed(now: number, cause: Error): void {
    if (this.#failures === 0) this.#firstFailureAt = now;
    this.#failures++;
    this.#total++;
    this.#lastCause = cause;
    this.#connected = false;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#total = 0;
    this.#lastCause = undefined;
    this.#connected = false;
  }

  /** A new round of waiting begins: its attempts are counted afresh. */
  restart(): void {
    this.#failures = 0;
  }

  /** `"dial 10.0.1.7:8011: connection refused, 4 attempts in 3.1 s"` */
  describe(endpoint: string, now: number): string {
    const attempts = this.#failures > 1 ? `, ${this.#failures} attempts in ${((now - this.#firstFailureAt) / 1000).toFixed(1)} s` : "";
    return `dial ${endpoint}: ${this.#problem()}${attempts}`;
  }

  #problem(): string {
    if (this.#connected) return "the port takes the connection, but no opening has come back";
    const cause = this.#lastCause;
    if (cause === undefined) return "no connection yet";
    return cause instanceof HandshakeError && cause.byPeer ? `refused: ${cause.message}` : describeCause(cause);
  }
}
