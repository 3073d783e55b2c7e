/** What an adapter reported, checked: adapters are written by others, and some of them in plain JavaScript. */
import { parseEndpoint } from "../addr/endpoint.js";
import { formatAddress, isValidAddress } from "../addr/logical-address.js";
import type { Member } from "./discovery.js";

/** What makes `value` no event at all, `undefined` when it is one. Its records are checked one by one, by {@link memberFault}. */
export function eventFault(value: unknown): string | undefined {
  if (!isObject(value)) return `expected an event, got ${show(value)}`;
  const { type, revision, storeEpoch } = value;
  if (type !== "snapshot" && type !== "delta") return `an event's type is "snapshot" or "delta", got ${show(type)}`;
  if (revision !== undefined && typeof revision !== "bigint") return `a ${type}'s revision is a bigint, got ${show(revision)}`;
  if (type === "snapshot") {
    if (!Array.isArray(value.members)) return `a snapshot's members are an array, got ${show(value.members)}`;
    if (storeEpoch !== undefined && typeof storeEpoch !== "string") return `a snapshot's storeEpoch is a string, got ${show(storeEpoch)}`;
    return undefined;
  }
  if (!Array.isArray(value.put)) return `a delta's put is an array, got ${show(value.put)}`;
  if (!Array.isArray(value.removed)) return `a delta's removed is an array, got ${show(value.removed)}`;
  return undefined;
}

/** What is wrong with one record, as a sentence that names the member; `undefined` when it is a good {@link Member}. */
export function memberFault(record: unknown): string | undefined {
  if (!isObject(record)) return `expected a member, got ${show(record)}`;
  const address = addressFault(record.address);
  if (address !== undefined) return address;
  const fault = fieldFault(record);
  return fault === undefined ? undefined : `member ${formatAddress((record as unknown as Member).address)}: ${fault}`;
}

/** What is wrong with a value that should be a logical address. */
export function addressFault(value: unknown): string | undefined {
  if (typeof value === "number" && isValidAddress(value)) return undefined;
  return `${show(value)} is not a logical address: use parseAnyAddress("group.type.id") or makeAddress(group, type, id)`;
}

function fieldFault(record: Record<string, unknown>): string | undefined {
  const { endpoint, load, metadata, version, incarnation } = record;
  if (typeof endpoint !== "string") return `endpoint is a string host:port, got ${show(endpoint)}`;
  try {
    if (parseEndpoint(endpoint).port === 0) return `endpoint "${endpoint}": port 0 cannot be dialed`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  for (const flag of ["export", "available"]) {
    const value = record[flag];
    if (value !== undefined && typeof value !== "boolean") return `${flag} is true or false, got ${show(value)}`;
  }
  if (load !== undefined && !Number.isFinite(load)) return `load is a finite number, got ${show(load)}`;
  if (version !== undefined && typeof version !== "string") return `version is a string, got ${show(version)}`;
  if (incarnation !== undefined && typeof incarnation !== "bigint") return `incarnation is a bigint, got ${show(incarnation)}`;
  if (metadata === undefined) return undefined;
  if (!isObject(metadata) || Array.isArray(metadata)) return `metadata is an object of strings, got ${show(metadata)}`;
  const bad = Object.keys(metadata).find((key) => typeof metadata[key] !== "string");
  return bad === undefined ? undefined : `metadata "${bad}" is a string, got ${show(metadata[bad])}`;
}

/** A copy that nobody can change, with the keys of a {@link Member} and no others. Absent and `undefined` are the same. */
export function copyMember(member: Member): Member {
  const copy: Member = { address: member.address, endpoint: member.endpoint };
  if (member.export !== undefined) copy.export = member.export;
  if (member.available !== undefined) copy.available = member.available;
  if (member.load !== undefined) copy.load = member.load;
  if (member.metadata !== undefined) copy.metadata = Object.freeze({ ...member.metadata });
  if (member.version !== undefined) copy.version = member.version;
  if (member.incarnation !== undefined) copy.incarnation = member.incarnation;
  return Object.freeze(copy);
}

/** Whether two records say the same. `other` may be unchecked: whatever equals a good member is good. */
export function sameMember(member: Member, other: Member): boolean {
  return (
    member.address === other.address &&
    member.endpoint === other.endpoint &&
    member.export === other.export &&
    member.available === other.available &&
    member.load === other.load &&
    member.version === other.version &&
    member.incarnation === other.incarnation &&
    sameMetadata(member.metadata, other.metadata)
  );
}

function sameMetadata(one: Member["metadata"], other: Member["metadata"]): boolean {
  if (one === other) return true;
  if (one === undefined || !isObject(other)) return false;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => Object.hasOwn(other, key) && one[key] === other[key]);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** A value in a message: short, on one line, whatever it is. */
export function show(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "number" || value === undefined || value === null || typeof value === "boolean") return String(value);
  if (typeof value !== "string") return Array.isArray(value) ? "an array" : `${typeof value === "object" ? "an" : "a"} ${typeof value}`;
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
}
