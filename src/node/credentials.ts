/** What a node proves itself with, exchanged while it runs: connections that stand stay, new ones use the new. Its discoveries are told. */
import type { Discovery } from "../discovery/discovery.js";
import { InvalidOptionsError } from "../errors.js";
import type { Keyring } from "../link/keyring.js";
import type { TlsOptions } from "../transport/tls-options.js";
import { checkTlsOptions, type ResolvedNodeOptions, resolveNodeOptions } from "./options.js";

export class Credentials {
  readonly #options: ResolvedNodeOptions;
  readonly #keyring: Keyring;
  #secrets: readonly string[];
  #harborSecrets: readonly string[];

  constructor(options: ResolvedNodeOptions, keyring: Keyring) {
    this.#options = options;
    this.#keyring = keyring;
    this.#secrets = options.secrets;
    this.#harborSecrets = options.harborSecrets ?? [];
  }

  /** @throws {@link InvalidOptionsError} for secrets that cannot be; nothing changes then. */
  setSecrets(secrets: readonly string[]): void {
    const { address, discovery, harbors, harborSecrets, tls } = this.#options;
    const checked = resolveNodeOptions({ address, discovery, harbors, harborSecrets, secrets }).secrets;
    tls?.useSecrets(checked);
    this.#keyring.replace(checked);
    const before = this.#secrets;
    this.#secrets = checked;
    discovery.setSecrets?.(checked, before);
    if (harbors !== discovery && harborSecrets === undefined) harbors?.setSecrets?.(checked, before);
  }

  /** @throws {@link InvalidOptionsError} as {@link setSecrets}, and for a node that was made without `harborSecrets`. */
  setHarborSecrets(harborSecrets: readonly string[]): void {
    const { address, discovery, harbors } = this.#options;
    if (this.#keyring.harbors === undefined)
      throw new InvalidOptionsError("harborSecrets", ["this node was made without the option harborSecrets, and keeps to that"]);
    const checked = resolveNodeOptions({ address, discovery, harbors, harborSecrets }).harborSecrets ?? [];
    this.#keyring.harbors.replace(checked);
    const before = this.#harborSecrets;
    this.#harborSecrets = checked;
    if (harbors !== discovery) harbors?.setSecrets?.(checked, before);
  }

  /** @throws {@link InvalidOptionsError} listing every fault, also for a node that was made without `tls`; nothing changes then. */
  setTls(tls: TlsOptions): void {
    const { tls: own } = this.#options;
    if (own === undefined) throw new InvalidOptionsError("tls", ["this node was made without the option tls, and keeps to that"]);
    const before = own.options;
    const checked = checkTlsOptions(tls);
    own.replace(checked);
    const exchanged: Discovery[] = [];
    try {
      for (const discovery of this.#discoveries()) {
        discovery.setTls?.(checked, before);
        exchanged.push(discovery);
      }
    } catch (error) {
      for (const discovery of exchanged) discovery.setTls?.(before, checked);
      own.replace(before);
      throw error;
    }
  }

  #discoveries(): Set<Discovery> {
    const { discovery, harbors } = this.#options;
    return new Set(harbors === undefined ? [discovery] : [discovery, harbors]);
  }
}
