/** `clusterts/metrics`: the metrics of nodes in the text format of Prometheus. docs/guides/operation.md lists them. */
export { type Measured, type PrometheusMetrics, type PrometheusOptions, prometheusMetrics } from "./prometheus-metrics.js";
