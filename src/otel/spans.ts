/** A span around each call and each handler, tied together by what travels in the metadata. */

import { type AddressText, formatAddress } from "../addr/logical-address.js";
import { RpcError } from "../errors.js";
import { messageOf } from "../internal/message-of.js";
import type { CallerInterceptor, HandlerInterceptor } from "../rpc/interceptor.js";
import { type OpenTelemetryApi, SPAN_KIND, type SpanLike, STATUS_ERROR, type TracerLike } from "./api.js";
import { carrierOf, withCarrier } from "./carrier.js";
import { addressOrPicker } from "./target-text.js";

/** Codes that are the handler's own failure; by the others it tells its caller something. */
const HANDLER_FAULTS: ReadonlySet<string> = new Set([
  "UNKNOWN",
  "DEADLINE_EXCEEDED",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
]);

export function callerSpans<C>(
  api: OpenTelemetryApi<C>,
  tracer: TracerLike<C>,
  self: AddressText,
  isOpen: () => boolean,
): CallerInterceptor {
  return async (call, next) => {
    if (!isOpen()) return await next(call);
    const { method, oneWay, to, options } = call;
    const kind = oneWay ? SPAN_KIND.producer : SPAN_KIND.client;
    const attributes = { ...attributesOf(method.name, self), "clusterts.target": addressOrPicker(to) };
    const parent = api.context.active();
    const span = tracer.startSpan(method.name, { kind, attributes }, parent);
    const context = api.trace.setSpan(parent, span);
    const carrier: Record<string, string> = {};
    api.propagation.inject(context, carrier);
    const carrying = { ...call, options: { ...options, metadata: withCarrier(options.metadata, carrier) } };
    return await ended(
      span,
      () => true,
      () => api.context.with(context, () => next(carrying)),
    );
  };
}

export function handlerSpans<C>(
  api: OpenTelemetryApi<C>,
  tracer: TracerLike<C>,
  self: AddressText,
  isOpen: () => boolean,
): HandlerInterceptor {
  return async (call, next) => {
    if (!isOpen()) return await next(call);
    const { method, oneWay, context: request } = call;
    const kind = oneWay ? SPAN_KIND.consumer : SPAN_KIND.server;
    const attributes = { ...attributesOf(method.name, self), "clusterts.peer": formatAddress(request.from) };
    const parent = api.propagation.extract(api.context.active(), carrierOf(request.metadata));
    const span = tracer.startSpan(method.name, { kind, attributes }, parent);
    const isFault = (error: unknown): boolean => !RpcError.is(error) || HANDLER_FAULTS.has(error.code);
    return await ended(span, isFault, () => api.context.with(api.trace.setSpan(parent, span), () => next(call)));
  };
}

/** Runs, and ends the span as it ends. */
async function ended<T>(span: SpanLike, isFault: (error: unknown) => boolean, run: () => Promise<T>): Promise<T> {
  try {
    const output = await run();
    span.setAttribute("clusterts.code", "OK");
    return output;
  } catch (error) {
    span.setAttribute("clusterts.code", RpcError.is(error) ? error.code : "INTERNAL");
    if (RpcError.is(error) && error.method !== "") {
      span.setAttribute("clusterts.peer", error.peer);
      span.setAttribute("clusterts.execution", error.execution);
    }
    if (isFault(error)) {
      const exception = error instanceof Error ? error : new Error(messageOf(error));
      span.recordException(exception);
      span.setStatus({ code: STATUS_ERROR, message: exception.message });
    }
    throw error;
  } finally {
    span.end();
  }
}

function attributesOf(name: string, self: AddressText): Record<string, string> {
  const at = name.lastIndexOf("/");
  const service: Record<string, string> = at < 0 ? {} : { "rpc.service": name.slice(0, at) };
  return { "rpc.system": "clusterts", ...service, "rpc.method": name.slice(at + 1), "clusterts.node": self };
}
