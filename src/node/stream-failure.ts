/** Why a stream was not opened, and what that is called. */
import { type AddressText, addressGroup, formatAddress, harborAddress, type LogicalAddress } from "../addr/logical-address.js";
import { type Code, type Execution, RpcError } from "../errors.js";
import { describeCause } from "../internal/describe-cause.js";
import { addressOrText } from "../rpc/failure.js";
import type { Target } from "../rpc/service.js";
import { type HarborReason, type HarborReset, readHarborReset, wasNeverAsked } from "../stream/harbor-reset.js";
import { RESET } from "../stream/reset-code.js";
import { StreamError } from "../stream/stream-error.js";

/** What opening a stream ends with, whatever it was opened for. */
export class OpenFailure extends Error {
  override readonly name = "OpenFailure";
  readonly code: Code;
  readonly execution: Execution;
  /** Whom it was to be opened to; a text where no node was chosen. */
  readonly to: LogicalAddress | string;
  /** The harbors on the way, as far as they are known; it failed at the last one. */
  readonly path: readonly LogicalAddress[];

  constructor(
    to: LogicalAddress | string,
    code: Code,
    execution: Execution,
    reason: string,
    cause?: unknown,
    path: readonly LogicalAddress[] = [],
  ) {
    super(reason, cause === undefined ? undefined : { cause });
    this.to = to;
    this.code = code;
    this.execution = execution;
    this.path = path;
  }
}

/** What to do, by what has happened. Every one of these stands in docs/errors.md. */
export const STREAM_HINT = {
  notServed: "is its handler registered there, with node.onStream()?",
  refused: "open it again later, or to another node",
  busy: "open it again later, or to another node; its limits are stream.maxStreams, rpc.maxRequests and rpc.maxRequestsPerPeer",
  full: "close streams that are not needed, or raise stream.maxStreams",
  timeout: "is the event loop of that node blocked?",
  lost: "whether it was accepted is not known",
  failed: "the log of that node says why",
  reserved: 'protocols that begin with "clusterts." are the library\'s own',
} as const;

/** What harbors say, behind their name; `execution` is "notRun" where nobody was asked. */
const HARBOR_FAILURES: Readonly<Record<HarborReason, { readonly code: Code; readonly text: string }>> = {
  gone: { code: "UNAVAILABLE", text: `it lost its connection to the next node on the way; ${STREAM_HINT.lost}` },
  unanswered: { code: "UNAVAILABLE", text: `it no longer waits for it to be accepted; ${STREAM_HINT.lost}` },
  unknownTarget: { code: "UNAVAILABLE", text: "the discovery of its group does not know it; is the address right, and the node up?" },
  noHarborThere: {
    code: "UNAVAILABLE",
    text: "no harbor of that group is known to it; is one up, and in the discovery of the harbors?",
  },
  unreachable: {
    code: "UNAVAILABLE",
    text: "it does not reach the next node on the way; is that up and advertised correctly? Its log says more",
  },
  left: { code: "UNAVAILABLE", text: "the next node on the way is closing; open it again, or to another node" },
  closing: { code: "UNAVAILABLE", text: "it is closing; open it again" },
  deadline: { code: "DEADLINE_EXCEEDED", text: "the next node on the way was not reached in time; is it up and advertised correctly?" },
  hops: { code: "UNAVAILABLE", text: "no hops are left; do the discoveries of the harbors agree?" },
  notExported: {
    code: "PERMISSION_DENIED",
    text: "it is not exported, and this harbor lets other groups reach exported nodes only; start it with export: true",
  },
  notResponsible: { code: "UNAVAILABLE", text: "it is no harbor of that group; do the discoveries of the harbors agree?" },
  stranger: { code: "PERMISSION_DENIED", text: "it relays for nodes of its group and to other groups" },
  tooManyStreams: {
    code: "RESOURCE_EXHAUSTED",
    text: "too many streams wait there, or are open; open fewer at once: its limits are 1,024 not accepted by one target, and stream.maxStreams",
  },
};

