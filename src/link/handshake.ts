/**
 * The opening as two state machines, bytes in and bytes out: no socket, no clock. The drivers are `opening.ts`.
 *
 *     dialer                         acceptor
 *     preface, hello        ->
 *                           <-       preface, hello          (or refused)
 *     proof                 ->
 *                           <-       proof, accepted         (or refused, or wait and later one of both)
 *
 * The dialer proves first, so that whoever scans ports gets no oracle; it sends nothing more before "accepted".
 */
import { type AddressText, ANONYMOUS, formatAddress, isValidAddress, type LogicalAddress } from "../addr/logical-address.js";
import type { Connection, PeerIdentity } from "../transport/transport.js";
import { getU32, putU32 } from "../wire/header.js";
import {
  decodeHello,
  decodeRefusal,
  encodeHello,
  encodeRecord,
  encodeRefusal,
  type Hello,
  NONCE_BYTES,
  OWN_LAYOUT,
  PURPOSE,
  type Purpose,
  RECORD,
  REFUSAL,
} from "../wire/hello.js";
import { PREFACE, PROTOCOL_VERSION } from "../wire/limits.js";
import { ProtocolError } from "../wire/protocol-error.js";
import { HandshakeError, type RefusalName, refusalName } from "./handshake-error.js";
import { identityFault } from "./handshake-identity.js";
import { equalBytes, type Keyring, type SecretKey } from "./keyring.js";
import { RecordReader } from "./record-reader.js";

/** This node as it introduces itself. The incarnation may come later, with the registration. */
export interface Identity {
  readonly address: LogicalAddress;
  incarnation: bigint;
  readonly cluster: string;
  readonly maxPayloadBytes: number;
  readonly software: string;
}

/** What is known about the connection below: of a TLS one some of it only when the peer's first bytes have come. */
export interface ChannelFacts {
  readonly isLoopback: boolean;
  /** Of the peer's certificate, which the transport believes; whose it may be is for the opening to say. */
  readonly identity: PeerIdentity | undefined;
  readonly channelBinding: Uint8Array | undefined;
  /** Fresh random bytes, {@link NONCE_BYTES} of them. */
  readonly nonce: Uint8Array;
}

export function channelFacts(connection: Connection, nonce: Uint8Array): ChannelFacts {
  return {
    isLoopback: connection.isLoopback,
    get identity() {
      return connection.identity;
    },
    get channelBinding() {
      return connection.channelBinding;
    },
    nonce,
  };
}

/** The peer, once it has proved who it is. */
export interface PeerHello {
  readonly address: LogicalAddress;
  readonly incarnation: bigint;
  readonly purpose: Purpose;
  readonly version: number;
  readonly maxPayloadBytes: number;
  readonly software: string;
}

const PREFACE_BYTES = Uint8Array.from(PREFACE);

/** An acceptor says "wait" this often at most: it decides about one connection, once or twice. */
const MAX_WAITS = 8;

/** What the dialer does next. */
export type DialerStep =
  | { readonly type: "more" }
  | { readonly type: "send"; readonly bytes: Uint8Array }
  | { readonly type: "wait"; readonly ms: number }
  | { readonly type: "accepted"; readonly peer: PeerHello; readonly rest: Buffer };

export class DialerHandshake {
  readonly #identity: Identity;
  readonly #keyring: Keyring;
  readonly #target: LogicalAddress;
  readonly #purpose: Purpose;
  readonly #facts: ChannelFacts;
  readonly #reader = new RecordReader();
  readonly #hello: Uint8Array;
  #answer: { hello: Hello; raw: Uint8Array; key: SecretKey | undefined } | undefined;
  #proven = false;
  #waits = 0;

