/** What goes wrong between the server and those who use it, in words for the log of a node. */
import { RpcError } from "../../errors.js";
import { APP_CODE } from "./protocol.js";

/** Whether the server says that the entry is not the caller's any more. */
export function isEntryLost(error: unknown): error is RpcError {
  return RpcError.is(error) && error.code === "FAILED_PRECONDITION" && error.appCode === APP_CODE.entryLost;
}

/** Who failed and why, without the line that is around it for calls between nodes. */
export function serverError(endpoint: string, error: unknown): Error {
  if (!RpcError.is(error)) return error instanceof Error ? error : new Error(String(error));
  return new Error(`discovery server at ${endpoint}: ${error.reason}`, { cause: error });
}
