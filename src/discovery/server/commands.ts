/** What callers ask for, decided against the store: the records that do it, or an error that says why not. Pure. */
import { formatAddress, type LogicalAddress } from "../../addr/logical-address.js";
import { RpcError } from "../../errors.js";
import { copyMember, memberFault, sameMember } from "../checked-event.js";
import type { Member } from "../discovery.js";
import { MAX_KEY_BYTES, MAX_KEYS_BYTES, MAX_MEMBER_BYTES, MAX_MEMBERS, MAX_MEMBERS_BYTES, MAX_TOKEN, MAX_VALUE_BYTES } from "./limits.js";
import { APP_CODE } from "./protocol.js";
import type { StoreRecord } from "./records.js";
import { bytesOfMember, type Store } from "./store.js";

/** The records that do what was asked for, none when it is so already, and what to answer. */
export interface Decision<T> {
  readonly records: readonly StoreRecord[];
  readonly result: T;
}

export interface Registering {
  /** As it is to be shown; the incarnation is put in here. */
  readonly self: Member;
  /** The mark of the process, 0 for none. */
  readonly process: bigint;
  /** The token that the same process had before, 0 for none. */
  readonly token: bigint;
  /** A token for a process that has none yet: {@link freshToken}. */
  readonly freshToken: bigint;
}

/**
 * A token above all before, those of stores too that have lost their data: 42 bits of milliseconds and 22 of chance, or
 * one more than the last where the wall clock went back.
 *
 * @param chance - a number in [0, 1).
 */
export function freshToken(store: Store, wallClockMs: number, chance: number): bigint {
  const token = (BigInt(Math.floor(wallClockMs)) << 22n) | BigInt(Math.floor(chance * 2 ** 22));
  return token > store.lastToken ? token : store.lastToken + 1n;
}

/**
 * A process registers. The newest one of an address has it; one that had it before keeps its token, so that its peers
 * see the same incarnation, unless a newer one has come meanwhile.
 */
export function register(store: Store, { self, process, token, freshToken: fresh }: Registering): Decision<bigint> {
  checkMember(self);
  if (token > MAX_TOKEN) throw invalid(`token ${token} is above ${MAX_TOKEN}`);
  const name = formatAddress(self.address);
  const present = store.member(self.address);
  const holder = present?.member.incarnation;
  if (present !== undefined && holder === undefined) {
    const text = `${name} is configured by hand: a node of that address finds itself there; remove it there, or take another address`;
    throw new RpcError("FAILED_PRECONDITION", text);
  }
  checkRoom(store, self);
  const isHolder = holder !== undefined && ((process !== 0n && process === present?.process) || (token !== 0n && token === holder));
  const kept = isHolder ? holder : token;
  if (!isHolder && kept !== 0n && holder !== undefined && holder > kept) {
    throw new RpcError("FAILED_PRECONDITION", `a newer process of ${name} is registered at ${present?.member.endpoint}`, {
      appCode: APP_CODE.replaced,
    });
  }
  const incarnation = kept === 0n ? fresh : kept;
  const member = copyMember({ ...self, incarnation });
  if (present !== undefined && present.process === process && sameMember(present.member, member))
    return { records: [], result: incarnation };
  return { records: [{ type: "member", stored: { member, process } }], result: incarnation };
}

/** The holder of an entry changes it, all but its address. @throws RpcError `entryLost` */
export function update(store: Store, self: Member, token: bigint): Decision<void> {
  checkMember(self);
  const { process } = held(store, self.address, token);
  checkRoom(store, self);
  return { records: [{ type: "member", stored: { member: copyMember({ ...self, incarnation: token }), process } }], result: undefined };
}

/** The holder takes its entry away. One that is not there any more needs nothing. */
export function deregister(store: Store, address: LogicalAddress, token: bigint): Decision<void> {
  const holder = store.member(address)?.member.incarnation;
  return { records: holder === token ? [{ type: "member-gone", address }] : [], result: undefined };
}

/** Entries whose leases are over, those that still have the same holder. */
export function expire(store: Store, leases: Iterable<readonly [LogicalAddress, bigint]>): Decision<readonly LogicalAddress[]> {
  const gone = [...leases].filter(([address, token]) => store.member(address)?.member.incarnation === token).map(([address]) => address);
  return { records: gone.map((address) => ({ type: "member-gone", address })), result: gone };
}

/** An administrator configures a node. It takes the place of one that registered itself. */
export function putNode(store: Store, node: Member): Decision<void> {
  const { incarnation: _token, load: _load, ...configured } = node;
  checkMember(configured);
  const present = store.member(node.address)?.member;
  checkRoom(store, configured);
  const member = copyMember(configured);
  if (present !== undefined && sameMember(present, member)) return { records: [], result: undefined };
  return { records: [{ type: "member", stored: { member, process: 0n } }], result: undefined };
}

