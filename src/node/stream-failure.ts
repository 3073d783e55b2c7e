/** Why a stream was not opened, and what that is called. */
import { type AddressText, formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { type Code, type Execution, RpcError } from "../errors.js";
import { describeCause } from "../internal/describe-cause.js";
import { RESET } from "../stream/reset-code.js";
import { StreamError } from "../stream/stream-error.js";

/** What opening a stream ends with, whatever it was opened for. */
export class OpenFailure extends Error {
  override readonly name = "OpenFailure";
  readonly code: Code;
  readonly execution: Execution;
  /** Whom it was to be opened to; a text where no node was chosen. */
  readonly to: LogicalAddress | string;

  constructor(to: LogicalAddress | string, code: Code, execution: Execution, reason: string, cause?: unknown) {
    super(reason, cause === undefined ? undefined : { cause });
    this.to = to;
    this.code = code;
    this.execution = execution;
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

/** The end of a stream that was not acknowledged. */
export function openFailureOf(to: LogicalAddress, error: Error): OpenFailure {
  if (!StreamError.is(error)) return new OpenFailure(to, "UNAVAILABLE", "unknown", `${describeCause(error)}; ${STREAM_HINT.lost}`, error);
  switch (error.reason) {
    case "refused":
      return new OpenFailure(to, "UNAVAILABLE", "notRun", `it was refused; ${STREAM_HINT.refused}`, error);
    case "unavailable":
      return new OpenFailure(to, "RESOURCE_EXHAUSTED", "notRun", `${error.message}; ${STREAM_HINT.full}`, error);
    case "timeout":
      return new OpenFailure(to, "DEADLINE_EXCEEDED", "unknown", `it was not accepted in time; ${STREAM_HINT.timeout}`, error);
    case "reset":
      return ofReset(to, error);
    default:
      return new OpenFailure(to, "UNAVAILABLE", "unknown", `${error.message}; ${STREAM_HINT.lost}`, error);
  }
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
  const { code, execution, message: reason, to, cause } = failure;
  const peer: AddressText | undefined = typeof to === "string" ? undefined : formatAddress(to);
  const what = `${code} opening a stream of ${JSON.stringify(protocol)} to ${peer ?? to} from ${formatAddress(self)}`;
  const line = `${what} (${execution}): ${reason}`.replace(/[\s\p{Cc}]+/gu, " ").trim();
  return new RpcError(code, line, { reason, execution, peer, method: protocol, cause });
}
