/** Calls for code that wants a callback; what generated `CallWithCallback` functions do. */

import { RpcError } from "../errors.js";
import { messageOf } from "../internal/message-of.js";
import type { Caller, CallOptions, Method, Target } from "./service.js";

/** Gets either an error or the response, never both. */
export type CallCallback<O> = (error: RpcError | null, response?: O) => void;

/**
 * Makes a unary call and hands its outcome to `callback`: exactly once, and never before this function has returned. What the
 * callback throws is an uncaught exception of the process, not the call's.
 *
 * @returns cancels the call. `true`: it was still open, and the callback gets an error of code `CANCELLED`. `false`: the callback ran already.
 */
export function callWithCallback<I, O>(
  node: Caller,
  to: Target | undefined,
  method: Method<I, O>,
  input: unknown,
  options: CallOptions | undefined,
  callback: CallCallback<O>,
): () => boolean {
  const cancelled = new AbortController();
  const signal = options?.signal ? AbortSignal.any([options.signal, cancelled.signal]) : cancelled.signal;
  let open = true;
  const settle = (error: RpcError | null, response?: O) => {
    open = false;
    try {
      if (error === null) callback(null, response);
      else callback(error);
    } catch (thrown) {
      queueMicrotask(() => {
        throw thrown;
      });
    }
  };
  // inside the promise: what `invoke` throws at once goes to the callback as well
  new Promise<O>((resolve) => resolve(node.invoke(to, method, input, { ...options, signal }) as Promise<O>)).then(
    (response) => settle(cancelled.signal.aborted ? cancelledError(method.name, undefined) : null, response),
    (error: unknown) => settle(cancelled.signal.aborted ? cancelledError(method.name, error) : asRpcError(method.name, error)),
  );
  return () => {
    if (!open || cancelled.signal.aborted) return false;
    cancelled.abort();
    return true;
  };
}

/** The outcome may have been on its way already when the call was cancelled: the promise given to the canceller holds. */
function cancelledError(method: string, outcome: unknown): RpcError {
  if (outcome === undefined) return new RpcError("CANCELLED", "cancelled by the caller", { method, execution: "ran" });
  if (!RpcError.is(outcome)) return new RpcError("CANCELLED", "cancelled by the caller", { method, execution: "notRun", cause: outcome });
  if (outcome.code === "CANCELLED") return outcome;
  const { execution, peer, path } = outcome;
  return new RpcError("CANCELLED", "cancelled by the caller", { method, execution, peer, path, cause: outcome });
}

/** Wrong arguments are refused before anything is sent, with errors of other classes. */
function asRpcError(method: string, error: unknown): RpcError {
  if (RpcError.is(error)) return error;
  const message = messageOf(error);
  return new RpcError("INVALID_ARGUMENT", message, { method, execution: "notRun", cause: error });
}
