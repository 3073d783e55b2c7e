/** How a failed call reads: one line that names the method, both addresses, the cause, and what to do. */
import { type AddressText, formatAddress, type LogicalAddress, toAddress } from "../addr/logical-address.js";
import { type Code, type Execution, InvalidAddressError, InvalidOptionsError, isCode, RpcError } from "../errors.js";
import { codeOf, describeCause } from "../internal/describe-cause.js";
import { messageOf } from "../internal/message-of.js";
import { UnsentError, type UnsentReason } from "../internal/unsent-error.js";
import type { REFUSAL } from "../wire/hello.js";
import type { Target } from "./service.js";

/** The call that failed, as far as it is known. */
export interface FailedCall {
  readonly method: string;
  /** A text in place of the address when no node was chosen: `"any node of type 7"`. */
  readonly to: LogicalAddress | string;
  readonly self: LogicalAddress;
}

export interface FailureDetail {
  readonly appCode?: number;
  readonly details?: Uint8Array | undefined;
  readonly path?: readonly LogicalAddress[];
  readonly cause?: unknown;
}

export function rpcError(call: FailedCall, said: Code, execution: Execution, reason: string, detail: FailureDetail = {}): RpcError {
  const code = isCode(said) ? said : "UNKNOWN"; // whatever a peer wrote: it is an error all the same
  const peer: AddressText | undefined = typeof call.to === "string" ? undefined : formatAddress(call.to);
  const line = `${code} calling ${call.method} on ${peer ?? call.to} from ${formatAddress(call.self)} (${execution}): ${reason}`;
  return new RpcError(code, oneLine(line), {
    reason,
    execution,
    peer,
    method: call.method,
    appCode: detail.appCode,
    details: detail.details,
    path: (detail.path ?? []).map(formatAddress),
    cause: detail.cause,
  });
}

/** What to do, by what has happened. Every one of these stands in docs/errors.md. */
export const HINT = {
  unreachable: "is the node up and advertised correctly?",
  hostName: "is the host name in discovery right, and does this machine resolve it?",
  unknownTarget: "is the address right? node.waitFor() waits for a node that is still starting",
  noMember: "node.waitFor() waits for one that is still starting",
  left: "call another node, or this one again when it is back",
  notStarted: "await node.start() first",
  otherGroup: "nodes of other groups are reached through a harbor, and none is known; is one of this group up?",
  noHarborThere: "is one up, and in the discovery of the harbors?",
  anonymous: "it can call, it cannot be called: reply to it instead",
  onlyOneNode: "a caller without an address has one node to talk to: name that one, or start a node",
  noTarget: 'pass an address, its text such as "1.2.3", or byType(type)',
  pendingFull: "the queue for this link is full; await calls and sends, or raise link.maxPendingMessages and link.maxPendingBytes",
  congested: "too much waits to be read by the peer; await sends, or call less at once",
  tooManyCalls: "call less at once, or raise rpc.maxCallsInFlight",
  busy: "call less at once, or another node; its limits are rpc.maxRequests, rpc.maxRequestsPerPeer and rpc.maxRequestBytes",
  tooLarge: "send it in parts, or raise rpc.maxPayloadBytes on both nodes",
  tooLargeThere: "send it in parts and one after the other; its limits are rpc.maxPayloadBytes and link.maxPartialBytes",
  tooLargeReply: "ask for less at once; the limits of this node are rpc.maxPayloadBytes and link.maxPartialBytes",
  slowReader: "is the event loop of the caller blocked, or its network slow? ask for less at once",
  input: "does it have the fields and types that the method or message declares?",
  result: "does the handler return what the method declares?",
  otherProto: "do both nodes use the same version of the .proto files?",
  deadlineUnknown: "no reply in time; it may have run: is the handler slow, or timeoutMs too short?",
  deadlineNotRun: "it was never sent: is the node up and advertised correctly, or timeoutMs too short?",
  deadlineOver: "it was not sent; pass detached: true to calls that may outlive the request they are made for",
  deadlineThere: "its deadline was over before its handler could begin: is the event loop of that node blocked?",
  lost: "it may have run: call again only if that is harmless",
  lostUnsent: "it was not sent: call again",
  overtaken: "the order of messages is kept, so it did not run: call again",
  cancelled: "it may have run: its handler is told by context.signal",
  unimplemented: "is it registered on that node, before start()?",
  handlerThrew: "thrown by the handler; the log of its node has the stack",
  detailsLeftOut: "left out its details: at most 16,384 bytes travel",
  threwNoError: "thrown by the handler; throw an Error, or an RpcError to answer with a code",
  closed: "a closed node makes no calls: make a new one",
  requestsThrew: "thrown by the iterable of requests that the call was given",
  noIterable: "a streaming method's handler is an async function*, or gives an iterable",
  noReply: "does the handler return what the method declares?",
  streamLost: "it may have run: call again only if that is harmless",
  anonymousStreams: "streaming calls need a node: createNode()",
} as const;

