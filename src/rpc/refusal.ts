/** What was refused before its work began, and why. Only a refusal of the request itself lets its caller hear `notRun`. */
import { type Code, RpcError } from "../errors.js";
import { ambient, type RequestContext } from "./request-context.js";

class Refusal extends RpcError {
  readonly #request: RequestContext;

  constructor(request: RequestContext, code: Code, reason: string, cause: unknown) {
    super(code, reason, { execution: "notRun", cause });
    this.#request = request;
  }

  static refuses(error: RpcError, request: RequestContext): boolean {
    return error instanceof Refusal && error.#request === request && !request.hasBegun;
  }
}

/**
 * Why a piece of work was not begun. `isWholeRequest`: the work is all that the request in progress asks for, so that
 * its caller may be told that nothing has run; unless some of it has, as when an interceptor tries again.
 */
export function notBegun(isWholeRequest: boolean, code: Code, reason: string, cause?: unknown): RpcError {
  const request = isWholeRequest ? ambient.getStore() : undefined;
  return request === undefined ? new RpcError(code, reason, { execution: "notRun", cause }) : new Refusal(request, code, reason, cause);
}

/** Whether `error` says that nothing of `request` has run. One that was wrapped, or is another request's, does not. */
export function isRefusalOf(request: RequestContext, error: unknown): error is RpcError {
  return RpcError.is(error) && Refusal.refuses(error, request);
}
