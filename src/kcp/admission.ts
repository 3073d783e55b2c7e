/** Who may open a session: bounds in all, per host, and for peers that have not proved their address. */
import { hostKey } from "../internal/host-key.js";

export interface AdmissionLimits {
  readonly maxSessions: number;
  readonly maxSessionsPerHost: number;
  readonly maxUnprovenSessions: number;
}

export type Refusal = "sessions" | "host" | "unproven";

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #perHost = new Map<string, number>();
  #sessions = 0;
  #unproven = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get sessions(): number {
    return this.#sessions;
  }

  get unproven(): number {
    return this.#unproven;
  }

  /** Hosts that have a session. */
  get hosts(): number {
    return this.#perHost.size;
  }

  /** Lets a new, unproven session of `address` in; what stands against it otherwise. */
  enter(address: string): Refusal | undefined {
    const host = hostKey(address);
    const ofHost = this.#perHost.get(host) ?? 0;
    if (this.#sessions >= this.#limits.maxSessions) return "sessions";
    if (ofHost >= this.#limits.maxSessionsPerHost) return "host";
    if (this.#unproven >= this.#limits.maxUnprovenSessions) return "unproven";
    this.#perHost.set(host, ofHost + 1);
    this.#sessions++;
    this.#unproven++;
    return undefined;
  }

  proven(): void {
    this.#unproven--;
  }

  leave(address: string, isProven: boolean): void {
    const host = hostKey(address);
    const left = this.#perHost.get(host)! - 1;
    if (left === 0) this.#perHost.delete(host);
    else this.#perHost.set(host, left);
    this.#sessions--;
    if (!isProven) this.#unproven--;
  }
}
