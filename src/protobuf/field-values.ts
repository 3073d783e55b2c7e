/** Whether a value fits its field, and the errors when it does not. */
import * as words from "./words.js";

// Constants of this module: what is imported would be looked up and checked at each use.
const { HIGH, int32, int64, LOW, uint64 } = words;

const TWO_32 = 2 ** 32;
const TWO_63 = 2 ** 63;
const DECIMAL = /^-?[0-9]{1,20}$/;

/** Keys of maps come as text from generated code, which keeps them as an object's keys: that one is a number nonetheless. */
export function signedKey(type: string, value: unknown): number {
  const number = typeof value === "string" && DECIMAL.test(value) ? Number(value) : undefined;
  if (number === undefined || (number | 0) !== number) throw notInRange(type, value);
  return number | 0;
}

export function unsignedKey(type: string, value: unknown): number {
  const number = typeof value === "string" && DECIMAL.test(value) ? Number(value) : undefined;
  if (number === undefined || number >>> 0 !== number) throw notInRange(type, value);
  return number >>> 0;
}

/** Puts a signed 64-bit value into `words`. */
export function setSigned(type: string, value: bigint | number | string): void {
  if (typeof value === "number") {
    if (!Number.isInteger(value) || value < -TWO_63 || value >= TWO_63) throw notInRange(type, value);
    setNumber(value);
    return;
  }
  const wanted = typeof value === "bigint" ? value : parseInteger(type, value);
  int64[0] = wanted;
  if (int64[0] !== wanted) throw notInRange(type, value);
}

/** Puts an unsigned 64-bit value into `words`. */
export function setUnsigned(type: string, value: bigint | number | string): void {
  if (typeof value === "number") {
    if (!Number.isInteger(value) || value < 0 || value >= 2 * TWO_63) throw notInRange(type, value);
    setNumber(value);
    return;
  }
  const wanted = typeof value === "bigint" ? value : parseInteger(type, value);
  uint64[0] = wanted;
  if (uint64[0] !== wanted) throw notInRange(type, value);
}

function setNumber(value: number): void {
  int32[LOW] = value >>> 0;
  int32[HIGH] = Math.floor(value / TWO_32);
}

function parseInteger(type: string, value: string): bigint {
  if (typeof value !== "string") throw notOfType(type, "a bigint, a number or a decimal string", value);
  if (!DECIMAL.test(value)) throw notInRange(type, value);
  return BigInt(value);
}

/** Also true for a `Uint8Array` of another realm (`vm`, test runners), where `instanceof` fails. */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || Object.prototype.toString.call(value) === "[object Uint8Array]";
}

export function notInRange(type: string, value: unknown): Error {
  if (typeof value !== "number" && typeof value !== "bigint" && typeof value !== "string") return notOfType(type, "a number", value);
  const shown = typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : String(value);
  return new RangeError(`cannot write ${shown} as ${type}: ${RANGES[type]} expected`);
}

export function notOfType(type: string, expected: string, value: unknown): Error {
  return new TypeError(`cannot write ${value === null ? "null" : typeof value} as ${type}: ${expected} expected`);
}

const SIGNED_32 = "an integer from -2147483648 to 2147483647";
const UNSIGNED_32 = "an integer from 0 to 4294967295";
const SIGNED_64 = "an integer from -2^63 to 2^63-1";
const UNSIGNED_64 = "an integer from 0 to 2^64-1";
const RANGES: Readonly<Record<string, string>> = {
  int32: SIGNED_32,
  sint32: SIGNED_32,
  sfixed32: SIGNED_32,
  uint32: UNSIGNED_32,
  fixed32: UNSIGNED_32,
  int64: SIGNED_64,
  sint64: SIGNED_64,
  sfixed64: SIGNED_64,
  uint64: UNSIGNED_64,
  fixed64: UNSIGNED_64,
  float: "a value within single precision",
};
