/**
 * The shared secrets and the keys made of them. Each role and purpose has a key of its own, so that a proof cannot be
 * reflected or used elsewhere (docs/protocol.md, "Proofs").
 */
import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { isHarbor, type LogicalAddress } from "../addr/logical-address.js";
import { KEY_ID_BYTES } from "../wire/hello.js";

export type Role = "dialer" | "acceptor";

const SALT = "clusterts opening 1";

export class SecretKey {
  /** Names the key in hellos without giving it away. */
  readonly id: Uint8Array;
  readonly #secret: string;
  readonly #derived = new Map<string, Uint8Array>();

  constructor(secret: string) {
    this.#secret = secret;
    this.id = derive(secret, "key id").subarray(0, KEY_ID_BYTES);
  }

  /** HMAC-SHA256 over both raw hellos and the channel binding, each preceded by its length. */
  prove(role: Role, purpose: number, dialerHello: Uint8Array, acceptorHello: Uint8Array, binding: Uint8Array | undefined): Uint8Array {
    const info = `${role} ${purpose}`;
    let key = this.#derived.get(info);
    if (key === undefined) {
      key = derive(this.#secret, info);
      this.#derived.set(info, key);
    }
    const mac = createHmac("sha256", key);
    for (const part of [dialerHello, acceptorHello, binding ?? new Uint8Array(0)]) {
      mac.update(Uint8Array.of(part.length >>> 8, part.length & 0xff));
      mac.update(part);
    }
    return mac.digest();
  }
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Every secret that is valid now; replaced as a whole when secrets are rotated. */
export class Keyring {
  #keys: readonly SecretKey[];
  /** Of a harbor, for other harbors, where these have secrets of their own. */
  readonly harbors: Keyring | undefined;

  constructor(secrets: readonly string[], harbors?: Keyring) {
    this.#keys = secrets.map((secret) => new SecretKey(secret));
    this.harbors = harbors;
  }

  /** The secrets for a peer that is, or says that it is, `peer`. */
  of(peer: LogicalAddress): Keyring {
    return this.harbors !== undefined && isHarbor(peer) ? this.harbors : this;
  }

  get keys(): readonly SecretKey[] {
    return this.#keys;
  }

  replace(secrets: readonly string[]): void {
    this.#keys = secrets.map((secret) => new SecretKey(secret));
  }

  /** The first of our keys that is among `ids`. */
  find(ids: readonly Uint8Array[]): SecretKey | undefined {
    return this.#keys.find((key) => ids.some((id) => equalBytes(id, key.id)));
  }
}

function derive(secret: string, info: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, SALT, info, 32));
}
