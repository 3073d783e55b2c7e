/** `clusterts/otel`: spans and metrics of nodes for OpenTelemetry, by the copy of `@opentelemetry/api` that the program has. */
export type { MeterLike, ObservableLike, ObservableResultLike, OpenTelemetryApi, SpanLike, TracerLike } from "./api.js";
export type { MeteredNode } from "./meters.js";
export { type InstrumentedNode, type OpenTelemetryHandle, type OpenTelemetryOptions, openTelemetry } from "./open-telemetry.js";
