/// <reference lib="esnext.disposable" preserve="true" />
/** Spans and metrics of a node, in the terms of OpenTelemetry. */
import { formatAddress } from "../addr/logical-address.js";
import type { Interceptors } from "../rpc/interceptor.js";
import type { OpenTelemetryApi } from "./api.js";
import { type MeteredNode, measureNode } from "./meters.js";
import { callerSpans, handlerSpans } from "./spans.js";

const SCOPE = "clusterts";

export interface OpenTelemetryOptions {
  /** Whether calls and handlers get spans. Default true. */
  readonly spans?: boolean | undefined;
  /** Whether the node is measured. Default true. */
  readonly metrics?: boolean | undefined;
}

/** What is needed of a node. */
export interface InstrumentedNode extends MeteredNode {
  use(interceptors: Interceptors): void;
}

export interface OpenTelemetryHandle extends Disposable {
  /** No more spans and metrics from now on. */
  close(): void;
}

/**
 * Gives the calls, posts and handlers of `node` spans, ties those of different nodes together (W3C `traceparent` or whatever the
 * program's propagator writes, as metadata of the call), and measures the node:
 *
 *     import * as api from "@opentelemetry/api";
 *     openTelemetry(node, api);
 *
 * Call it before other interceptors are added: then their time is part of the spans. One-way messages by `send` have no spans: they pass no
 * interceptor. Spans of handlers are parents of the spans of calls that they make where the program has a context manager.
 *
 * @param api - the program's own `@opentelemetry/api`, 1.9 or later; its providers are set up by the program, before or after.
 */
export function openTelemetry<C>(
  node: InstrumentedNode,
  api: OpenTelemetryApi<C>,
  options: OpenTelemetryOptions = {},
): OpenTelemetryHandle {
  const { spans = true, metrics = true } = options;
  const self = formatAddress(node.address);
  let isOpen = true;
  if (spans) {
    const tracer = api.trace.getTracer(SCOPE);
    const open = (): boolean => isOpen;
    node.use({ caller: callerSpans(api, tracer, self, open), handler: handlerSpans(api, tracer, self, open) });
  }
  const stop = metrics ? measureNode(node, api.metrics.getMeter(SCOPE)) : (): void => {};
  const close = (): void => {
    if (isOpen) stop();
    isOpen = false;
  };
  return { close, [Symbol.dispose]: close };
}
