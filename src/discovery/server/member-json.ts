/** Stored members as JSON, in the data file and in the log. Pure. */
import { formatAddress, type LogicalAddress, parseAnyAddress } from "../../addr/logical-address.js";
import { copyMember, memberFault } from "../checked-event.js";
import type { Member } from "../discovery.js";
import type { StoredMember } from "./records.js";

/** A configured node as people write it; a registered one has `incarnation` and `process` besides. */
export interface MemberJson {
  readonly address: string;
  readonly endpoint: string;
  readonly export?: boolean | undefined;
  readonly available?: boolean | undefined;
  readonly load?: number | undefined;
  readonly metadata?: Record<string, string> | undefined;
  readonly version?: string | undefined;
  /** 64 bits do not fit into a number of JSON. */
  readonly incarnation?: string | undefined;
  readonly process?: string | undefined;
}

const KEYS: readonly string[] = [
  "address",
  "endpoint",
  "export",
  "available",
  "load",
  "metadata",
  "version",
  "incarnation",
  "process",
] satisfies (keyof MemberJson)[];

export function memberToJson({ member, process }: StoredMember): MemberJson {
  return {
    ...member,
    address: formatAddress(member.address),
    incarnation: member.incarnation?.toString(),
    process: process === 0n ? undefined : process.toString(),
  };
}

/** @throws Error saying what is wrong with it. */
export function memberFromJson(value: unknown): StoredMember {
  if (typeof value !== "object" || value === null) throw new Error("a member is an object");
  const foreign = Object.keys(value).find((key) => !KEYS.includes(key));
  if (foreign !== undefined) throw new Error(`a member has no ${JSON.stringify(foreign)}`);
  const { address, incarnation, process, ...rest } = value as MemberJson;
  const member: Member = { ...rest, address: parseAnyAddress(address) };
  if (incarnation !== undefined) member.incarnation = bigintOf(incarnation);
  const fault = memberFault(member);
  if (fault !== undefined) throw new Error(fault);
  return { member: copyMember(member), process: process === undefined ? 0n : bigintOf(process) };
}

export function addressFromJson(value: unknown): LogicalAddress {
  return parseAnyAddress(String(value));
}

/** @throws Error when it is no text of a whole number. */
export function bigintOf(value: unknown): bigint {
  if (typeof value !== "string" || !/^\d{1,20}$/.test(value)) throw new Error(`${JSON.stringify(value)} is no whole number`);
  return BigInt(value);
}