/** What to do about a refused opening. Every one of these stands in docs/errors.md. */
export const REFUSAL_HINT: Readonly<Record<keyof typeof REFUSAL, string>> = {
  other: "do both nodes run neighbouring versions of clusterts?",
  malformed: "is its endpoint in discovery the port of a clusterts node?",
  version: "do both nodes run neighbouring versions of clusterts?",
  layout: "do both nodes run neighbouring versions of clusterts?",
  cluster: "do both nodes have the same option cluster?",
  noCommonKey: "do both nodes have the same option secrets?",
  badProof: "do both nodes have the same option secrets?",
  wrongAddress: "is its endpoint in discovery up to date?",
  insecure: "do both nodes have the same options secrets and tls?",
  duplicate: "another connection to it is alive: call again",
  replaced: "a newer process has this node's address",
  draining: "call another node, or this one again when it is back",
  busy: "call again later, or raise link.maxOpenings there",
  timeout: "is its endpoint in discovery the port of a clusterts node?",
  identity: "is each node's certificate valid, of an authority in the other's tls.ca, and for its address?",
  purpose: "do both nodes run neighbouring versions of clusterts?",
  notStarted: "call again when it has started",
};

const UNSENT_HINT: Readonly<Record<UnsentReason, string>> = {
  unreachable: HINT.unreachable,
  unknown: HINT.unknownTarget,
  left: HINT.left,
};

const HINT_OF_CODE: Readonly<Record<string, string>> = {
  ENOTFOUND: HINT.hostName,
  EAI_AGAIN: HINT.hostName,
  CLOSED_IN_OPENING: REFUSAL_HINT.timeout,
};

/** Why a message never went out, and what to do. */
export function unsentReason(cause: Error): string {
  if (!(cause instanceof UnsentError)) return `link lost: ${describeCause(cause)}; ${HINT.lostUnsent}`;
  return `${cause.message}; ${unsentHint(cause)}`;
}

/** What a handler threw that is no {@link RpcError}: its own words, then where they come from. */
export function thrownReason(thrown: unknown): string {
  if (thrown instanceof Error) {
    const message = messageOf(thrown);
    return `${nameOf(thrown)}${message === "" ? "" : `: ${message}`}; ${HINT.handlerThrew}`;
  }
  return `${textOf(thrown)}; ${HINT.threwNoError}`;
}

/** Of an error whose parts may throw themselves. */
function nameOf(error: Error): string {
  try {
    return typeof error.name === "string" ? error.name : "Error";
  } catch {
    return "Error";
  }
}

/** What is wrong with a target: it says so itself, or its policy, which is the application's, threw. */
export function targetFault(cause: unknown): string {
  if (cause instanceof InvalidAddressError || cause instanceof InvalidOptionsError) return cause.message;
  return `its policy threw ${cause instanceof Error ? `${cause.name}: ${messageOf(cause)}` : textOf(cause)}`;
}

/** What a target reads like when it is no address; an address when it is one. */
export function addressOrText(target: Target | undefined): LogicalAddress | string {
  if (target === undefined) return "nobody";
  if (typeof target === "object" && target !== null) return `any node of type ${target.type}`;
  try {
    return toAddress(target);
  } catch {
    return typeof target === "string" ? JSON.stringify(target.slice(0, 64)) : String(target);
  }
}

function unsentHint(error: UnsentError): string {
  const { cause } = error;
  if (!(cause instanceof Error)) return UNSENT_HINT[error.reason];
  if (cause.name === "HandshakeError" && "reason" in cause) return REFUSAL_HINT[cause.reason as keyof typeof REFUSAL] ?? HINT.unreachable;
  return HINT_OF_CODE[codeOf(cause) ?? ""] ?? UNSENT_HINT[error.reason];
}

/** Whatever was thrown, also what cannot be made a string. */
function textOf(thrown: unknown): string {
  if (typeof thrown === "string") return JSON.stringify(thrown);
  try {
    return typeof thrown === "object" ? (JSON.stringify(thrown) ?? String(thrown)) : String(thrown);
  } catch {
    return `a thrown ${typeof thrown}`;
  }
}

/** Handlers, peers and other people's errors write what they like; a message is one line all the same. */
function oneLine(text: string): string {
  return text.replace(/[\s\p{Cc}]+/gu, " ").trim();
}
