/** How a failed call reads: one line that names the method, both addresses, the cause, and what to do. */
import { type AddressText, formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { type Code, type Execution, RpcError } from "../errors.js";

/** The call that failed, as far as it is known. */
export interface FailedCall {
  readonly method: string;
  /** `undefined`: no node was chosen. */
  readonly to: LogicalAddress | undefined;
  readonly self: LogicalAddress;
}

export interface FailureDetail {
  readonly appCode?: number;
  readonly details?: Uint8Array | undefined;
  readonly path?: readonly LogicalAddress[];
  readonly cause?: unknown;
  /** In place of the address, when no node was chosen: `"type 7"`. */
  readonly whom?: string;
}

export function rpcError(call: FailedCall, code: Code, execution: Execution, reason: string, detail: FailureDetail = {}): RpcError {
  const peer: AddressText | undefined = call.to === undefined ? undefined : formatAddress(call.to);
  const line = `${code} calling ${call.method} on ${detail.whom ?? peer ?? "?"} from ${formatAddress(call.self)} (${execution}): ${oneLine(reason)}`;
  return new RpcError(code, line, {
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
  unknownTarget: "discovery does not know it; is the address right? node.waitFor() waits for a node that is still starting",
  noMember: "node.waitFor() waits for one that is still starting",
  otherGroup: "nodes of other groups are reached through a harbor, and none is known",
  pendingFull:
    "the queue for this link is full while it is not connected; await calls and sends, or raise link.maxPendingMessages and link.maxPendingBytes",
  congested: "too much waits to be read by the peer; await sends, or call less at once",
  tooManyCalls: "too many calls wait for replies; call less at once, or raise rpc.maxCallsInFlight",
  tooLarge: "send it in parts, or raise rpc.maxPayloadBytes on both nodes",
  deadlineUnknown: "it may have run; is the handler slow, or timeoutMs too short?",
  deadlineNotRun: "it was never sent",
  lost: "it may have run: call again only if that is harmless",
  unimplemented: "is it registered on that node, before start()?",
  closed: "this node is closed",
} as const;

function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, " ");
}
