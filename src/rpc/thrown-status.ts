/** What the caller hears of what a handler threw. */
import { isCode, RpcError } from "../errors.js";
import { messageOf } from "../internal/message-of.js";
import type { WireError } from "../wire/error-codec.js";
import { MAX_DETAILS_BYTES } from "../wire/limits.js";
import { HINT, thrownReason } from "./failure.js";

/** An `RpcError` travels as it is, anything else becomes INTERNAL without its stack. */
export function statusOfThrown(thrown: unknown): WireError {
  if (!RpcError.is(thrown)) return failed("INTERNAL", thrownReason(thrown));
  // One that came from a call of the handler's own says whose failure it is; to this caller the handler has run.
  let reason = thrown.method === "" && typeof thrown.reason === "string" ? thrown.reason : messageOf(thrown);
  // Another copy of the library, or plain JavaScript, may have made it: only what fits is sent.
  const code = isCode(thrown.code) ? thrown.code : "UNKNOWN";
  const appCode = Number.isInteger(thrown.appCode) ? thrown.appCode : 0;
  const given = thrown.details instanceof Uint8Array ? thrown.details : undefined;
  const isTooLarge = (given?.length ?? 0) > MAX_DETAILS_BYTES;
  if (isTooLarge) reason += `; ${HINT.detailsLeftOut}`;
  return { ...failed(code, reason), appCode, details: isTooLarge ? undefined : given };
}

/** A failure of a handler that has run. */
export function failed(code: string, reason: string): WireError {
  return { code, reason, execution: "ran", appCode: 0, details: undefined, path: [] };
}
