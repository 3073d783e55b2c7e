/** Both ends of an opening as pure machines, and the bytes between them. */
import { type LogicalAddress, parseAddress } from "../../../src/addr/logical-address.js";
import {
  AcceptorHandshake,
  type AcceptorTerms,
  type ChannelFacts,
  DialerHandshake,
  type DialerStep,
  type Identity,
  type PeerHello,
} from "../../../src/link/handshake.js";
import { HandshakeError } from "../../../src/link/handshake-error.js";
import { Keyring, SecretKey } from "../../../src/link/keyring.js";
import { encodeHello, encodeRecord, type Hello, NONCE_BYTES, PURPOSE, type Purpose, RECORD } from "../../../src/wire/hello.js";
import { PREFACE } from "../../../src/wire/limits.js";
import { hex, type OpeningVector } from "../../wire/support/golden.js";

export const DIALER = parseAddress("1.2.1");
export const ACCEPTOR = parseAddress("1.3.7");
export const OLD = "the old secret of this cluster, 32 bytes or more";
export const NEW = "the new secret of this cluster, 32 bytes or more";
export const PREFACE_BYTES = Uint8Array.from(PREFACE);

const NO_BYTES = Buffer.alloc(0);

/** What may differ from one opening to another; by default both nodes are on one machine and use no secret. */
export interface Setting {
  readonly dialer?: Partial<Identity>;
  readonly acceptor?: Partial<Identity>;
  readonly dialerSecrets?: readonly string[];
  readonly acceptorSecrets?: readonly string[];
  /** In place of `acceptorSecrets`. */
  readonly acceptorKeyring?: Keyring;
  readonly target?: LogicalAddress;
  readonly purpose?: Purpose;
  readonly terms?: Partial<AcceptorTerms>;
  readonly dialerFacts?: Partial<ChannelFacts>;
  readonly acceptorFacts?: Partial<ChannelFacts>;
}

const identity = (address: LogicalAddress, incarnation: bigint): Identity => ({
  address,
  incarnation,
  cluster: "default",
  maxPayloadBytes: 4_194_304,
  software: "clusterts 0.1.0",
});

const facts = (fill: number): ChannelFacts => ({
  isLoopback: true,
  identity: undefined,
  channelBinding: undefined,
  nonce: new Uint8Array(NONCE_BYTES).fill(fill),
});

export function makeDialer(setting: Setting = {}): DialerHandshake {
  return new DialerHandshake(
    { ...identity(DIALER, 5n), ...setting.dialer },
    new Keyring(setting.dialerSecrets ?? []),
    setting.target ?? ACCEPTOR,
    setting.purpose ?? PURPOSE.messages,
    { ...facts(0xd1), ...setting.dialerFacts },
  );
}

export function makeAcceptor(setting: Setting = {}): AcceptorHandshake {
  return new AcceptorHandshake(
    { ...identity(ACCEPTOR, 7n), ...setting.acceptor },
    setting.acceptorKeyring ?? new Keyring(setting.acceptorSecrets ?? []),
    { insecure: false, purposes: [PURPOSE.messages, PURPOSE.probe], ...setting.terms },
    { ...facts(0xac), ...setting.acceptorFacts },
  );
}

/** What one side made of the bytes that it got. */
export interface DialerSeen {
  readonly sent: Buffer;
  readonly steps: readonly DialerStep[];
}

/** Pushes chunks into a dialer, as `opening.ts` does, until it has accepted. */
export function feedDialer(dialer: DialerHandshake, ...chunks: readonly Uint8Array[]): DialerSeen {
  const sent: Uint8Array[] = [];
  const steps: DialerStep[] = [];
  let late = NO_BYTES;
  let accepted: (DialerStep & { type: "accepted" }) | undefined;
  for (const chunk of chunks) {
    if (accepted !== undefined) {
      late = Buffer.concat([late, chunk]);
      continue;
    }
    dialer.push(Buffer.from(chunk));
    for (let step = dialer.next(); step.type !== "more"; step = dialer.next()) {
      if (step.type === "send") sent.push(step.bytes);
      if (step.type === "accepted") {
        accepted = step;
        break;
      }
      steps.push(step);
    }
  }
  if (accepted !== undefined) steps.push({ ...accepted, rest: Buffer.concat([accepted.rest, late]) });
  return { sent: Buffer.concat(sent), steps };
}

export interface AcceptorSeen {
  readonly sent: Buffer;
  readonly peer: PeerHello | undefined;
}