  constructor(identity: Identity, keyring: Keyring, target: LogicalAddress, purpose: Purpose, facts: ChannelFacts) {
    this.#identity = identity;
    this.#keyring = keyring.of(target);
    this.#target = target;
    this.#purpose = purpose;
    this.#facts = facts;
    this.#hello = helloRecord(
      identity,
      target,
      0n,
      purpose,
      facts.nonce,
      this.#keyring.keys.map((key) => key.id),
    );
  }

  /** The first bytes to send. */
  start(): Uint8Array {
    return Buffer.concat([PREFACE_BYTES, this.#hello]);
  }

  push(chunk: Buffer): void {
    this.#reader.push(chunk);
  }

  /** What the acceptor is told when this side does not believe its certificate: diagnostic only. */
  refuse(reason: RefusalName, text: string): Uint8Array {
    return refusalRecord(reason, text);
  }

  /** To be called until it says "more". @throws {@link HandshakeError} */
  next(): DialerStep {
    const record = this.#reader.next();
    if (record === undefined) return { type: "more" };
    if (record.type === RECORD.refused) throw refused(record.body, this.#proven);
    if (this.#answer === undefined) {
      if (record.type !== RECORD.hello) throw new HandshakeError("malformed", `record ${record.type} in place of the hello`);
      return this.#onHello(readHello(record.body), record.raw);
    }
    if (!this.#proven) {
      if (record.type !== RECORD.proof) throw new HandshakeError("malformed", `record ${record.type} in place of the proof`);
      this.#onProof(record.body);
      return this.next();
    }
    switch (record.type) {
      case RECORD.wait:
        if (record.body.length !== 4) throw new HandshakeError("malformed", "a wait record has not 4 bytes");
        if (++this.#waits > MAX_WAITS) throw new HandshakeError("malformed", `the peer said "wait" more than ${MAX_WAITS} times`);
        return { type: "wait", ms: getU32(record.body, 0) };
      case RECORD.accepted:
        return { type: "accepted", peer: peerOf(this.#answer.hello, this.#purpose), rest: this.#reader.rest };
      default:
        throw new HandshakeError("malformed", `unexpected record ${record.type}`);
    }
  }

  #onHello(hello: Hello, raw: Uint8Array): DialerStep {
    checkVersion(hello);
    checkTerms(hello, this.#identity);
    if (hello.from !== this.#target) {
      const who = formatAddress(hello.from as LogicalAddress);
      throw new HandshakeError("wrongAddress", `the node at that endpoint is ${who}, not ${formatAddress(this.#target)}`);
    }
    checkIdentity(this.#facts, this.#identity, this.#target);
    if (hello.to !== this.#identity.address || hello.purpose !== this.#purpose || hello.keyIds.length > 1)
      throw new HandshakeError("malformed", "the answer is not to this node's hello");
    const id = hello.keyIds[0];
    const key = id === undefined ? undefined : this.#keyring.find([id]);
    if (key === undefined && (id !== undefined || this.#keyring.keys.length > 0)) {
      const [self, peer] = [formatAddress(this.#identity.address), formatAddress(this.#target)];
      throw new HandshakeError("noCommonKey", id === undefined ? oneSided(self, peer) : nothingInCommon(self, peer));
    }
    this.#answer = { hello, raw, key };
    const proof = key?.prove("dialer", this.#purpose, this.#hello, raw, this.#facts.channelBinding) ?? new Uint8Array(0);
    return { type: "send", bytes: encodeRecord(RECORD.proof, proof) };
  }

  #onProof(proof: Uint8Array): void {
    const { key, raw } = this.#answer!;
    const expected = key?.prove("acceptor", this.#purpose, this.#hello, raw, this.#facts.channelBinding) ?? new Uint8Array(0);
    if (!equalBytes(proof, expected))
      throw new HandshakeError("badProof", `${formatAddress(this.#target)} does not have the secret that it names: its proof is wrong`);
    this.#proven = true;
    this.#reader.trust();
  }
}

/** What the acceptor does next. */
export type AcceptorStep =
  | { readonly type: "more" }
  | { readonly type: "send"; readonly bytes: Uint8Array }
  /** The peer is known; `accept`, `refuse` or `wait` follows from outside. */
  | { readonly type: "proven"; readonly peer: PeerHello };

export interface AcceptorTerms {
  readonly insecure: boolean;
  readonly purposes: readonly Purpose[];
}

export class AcceptorHandshake {
  readonly #identity: Identity;
  readonly #keyring: Keyring;
  readonly #terms: AcceptorTerms;
  readonly #facts: ChannelFacts;
  readonly #reader = new RecordReader();
  #asked: { hello: Hello; raw: Uint8Array; key: SecretKey | undefined; answer: Uint8Array } | undefined;
  #proofSent = false;

  constructor(identity: Identity, keyring: Keyring, terms: AcceptorTerms, facts: ChannelFacts) {
    this.#identity = identity;
    this.#keyring = keyring;
    this.#terms = terms;
    this.#facts = facts;
  }

  push(chunk: Buffer): void {
    this.#reader.push(chunk);
  }

  /** To be called until it says "more" or "proven". @throws {@link HandshakeError} */
  next(): AcceptorStep {
    const record = this.#reader.next();
    if (record === undefined) return { type: "more" };
    // A dialer that does not believe this node's certificate says so before it goes.
    if (record.type === RECORD.refused) {
      const { reason, message } = refused(record.body, false);
      throw new HandshakeError(reason, `the dialer refused: ${message}`, { byPeer: true });
    }
    if (this.#asked === undefined) {
      if (record.type !== RECORD.hello) throw new HandshakeError("malformed", `record ${record.type} in place of the hello`);
      return this.#onHello(readHello(record.body), record.raw);
    }
    if (record.type !== RECORD.proof) throw new HandshakeError("malformed", `record ${record.type} in place of the proof`);
    const { hello, raw, key, answer } = this.#asked;
    const expected = key?.prove("dialer", hello.purpose, raw, answer, this.#facts.channelBinding) ?? new Uint8Array(0);
    if (!equalBytes(record.body, expected))
      throw new HandshakeError(
        "badProof",
        `${formatAddress(hello.from as LogicalAddress)} does not have the secret that it names: its proof is wrong`,
      );
    if (this.#reader.rest.length > 0) throw new HandshakeError("malformed", "the dialer sent more before it was accepted");
    return { type: "proven", peer: peerOf(hello, hello.purpose as Purpose) };
  }

  accept(): Uint8Array {
    return Buffer.concat([this.#proof(), encodeRecord(RECORD.accepted, new Uint8Array(0))]);
  }

  /** The decision needs `ms` more. */
  wait(ms: number): Uint8Array {
    const body = new Uint8Array(4);
    putU32(body, 0, ms);
    return Buffer.concat([this.#proof(), encodeRecord(RECORD.wait, body)]);
  }

  /** After "proven" with our own proof in front, so that the dialer can believe it. */
  refuse(reason: RefusalName, text: string): Uint8Array {
    return Buffer.concat([this.#proof(), refusalRecord(reason, text)]);
  }

  /** What is sent when the opening failed before that: diagnostic only. */
  refuseUnproven(reason: RefusalName, text: string): Uint8Array {
    const record = refusalRecord(reason, text);
    return this.#asked === undefined ? Buffer.concat([PREFACE_BYTES, record]) : record;
  }

  #onHello(hello: Hello, raw: Uint8Array): AcceptorStep {
    checkVersion(hello);
    // Keys first: somebody without one does not learn the cluster's name and this node's address by guessing wrongly.
    const keyring = this.#keyring.of(hello.from as LogicalAddress);
    const key = keyring.find(hello.keyIds);
    if (key === undefined && (keyring.keys.length > 0 || hello.keyIds.length > 0)) {
      throw new HandshakeError("noCommonKey", noCommonKey(hello, keyring));
    }
    // TLS without a certificate of the dialer's keeps others out of the connection; who dials, it does not tell.
    if (key === undefined && this.#facts.identity === undefined && !this.#facts.isLoopback && !this.#terms.insecure) {
      const asked = formatAddress(hello.to as LogicalAddress);
      throw new HandshakeError("insecure", `${asked} has neither secrets nor mutual TLS, and takes only connections over loopback`);
    }
    checkTerms(hello, this.#identity);
    const own = this.#identity.address;
    if (hello.to !== own) {
      throw new HandshakeError(
        "wrongAddress",
        `the node at that endpoint is ${formatAddress(own)}, not ${formatAddress(hello.to as LogicalAddress)}`,
      );
    }
    if (!(this.#terms.purposes as readonly number[]).includes(hello.purpose)) {
      throw new HandshakeError("purpose", `connections for purpose ${hello.purpose} are not taken here`);
    }
    const anonymous = hello.from === ANONYMOUS && hello.purpose === PURPOSE.messages;
    if (!anonymous && !isValidAddress(hello.from)) throw new HandshakeError("malformed", `${hello.from} is no logical address`);
    checkIdentity(this.#facts, this.#identity, hello.from as LogicalAddress);
    if (hello.from === own && hello.purpose !== PURPOSE.probe)
      throw new HandshakeError("wrongAddress", `both ends say that they are ${formatAddress(own)}`);
    const answer = helloRecord(
      this.#identity,
      hello.from as LogicalAddress,
      hello.fromIncarnation,
      hello.purpose as Purpose,
      this.#facts.nonce,
      key === undefined ? [] : [key.id],
    );
    this.#asked = { hello, raw, key, answer };
    return { type: "send", bytes: Buffer.concat([PREFACE_BYTES, answer]) };
  }

  #proof(): Uint8Array {
    if (this.#proofSent) return new Uint8Array(0);
    this.#proofSent = true;
    const { hello, raw, key, answer } = this.#asked!;
    return encodeRecord(RECORD.proof, key?.prove("acceptor", hello.purpose, raw, answer, this.#facts.channelBinding) ?? new Uint8Array(0));
  }
}

function helloRecord(
  identity: Identity,
  to: LogicalAddress,
  toIncarnation: bigint,
  purpose: Purpose,
  nonce: Uint8Array,
  keyIds: readonly Uint8Array[],
): Uint8Array {
  if (nonce.length !== NONCE_BYTES) throw new Error(`a nonce has ${NONCE_BYTES} bytes`);
  const body = encodeHello({
    minVersion: PROTOCOL_VERSION.min,
    maxVersion: PROTOCOL_VERSION.max,
    layout: OWN_LAYOUT,
    cluster: identity.cluster,
    from: identity.address,
    to,
    fromIncarnation: identity.incarnation,
    toIncarnation,
    purpose,
    nonce,
    keyIds,
    maxPayloadBytes: identity.maxPayloadBytes,
    software: identity.software,
  });
  return encodeRecord(RECORD.hello, body);
}

function refusalRecord(reason: RefusalName, text: string): Uint8Array {
  return encodeRecord(RECORD.refused, encodeRefusal(REFUSAL[reason], text));
}

function oneSided(having: AddressText, lacking: AddressText): string {
  return `${having} uses a secret, ${lacking} has none`;
}

/** In the words of the dialer, so that a stranger learns no address from it. */
function noCommonKey(hello: Hello, keyring: Keyring): string {
  const [self, dialer] = [formatAddress(hello.to as LogicalAddress), formatAddress(hello.from as LogicalAddress)];
  if (hello.keyIds.length === 0) return oneSided(self, dialer);
  if (keyring.keys.length === 0) return oneSided(dialer, self);
  return nothingInCommon(dialer, self);
}

function nothingInCommon(one: AddressText, other: AddressText): string {
  return `${one} and ${other} have no secret in common`;
}

/** Before anything is known of the peer: of this node nothing is told but what it speaks. */
function checkVersion(hello: Hello): void {
  const { min, max } = PROTOCOL_VERSION;
  if (hello.minVersion > max || hello.maxVersion < min) {
    throw new HandshakeError(
      "version",
      `no protocol version in common: ${hello.minVersion}-${hello.maxVersion} (${JSON.stringify(hello.software)}) and ${min}-${max}`,
    );
  }
}

/** What both sides must agree on, whoever dials. The texts read the same on both. */
function checkTerms(hello: Hello, own: Identity): void {
  if (hello.layout.some((bits, i) => bits !== OWN_LAYOUT[i])) {
    throw new HandshakeError(
      "layout",
      `addresses of different layouts: ${hello.layout.join("/")} bits (${JSON.stringify(hello.software)}) and ${OWN_LAYOUT.join("/")} (${JSON.stringify(own.software)})`,
    );
  }
  if (hello.cluster !== own.cluster) {
    throw new HandshakeError(
      "cluster",
      `${formatAddress(hello.from as LogicalAddress)} belongs to cluster ${JSON.stringify(hello.cluster)}, ${formatAddress(own.address)} to ${JSON.stringify(own.cluster)}`,
    );
  }
}

/** The peer says that it is `address`: does its certificate say so, too? */
function checkIdentity({ identity }: ChannelFacts, own: Identity, address: LogicalAddress): void {
  const fault = identity && identityFault(identity, own.cluster, address);
  if (fault !== undefined) throw new HandshakeError("identity", fault);
}

function peerOf(hello: Hello, purpose: Purpose): PeerHello {
  return {
    address: hello.from as LogicalAddress,
    incarnation: hello.fromIncarnation,
    purpose,
    version: Math.min(hello.maxVersion, PROTOCOL_VERSION.max),
    maxPayloadBytes: hello.maxPayloadBytes,
    software: hello.software,
  };
}

function readHello(body: Uint8Array): Hello {
  return orMalformed(() => decodeHello(body));
}

function refused(body: Uint8Array, proven: boolean): HandshakeError {
  const { reason, text } = orMalformed(() => decodeRefusal(body));
  const name = refusalName(reason);
  const said = text.replace(/[\p{Cc}\u2028\u2029]/gu, " ");
  return new HandshakeError(name, reason === REFUSAL[name] ? said : `reason ${reason}: ${said}`, { byPeer: true, proven });
}

function orMalformed<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof ProtocolError) throw new HandshakeError("malformed", error.message);
    throw error;
  }
}
