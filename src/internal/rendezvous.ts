/**
 * Rendezvous (highest random weight) hashing: every node that knows the same candidates chooses the same one for a
 * key, and a key moves only when its candidate goes or a heavier one comes.
 *
 * The formula, in unsigned 32-bit arithmetic, for other languages to match:
 * - key text: a string as it is; a number or bigint in decimal, without leading zeros, `-` in front when negative.
 *   `7`, `7n` and `"7"` are one key: an id is a number here, 64-bit there, and text in JSON.
 * - `hash(key)` = FNV-1a over the UTF-8 bytes of the key text: start 0x811c9dc5, per byte XOR then times 0x01000193.
 * - `mix(x)` = the finalizer of MurmurHash3: `x ^= x >>> 16; x *= 0x85ebca6b; x ^= x >>> 13; x *= 0xc2b2ae35; x ^= x >>> 16`.
 * - `weight(key, address)` = `mix(hash(key) ^ mix(address))`; the highest weight wins. `mix` is a bijection, so two
 *   addresses never have the same weight for a key.
 */
import type { LogicalAddress } from "../addr/logical-address.js";
import { InvalidOptionsError } from "../errors.js";

export type RendezvousKey = string | number | bigint;

const FNV_START = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * The key's half of the weight, computed once per choice.
 *
 * @throws {@link InvalidOptionsError} for a number that is no safe integer: its digits differ between languages.
 */
export function hashKey(key: RendezvousKey): number {
  const text = keyText(key);
  let hash = FNV_START;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) return hashBytes(new TextEncoder().encode(text));
    hash = Math.imul(hash ^ unit, FNV_PRIME);
  }
  return hash >>> 0;
}

/** How much `address` is liked by a key; compare as unsigned numbers, highest wins. */
export function rendezvousWeight(keyHash: number, address: LogicalAddress): number {
  return mix(keyHash ^ mix(address));
}

/** The candidate of the highest weight, `undefined` when there is none. The order of `candidates` does not matter. */
export function rendezvous<T extends { readonly address: LogicalAddress }>(key: RendezvousKey, candidates: readonly T[]): T | undefined {
  const keyHash = hashKey(key);
  let best: T | undefined;
  let bestWeight = -1;
  for (const candidate of candidates) {
    const weight = rendezvousWeight(keyHash, candidate.address);
    if (weight > bestWeight) {
      best = candidate;
      bestWeight = weight;
    }
  }
  return best;
}

function keyText(key: RendezvousKey): string {
  switch (typeof key) {
    case "string":
      return key;
    case "bigint":
      return key.toString();
    case "number":
      if (Number.isSafeInteger(key)) return key.toString();
      throw new InvalidOptionsError("hash key", [`${key} is not a whole number that JavaScript holds exactly: use a bigint or a string`]);
    default:
      throw new InvalidOptionsError("hash key", [`expected a string, number or bigint, got ${key === null ? "null" : typeof key}`]);
  }
}

function hashBytes(bytes: Uint8Array): number {
  let hash = FNV_START;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, FNV_PRIME);
  return hash >>> 0;
}

function mix(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