/** Pushes chunks into an acceptor, as `opening.ts` does, until the peer is proven. */
export function feedAcceptor(acceptor: AcceptorHandshake, ...chunks: readonly Uint8Array[]): AcceptorSeen {
  const sent: Uint8Array[] = [];
  let peer: PeerHello | undefined;
  for (const chunk of chunks) {
    if (peer !== undefined) throw new Error("bytes behind the proof in a chunk of their own are the driver's to refuse");
    acceptor.push(Buffer.from(chunk));
    for (let step = acceptor.next(); step.type !== "more"; step = acceptor.next()) {
      if (step.type === "send") sent.push(step.bytes);
      else {
        peer = step.peer;
        break;
      }
    }
  }
  return { sent: Buffer.concat(sent), peer };
}

/** The whole opening. Who refuses, why, and whether it was the dialer or the acceptor; or both peers. */
export type Outcome =
  | { readonly type: "open"; readonly dialerSees: PeerHello; readonly acceptorSees: PeerHello }
  | { readonly type: "failed"; readonly at: "dialer" | "acceptor"; readonly error: HandshakeError };

/** `inTransit` may change what either side sends. */
export function open(
  setting: Setting,
  inTransit: (bytes: Buffer, step: "hello" | "answer" | "proof") => Buffer = (bytes) => bytes,
): Outcome {
  const dialer = makeDialer(setting);
  const acceptor = makeAcceptor(setting);
  let at: "dialer" | "acceptor" = "acceptor";
  try {
    const answer = feedAcceptor(acceptor, inTransit(Buffer.from(dialer.start()), "hello")).sent;
    at = "dialer";
    const proof = feedDialer(dialer, inTransit(answer, "answer")).sent;
    at = "acceptor";
    const acceptorSees = feedAcceptor(acceptor, inTransit(proof, "proof")).peer;
    if (acceptorSees === undefined) throw new Error("the acceptor waits for more");
    at = "dialer";
    const last = feedDialer(dialer, acceptor.accept()).steps.at(-1);
    if (last?.type !== "accepted") throw new Error("the dialer waits for more");
    return { type: "open", dialerSees: last.peer, acceptorSees };
  } catch (error) {
    if (!(error instanceof HandshakeError)) throw error;
    return { type: "failed", at, error };
  }
}

/** Why the opening fails and where: `"acceptor: cluster"`; `"open"` when it does not. */
export function outcomeOf(setting: Setting): string {
  const outcome = open(setting);
  return outcome.type === "open" ? "open" : `${outcome.at}: ${outcome.error.reason}`;
}

/** A hello that nobody of ours would send, as a record. */
export function helloOf(changed: Partial<Hello>, unknownFields: Uint8Array = NO_BYTES): Buffer {
  const hello: Hello = {
    minVersion: 1,
    maxVersion: 1,
    layout: [12, 8, 12],
    cluster: "default",
    from: DIALER,
    to: ACCEPTOR,
    fromIncarnation: 5n,
    toIncarnation: 0n,
    purpose: PURPOSE.messages,
    nonce: new Uint8Array(NONCE_BYTES).fill(0xd1),
    keyIds: [],
    maxPayloadBytes: 1_000,
    software: "",
    ...changed,
  };
  return Buffer.from(encodeRecord(RECORD.hello, Buffer.concat([encodeHello(hello), unknownFields])));
}

/** The same for an answer of the acceptor's. */
export const answerOf = (changed: Partial<Hello>, unknownFields?: Uint8Array): Buffer =>
  helloOf(
    { from: ACCEPTOR, to: DIALER, fromIncarnation: 7n, toIncarnation: 5n, nonce: new Uint8Array(NONCE_BYTES).fill(0xac), ...changed },
    unknownFields,
  );

export const keyId = (secret: string): Buffer => Buffer.from(new SecretKey(secret).id);

export const NO_PROOF = Buffer.from(encodeRecord(RECORD.proof, NO_BYTES));
export const ACCEPTED = Buffer.from(encodeRecord(RECORD.accepted, NO_BYTES));
export const ANSWER = Buffer.concat([PREFACE_BYTES, answerOf({})]);
export const HELLO = Buffer.concat([PREFACE_BYTES, helloOf({})]);

/** How this side refuses what the peer has sent. */
export const MALFORMED = { name: "HandshakeError", reason: "malformed", byPeer: false } as const;

/** The opening of a golden vector. */
export function settingOf(vector: OpeningVector): Setting {
  const channelBinding = vector.binding === "" ? undefined : hex(vector.binding);
  const { software } = vector;
  return {
    dialer: { address: vector.from as LogicalAddress, incarnation: BigInt(vector.fromIncarnation), software },
    acceptor: { address: vector.to as LogicalAddress, incarnation: BigInt(vector.toIncarnation), software },
    dialerSecrets: vector.dialerSecrets,
    acceptorSecrets: vector.acceptorSecrets,
    target: vector.to as LogicalAddress,
    purpose: vector.purpose,
    dialerFacts: { nonce: hex(vector.dialerNonce), channelBinding },
    acceptorFacts: { nonce: hex(vector.acceptorNonce), channelBinding },
  };
}