/** Each of these texts stands in docs/errors.md. */
export const HARBOR_TEXTS: readonly string[] = Object.values(HARBOR_FAILURES).map(({ text }) => text);

/** The end of a stream that was not acknowledged. `over`: the neighbour; `wasAsked`: whether it was told of the stream at all. */
export function openFailureOf(to: LogicalAddress, error: Error, over: LogicalAddress, wasAsked: boolean): OpenFailure {
  if (!StreamError.is(error)) return new OpenFailure(to, "UNAVAILABLE", "unknown", `${describeCause(error)}; ${STREAM_HINT.lost}`, error);
  const path = over === to ? [] : [over];
  const said = over === to ? undefined : readHarborReset(error.resetCode);
  if (said !== undefined) return ofHarbor(to, over, said, error);
  switch (error.reason) {
    case "refused":
      return new OpenFailure(to, "UNAVAILABLE", "notRun", `it was refused; ${STREAM_HINT.refused}`, error, path);
    case "unavailable":
      return new OpenFailure(to, "RESOURCE_EXHAUSTED", "notRun", `${error.message}; ${STREAM_HINT.full}`, error, path);
    case "timeout":
      return new OpenFailure(to, "DEADLINE_EXCEEDED", "unknown", `it was not accepted in time; ${STREAM_HINT.timeout}`, error, path);
    case "reset":
      return ofReset(to, error);
    case "lost":
      if (!wasAsked) return new OpenFailure(to, "UNAVAILABLE", "notRun", `${error.message}; ${STREAM_HINT.refused}`, error, path);
  }
  return new OpenFailure(to, "UNAVAILABLE", "unknown", `${error.message}; ${STREAM_HINT.lost}`, error, path);
}

function ofHarbor(to: LogicalAddress, over: LogicalAddress, { id, reason }: HarborReset, error: StreamError): OpenFailure {
  const path = id === undefined ? [over] : [over, harborAddress(addressGroup(to), id)];
  const { code, text } = HARBOR_FAILURES[reason];
  const execution = wasNeverAsked(reason) ? "notRun" : "unknown";
  return new OpenFailure(to, code, execution, `harbor ${formatAddress(path.at(-1)!)}: ${text}`, error, path);
}

function ofReset(to: LogicalAddress, error: StreamError): OpenFailure {
  switch (error.resetCode) {
    case RESET.notServed:
      return new OpenFailure(to, "UNIMPLEMENTED", "notRun", `nobody serves it there; ${STREAM_HINT.notServed}`, error);
    case RESET.busy:
      return new OpenFailure(to, "RESOURCE_EXHAUSTED", "notRun", `a limit there is reached; ${STREAM_HINT.busy}`, error);
    default:
      return new OpenFailure(to, "INTERNAL", "unknown", `${error.message}; ${STREAM_HINT.failed}`, error);
  }
}

/** One line that names the protocol, both addresses, the cause, and what to do. */
export function openError(failure: OpenFailure, protocol: string, self: LogicalAddress): RpcError {
  const { code, execution, message: reason, to, cause, path } = failure;
  const peer: AddressText | undefined = typeof to === "string" ? undefined : formatAddress(to);
  const what = `${code} opening a stream of ${JSON.stringify(protocol)} to ${peer ?? to} from ${formatAddress(self)}`;
  const line = `${what} (${execution}): ${reason}`.replace(/[\s\p{Cc}]+/gu, " ").trim();
  return new RpcError(code, line, { reason, execution, peer, method: protocol, path: path.map(formatAddress), cause });
}

/** What is asked for makes no sense. */
export function invalidTarget(target: Target, reason: string): OpenFailure {
  return new OpenFailure(addressOrText(target), "INVALID_ARGUMENT", "notRun", reason);
}
