/** Why a harbor does not pass a frame on, what it says about that, and to whom. */
import { addressGroup, formatAddress, isHarbor, type LogicalAddress } from "../addr/logical-address.js";
import type { Code, Execution } from "../errors.js";
import type { LimitName } from "../events/events.js";
import { encodeError } from "../wire/error-codec.js";
import { AT, getU32, KIND } from "../wire/header.js";
import { MAX_HOPS } from "../wire/limits.js";
import type { RelayPort } from "./ports.js";
import type { RefusalReason } from "./refusal-reason.js";

export interface Refusal {
  readonly reason: RefusalReason;
  readonly code: Code;
  /** What is wrong and what to do, without the name of the harbor. */
  readonly text: string;
  /** Default `"notRun"`. */
  readonly execution?: Execution;
}

/** The limits among them. */
export const LIMIT_OF: Readonly<Partial<Record<RefusalReason, LimitName>>> = {
  queueFull: "link.maxPendingMessages",
  slowTarget: "link.maxBufferedBytes",
  slowCaller: "link.maxBufferedBytes",
  tooManyBytes: "harbor.maxWaitingBytes",
  tooManyPairs: "harbor.maxPairs",
};

const unavailable = (reason: RefusalReason, text: string): Refusal => ({ reason, code: "UNAVAILABLE", text });
const exhausted = (reason: RefusalReason, text: string): Refusal => ({ reason, code: "RESOURCE_EXHAUSTED", text });

export const refusal = {
  unknownTarget: (): Refusal =>
    unavailable("unknownTarget", "the discovery of its group does not know it; is the address right, and the node up?"),
  noHarborThere: (to: LogicalAddress): Refusal =>
    unavailable("noHarborThere", `no harbor of group ${addressGroup(to)} is known; is one up, and in the discovery of the harbors?`),
  unreachable: (what: string): Refusal => unavailable("unreachable", `${what}; is the node up and advertised correctly?`),
  left: (what: string): Refusal => unavailable("left", `${what}; call another node, or this one again when it is back`),
  queueFull: (next: LogicalAddress): Refusal =>
    exhausted(
      "queueFull",
      `the queue for the link to ${formatAddress(next)} is full; await calls and sends, or raise link.maxPendingMessages there`,
    ),
  slowTarget: (next: LogicalAddress): Refusal =>
    exhausted("slowTarget", `too much waits to be read by ${formatAddress(next)}; await calls and sends, or call less at once`),
  slowCaller: (caller: LogicalAddress): Refusal => ({
    ...exhausted("slowCaller", `the reply was not passed on: too much waits to be read by ${formatAddress(caller)}; ask for less at once`),
    execution: "ran",
  }),
  tooManyBytes: (bytes: number): Refusal =>
    exhausted(
      "tooManyBytes",
      `it holds ${bytes} bytes for nodes that read slowly; call less at once, or raise harbor.maxWaitingBytes there`,
    ),
  tooManyPairs: (pairs: number): Refusal =>
    exhausted("tooManyPairs", `it relays for ${pairs} pairs of nodes; start another harbor, or raise harbor.maxPairs there`),
  hops: (): Refusal => unavailable("hops", "no hops are left; do the discoveries of the harbors agree?"),
  deadline: (next: LogicalAddress): Refusal => ({
    reason: "deadline",
    code: "DEADLINE_EXCEEDED",
    text: `the link to ${formatAddress(next)} was not up in time; is the node up and advertised correctly, or timeoutMs too short?`,
  }),
  notExported: (): Refusal => ({
    reason: "notExported",
    code: "PERMISSION_DENIED",
    text: "it is not exported, and this harbor lets other groups reach exported nodes only; start it with export: true",
  }),
  notResponsible: (to: LogicalAddress): Refusal =>
    unavailable("notResponsible", `it is no harbor of group ${addressGroup(to)}; do the discoveries of the harbors agree?`),
  stranger: (self: LogicalAddress): Refusal => ({
    reason: "stranger",
    code: "PERMISSION_DENIED",
    text: `it relays for nodes of group ${addressGroup(self)} and to other groups; call over a node of that group`,
  }),
  kind: (kind: number): Refusal => ({
    reason: "kind",
    code: "UNIMPLEMENTED",
    text: `frames of kind ${kind} are not relayed; do all nodes run neighbouring versions of clusterts?`,
  }),
};

/** What a refused frame is known by. */
export interface Refused {
  readonly to: LogicalAddress;
  readonly from: LogicalAddress;
  readonly epoch: number;
  readonly seq: number;
}

/** What a relayed frame is known by. */
export function factsOf(frame: Uint8Array, start: number): Refused {
  return {
    to: getU32(frame, start + AT.to) as LogicalAddress,
    from: getU32(frame, start + AT.from) as LogicalAddress,
    epoch: getU32(frame, start + AT.epoch),
    seq: getU32(frame, start + AT.seq),
  };
}

/** Tells the caller, as if the target had said it, with the harbors on the way. */
export function tellCaller(self: LogicalAddress, back: RelayPort, request: Refused, { code, text, execution = "notRun" }: Refusal): void {
  const { address } = back.peer;
  const path = isHarbor(address) && address !== request.from ? [address, self] : [self];
  const reason = `harbor ${formatAddress(self)}: ${text}`;
  const body = encodeError({ code, appCode: 0, reason, details: undefined, path, execution });
  back.tell(KIND.hopError, 0, MAX_HOPS, request.from, request.to, request.epoch, request.seq, body);
}
