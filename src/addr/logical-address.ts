/**
 * Logical addresses: `group.type.id` in 32 bits, 12 | 8 | 12.
 *
 * A logical address is a plain number with a brand, so it costs nothing at run time, compares with `===` and is a
 * key of a `Map`. Messages, events and logs show the text, never the number.
 */
import { InvalidAddressError } from "../errors.js";

declare const brand: unique symbol;

/** A node's 32-bit logical address. Made by {@link parseAddress}, {@link makeAddress} or {@link harborAddress}. */
export type LogicalAddress = number & { readonly [brand]: "LogicalAddress" };

/** The text of an address, `"group.type.id"`. Literals are checked for their shape when they compile and for their ranges when they run. */
export type AddressText = `${number}.${number}.${number}`;

/** What functions take where an address is meant: the number or its text. */
export type AddressLike = LogicalAddress | AddressText;

/** Bits per field, exchanged in the handshake: peers with another layout are refused. */
export const ADDRESS_LAYOUT = { groupBits: 12, typeBits: 8, idBits: 12 } as const;

/** The type that only harbors have. */
export const HARBOR_TYPE = 255;

/** Address 0: a tool that is no member of the cluster. It can call over its own connection; it cannot be dialed. */
export const ANONYMOUS = 0 as LogicalAddress;

const MAX_GROUP = 4095;
const MAX_TYPE = 254;
const MAX_ID = 4095;
const TEXT = /^(0|[1-9][0-9]{0,9})\.(0|[1-9][0-9]{0,9})\.(0|[1-9][0-9]{0,9})$/;

/**
 * Parses `"group.type.id"`: group 1-4095, type 1-254 (255 with {@link harborAddress} or `parseAnyAddress`), id 0-4095.
 *
 * @throws {@link InvalidAddressError} naming the field and its range; leading zeros, blanks and other digits are errors too.
 */
export function parseAddress(text: string): LogicalAddress {
  const [group, type, id] = fieldsOf(text);
  if (type === HARBOR_TYPE) {
    throw new InvalidAddressError(text, `type 255 is reserved for harbors (ordinary types are 1-${MAX_TYPE})`);
  }
  return makeAddress(group, type, id);
}

/** As {@link parseAddress}, and harbor addresses too: for addresses that come from discovery, a command line, or a peer. */
export function parseAnyAddress(text: string): LogicalAddress {
  const [group, type, id] = fieldsOf(text);
  return type === HARBOR_TYPE ? harborAddress(group, id) : makeAddress(group, type, id);
}

/** As {@link parseAnyAddress}, with `undefined` in place of an error. */
export function tryParseAddress(text: string): LogicalAddress | undefined {
  try {
    return parseAnyAddress(text);
  } catch {
    return undefined;
  }
}

/** The address of an ordinary node. @throws {@link InvalidAddressError} for a field out of its range. */
export function makeAddress(group: number, type: number, id: number): LogicalAddress {
  checkField("type", type, 1, MAX_TYPE, group, type, id);
  return pack(group, type, id);
}

/** The address of a harbor, type 255. @throws {@link InvalidAddressError} for a field out of its range. */
export function harborAddress(group: number, id: number): LogicalAddress {
  return pack(group, HARBOR_TYPE, id);
}

/** `address` as text. Total: any 32-bit number has one, `0` is `"0.0.0"`. */
export function formatAddress(address: LogicalAddress): AddressText {
  return `${addressGroup(address)}.${addressType(address)}.${addressId(address)}`;
}

/** The group, 1-4095: nodes of one group reach each other directly. */
export function addressGroup(address: LogicalAddress): number {
  return address >>> 20;
}

/** The type, 1-254, or 255 for a harbor. */
export function addressType(address: LogicalAddress): number {
  return (address >>> 12) & 0xff;
}

/** The id, 0-4095, unique within group and type. */
export function addressId(address: LogicalAddress): number {
  return address & 0xfff;
}

export function isHarbor(address: LogicalAddress): boolean {
  return ((address >>> 12) & 0xff) === HARBOR_TYPE;
}

/** Whether a number off the wire or out of a store is an address that a node can have. */
export function isValidAddress(value: number): value is LogicalAddress {
  return Number.isInteger(value) && value >>> 0 === value && value >>> 20 >= 1 && ((value >>> 12) & 0xff) >= 1;
}

/** Number or text to the number; text is parsed, a number is checked. Harbor addresses are allowed. */
export function toAddress(address: AddressLike): LogicalAddress {
  if (typeof address === "string") return parseAnyAddress(address);
  if (!isValidAddress(address)) {
    throw new InvalidAddressError(String(address), 'expected a text "group.type.id", or a number from parseAddress or makeAddress');
  }
  return address;
}

function fieldsOf(text: string): [number, number, number] {
  const match = typeof text === "string" ? TEXT.exec(text) : null;
  if (match === null) {
    throw new InvalidAddressError(
      String(text),
      "expected group.type.id: three decimal numbers without leading zeros or blanks, such as 1.2.3",
    );
  }
  return [Number(match[1]), Number(match[2]), Number(match[3])];
}

function pack(group: number, type: number, id: number): LogicalAddress {
  checkField("group", group, 1, MAX_GROUP, group, type, id);
  checkField("id", id, 0, MAX_ID, group, type, id);
  return (((group << 20) | (type << 12) | id) >>> 0) as LogicalAddress;
}

function checkField(field: string, value: number, low: number, high: number, group: number, type: number, id: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new InvalidAddressError(`${group}.${type}.${id}`, `${field} is ${value}, must be a whole number from ${low} to ${high}`);
}
