/** One connection to the server for all that a process does with it, open while somebody uses it. */
import { isDeepStrictEqual } from "node:util";
import { InvalidOptionsError } from "../../errors.js";
import type { Clock, TimerHandle } from "../../internal/clock.js";
import { type AnonymousCaller, connectAnonymously } from "../../node/anonymous-caller.js";
import { type AnonymousOptions, checkTlsOptions, resolveAnonymousOptions } from "../../node/options.js";
import type { TlsOptions } from "../../transport/tls-options.js";

/** How long it stays open after single questions: more of them often follow. */
const LINGER_MS = 1_000;
/** Longest time to finish what is under way once nobody uses it any more. */
const CLOSE_TIMEOUT_MS = 1_000;

export class SharedCaller {
  #options: AnonymousOptions;
  readonly #clock: Clock;
  #caller: AnonymousCaller | undefined;
  #users = 0;
  #linger: TimerHandle;

  constructor(options: AnonymousOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Opens it if need be. To be given back with {@link release}, once. */
  acquire(): AnonymousCaller {
    this.#clock.clearTimeout(this.#linger);
    this.#users++;
    this.#caller ??= connectAnonymously(this.#options);
    return this.#caller;
  }

  /** The last one who gives it back closes it: at once, or after a moment in which nobody else came. */
  async release(when: "now" | "later"): Promise<void> {
    if (--this.#users > 0) return;
    if (when === "later") this.#linger = this.#clock.setTimeout(() => void this.#close(), LINGER_MS);
    else await this.#close();
  }

  /** Whether it proves itself with these and no others. Without any it does with none. */
  hasSecrets(secrets: readonly string[]): boolean {
    const own = new Set(this.#options.secrets);
    return own.size > 0 && own.size === new Set(secrets).size && secrets.every((secret) => own.has(secret));
  }

  hasTls(tls: TlsOptions): boolean {
    const { tls: own } = this.#options;
    return own !== undefined && isDeepStrictEqual(checkTlsOptions(own), checkTlsOptions(tls));
  }

  /** @throws {@link InvalidOptionsError}; then what was in force stays. */
  setSecrets(secrets: readonly string[]): void {
    if (this.#options.secrets === undefined || this.#options.secrets.length === 0)
      throw new InvalidOptionsError("secrets", ["this discovery was made without the option secrets, and keeps to that"]);
    const options = { ...this.#options, secrets };
    if (this.#caller === undefined) resolveAnonymousOptions(options);
    else this.#caller.setSecrets(secrets);
    this.#options = options;
  }

  /** @throws {@link InvalidOptionsError}; then what was in force stays. */
  setTls(tls: TlsOptions): void {
    if (this.#options.tls === undefined)
      throw new InvalidOptionsError("tls", ["this discovery was made without the option tls, and keeps to that"]);
    const options = { ...this.#options, tls };
    if (this.#caller === undefined) resolveAnonymousOptions(options);
    else this.#caller.setTls(tls);
    this.#options = options;
  }

  /** Closes it if nobody uses it. */
  async close(): Promise<void> {
    if (this.#users === 0) await this.#close();
  }

  async #close(): Promise<void> {
    this.#clock.clearTimeout(this.#linger);
    const caller = this.#caller;
    this.#caller = undefined;
    await caller?.close({ timeoutMs: CLOSE_TIMEOUT_MS });
  }
}
