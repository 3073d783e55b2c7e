/** What a node proves itself with, exchanged while it runs: connections that stand stay, new ones use the new. */
import { InvalidOptionsError } from "../errors.js";
import type { Keyring } from "../link/keyring.js";
import type { TlsOptions } from "../transport/tls-options.js";
import { checkTlsOptions, type ResolvedNodeOptions, resolveNodeOptions } from "./options.js";

export class Credentials {
  readonly #options: ResolvedNodeOptions;
  readonly #keyring: Keyring;

  constructor(options: ResolvedNodeOptions, keyring: Keyring) {
    this.#options = options;
    this.#keyring = keyring;
  }

  /** @throws {@link InvalidOptionsError} for secrets that cannot be; nothing changes then. */
  setSecrets(secrets: readonly string[]): void {
    const { address, discovery, harbors, harborSecrets, tls } = this.#options;
    const checked = resolveNodeOptions({ address, discovery, harbors, harborSecrets, secrets }).secrets;
    tls?.useSecrets(checked);
    this.#keyring.replace(checked);
  }

  /** @throws {@link InvalidOptionsError} as {@link setSecrets}, and for a node that was made without `harborSecrets`. */
  setHarborSecrets(harborSecrets: readonly string[]): void {
    const { address, discovery, harbors } = this.#options;
    if (this.#keyring.harbors === undefined)
      throw new InvalidOptionsError("harborSecrets", ["this node was made without the option harborSecrets, and keeps to that"]);
    this.#keyring.harbors.replace(resolveNodeOptions({ address, discovery, harbors, harborSecrets }).harborSecrets ?? []);
  }

  /** @throws {@link InvalidOptionsError} listing every fault, also for a node that was made without `tls`; nothing changes then. */
  setTls(tls: TlsOptions): void {
    const { tls: own } = this.#options;
    if (own === undefined) throw new InvalidOptionsError("tls", ["this node was made without the option tls, and keeps to that"]);
    own.replace(checkTlsOptions(tls));
  }
}
