/** What goes wrong between the server and those who use it, in words for the log of a node. */
import { RpcError } from "../../errors.js";
import { APP_CODE } from "./protocol.js";

/** Whether the server says that the entry is not the caller's any more. */
export function isEntryLost(error: unknown): error is RpcError {
  return RpcError.is(error) && error.code === "FAILED_PRECONDITION" && error.appCode === APP_CODE.entryLost;
}

/** Refusals that need somebody to change a secret, a certificate or the cluster's name on one of the two sides. */
const LASTING_REFUSALS: ReadonlySet<unknown> = new Set(["cluster", "noCommonKey", "badProof", "insecure", "identity"]);
/** Causes of one error that are looked at: a chain may be a circle. */
const MAX_CAUSES = 8;

/** Whether the server and this process do not believe each other, which no later try mends. */
export function isRefusedForGood(error: unknown): boolean {
  let at = error;
  for (let n = 0; at instanceof Error && n < MAX_CAUSES; at = at.cause, n++)
    if (at.name === "HandshakeError" && "reason" in at && LASTING_REFUSALS.has(at.reason)) return true;
  return false;
}

/** Who failed and why, without the line that is around it for calls between nodes. */
export function serverError(endpoint: string, error: unknown): Error {
  if (!RpcError.is(error)) return error instanceof Error ? error : new Error(String(error));
  return new Error(`discovery server at ${endpoint}: ${error.reason}`, { cause: error });
}