/** An administrator takes a node away; whether it was there. */
export function removeNode(store: Store, address: LogicalAddress): Decision<boolean> {
  const present = store.member(address) !== undefined;
  return { records: present ? [{ type: "member-gone", address }] : [], result: present };
}

/**
 * Sets a key; gives nothing, for its revision is made when the record is applied.
 *
 * @param ifRevision - 0 for a key that is not to exist; `undefined` for whatever is there.
 * @throws RpcError `ABORTED`
 */
export function setKey(store: Store, key: string, value: string, ifRevision: bigint | undefined): Decision<void> {
  const keyBytes = Buffer.byteLength(key);
  const valueBytes = Buffer.byteLength(value);
  if (key === "") throw invalid("a key has at least one character");
  if (keyBytes > MAX_KEY_BYTES) throw invalid(`a key of ${keyBytes} bytes is over the limit of ${MAX_KEY_BYTES}`);
  if (valueBytes > MAX_VALUE_BYTES) throw invalid(`a value of ${valueBytes} bytes is over the limit of ${MAX_VALUE_BYTES}`);
  checkRevision(store, key, ifRevision);
  const before = store.key(key);
  const more = 2 * (key.length + value.length - (before === undefined ? 0 : key.length + before.value.length));
  if (more > 0 && store.keyBytes + more > MAX_KEYS_BYTES) throw full(`keys and values of ${store.keyBytes} bytes are there already`);
  return { records: [{ type: "key", key, value }], result: undefined };
}

/** Takes a key away; whether it was there. @throws RpcError `ABORTED` */
export function deleteKey(store: Store, key: string, ifRevision: bigint | undefined): Decision<boolean> {
  checkRevision(store, key, ifRevision);
  const present = store.key(key) !== undefined;
  return { records: present ? [{ type: "key-gone", key }] : [], result: present };
}

/** The entry at `address`, if `token` is its holder's. @throws RpcError `entryLost` */
export function held(store: Store, address: LogicalAddress, token: bigint): { readonly member: Member; readonly process: bigint } {
  const stored = store.member(address);
  if (stored !== undefined && token !== 0n && stored.member.incarnation === token) return stored;
  throw entryLost(lossOf(store, address, token));
}

/** Why the entry at `address` is not the one of `token` any more. */
function lossOf(store: Store, address: LogicalAddress, token: bigint): string {
  const name = formatAddress(address);
  const holder = store.member(address)?.member;
  if (holder === undefined) return `${name} is not registered any more: its lease was over, it was removed, or the server lost its data`;
  if (holder.incarnation === undefined) return `${name} was configured by hand`;
  return `${name} was taken over by ${holder.incarnation > token ? "a newer" : "another"} process, at ${holder.endpoint}`;
}

export function entryLost(reason: string): RpcError {
  return new RpcError("FAILED_PRECONDITION", reason, { appCode: APP_CODE.entryLost });
}

function checkRevision(store: Store, key: string, ifRevision: bigint | undefined): void {
  if (ifRevision === undefined) return;
  const revision = store.key(key)?.revision ?? 0n;
  if (revision !== ifRevision) {
    const is = revision === 0n ? "it does not exist" : `it is at revision ${revision}`;
    throw new RpcError("ABORTED", `key ${JSON.stringify(key)} is not at revision ${ifRevision}: ${is}; read it and try again`);
  }
}

function checkMember(member: Member): void {
  const fault = memberFault(member);
  if (fault !== undefined) throw invalid(fault);
  const texts = [member.endpoint, member.version ?? "", ...Object.entries(member.metadata ?? {}).flat()];
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes > MAX_MEMBER_BYTES)
    throw invalid(`member ${formatAddress(member.address)} has ${bytes} bytes of texts, more than ${MAX_MEMBER_BYTES}`);
}

/** Whether the store has room for `member` in place of what it has of it. One that gets no larger always has. */
function checkRoom(store: Store, member: Member): void {
  const present = store.member(member.address)?.member;
  if (present === undefined && store.memberCount >= MAX_MEMBERS) throw full(`${store.memberCount} members are there already`);
  const more = bytesOfMember(member) - (present === undefined ? 0 : bytesOfMember(present));
  if (more > 0 && store.memberBytes + more > MAX_MEMBERS_BYTES)
    throw full(`members of ${store.memberBytes} bytes are there already, and ${MAX_MEMBERS_BYTES} are the limit`);
}

function invalid(problem: string): RpcError {
  return new RpcError("INVALID_ARGUMENT", problem);
}

function full(problem: string): RpcError {
  return new RpcError("RESOURCE_EXHAUSTED", `the discovery server is full: ${problem}`);
}
