/** Code around every call, on either side: authentication, logging, metrics, retries. */
import type { CallOptions, Context, Method, Target } from "./service.js";

/** A call on its way out. Interceptors may hand a changed copy on. */
export interface OutgoingCall {
  readonly method: Method<unknown, unknown>;
  /** Nobody waits for the handler's answer. */
  readonly oneWay: boolean;
  readonly to: Target;
  readonly input: unknown;
  readonly options: CallOptions;
}

/** Calls `next` once, more often (a retry), or not at all (an answer of its own); may change what goes in and what comes out. */
export type CallerInterceptor = (call: OutgoingCall, next: (call: OutgoingCall) => Promise<unknown>) => Promise<unknown>;

/** A request that has come in. */
export interface IncomingCall {
  readonly method: Method<unknown, unknown>;
  readonly oneWay: boolean;
  readonly input: unknown;
  readonly context: Context;
}

export type HandlerInterceptor = (call: IncomingCall, next: (call: IncomingCall) => Promise<unknown>) => Promise<unknown>;

export interface Interceptors {
  readonly caller?: CallerInterceptor | undefined;
  readonly handler?: HandlerInterceptor | undefined;
}

/** The interceptors around `innermost`, the first one outside. */
export function chain<C>(
  interceptors: readonly ((call: C, next: (call: C) => Promise<unknown>) => Promise<unknown>)[],
  innermost: (call: C) => Promise<unknown>,
): (call: C) => Promise<unknown> {
  return interceptors.reduceRight<(call: C) => Promise<unknown>>(
    (next, interceptor) => (call) => {
      try {
        const result: unknown = interceptor(call, next);
        return result instanceof Promise ? result : Promise.resolve(result); // one that is no async function
      } catch (error) {
        return Promise.reject(error);
      }
    },
    innermost,
  );
}
