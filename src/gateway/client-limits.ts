/** How many clients there may be, in all and from one address. */
import { hostKey } from "../internal/host-key.js";

export interface ClientLimitOptions {
  readonly maxClients: number;
  readonly maxClientsPerAddress: number;
}

export class ClientLimits {
  readonly #options: ClientLimitOptions;
  readonly #perHost = new Map<string, number>();
  #clients = 0;

  constructor(options: ClientLimitOptions) {
    this.#options = options;
  }

  get clients(): number {
    return this.#clients;
  }

  /** Addresses that have a client. */
  get addresses(): number {
    return this.#perHost.size;
  }

  /** What stands against one more from `address`; an IPv6 network of 64 bits is one address. */
  faultOf(address: string): "maxClients" | "maxClientsPerAddress" | undefined {
    if (this.#clients >= this.#options.maxClients) return "maxClients";
    const ofHost = this.#perHost.get(hostKey(address)) ?? 0;
    return ofHost >= this.#options.maxClientsPerAddress ? "maxClientsPerAddress" : undefined;
  }

  enter(address: string): void {
    const host = hostKey(address);
    this.#perHost.set(host, (this.#perHost.get(host) ?? 0) + 1);
    this.#clients++;
  }

  leave(address: string): void {
    const host = hostKey(address);
    const left = (this.#perHost.get(host) ?? 0) - 1;
    if (left > 0) this.#perHost.set(host, left);
    else this.#perHost.delete(host);
    this.#clients--;
  }
}
