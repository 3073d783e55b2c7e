/// <reference lib="esnext.disposable" preserve="true" />
/** The metrics of nodes, for Prometheus: what their events say from now on, and what `status()` says when it is asked. */
import { formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { InvalidOptionsError, RPC_CODES } from "../errors.js";
import { onEvent } from "../events/channels.js";
import type { CallEvent, HandlerEvent } from "../events/events.js";
import type { NodeStatus } from "../node/status.js";
import { Counts } from "./counts.js";
import { DurationSeries } from "./duration-series.js";
import { CONTENT_TYPE, Exposition } from "./exposition.js";
import { writeStatus } from "./status-metrics.js";

/** From a tenth of a millisecond to ten seconds. */
const BUCKETS_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
/** Combinations of node, method and code that each histogram tells apart; what comes later goes under `method="(others)"`. */
const MAX_SERIES = 1_000;

export interface PrometheusOptions {
  /** Upper bounds in seconds of the buckets of durations, rising. Default: 0.0001 to 10 in sixteen steps. */
  readonly bucketsSeconds?: readonly number[] | undefined;
}

/** What is needed of a node. */
export interface Measured {
  readonly address: LogicalAddress;
  status(): NodeStatus;
}

export interface PrometheusMetrics extends Disposable {
  /** Of {@link text}, for the answer's header. */
  readonly contentType: string;
  /** The page, as it is now. */
  text(): string;
  /** Ends the measuring of calls, whose cost ends with it. */
  close(): void;
}

/**
 * Measures `nodes` from now on:
 *
 *     const metrics = prometheusMetrics(node);
 *     createServer((_, answer) => answer.setHeader("content-type", metrics.contentType).end(metrics.text())).listen(9100);
 *
 * Calls and handlers cost about a microsecond more each while it is open. No series is named after a peer, so that their number does
 * not grow with the cluster.
 *
 * @throws InvalidOptionsError for buckets that do not rise.
 */
export function prometheusMetrics(nodes: Measured | readonly Measured[], options: PrometheusOptions = {}): PrometheusMetrics {
  const bounds = options.bucketsSeconds ?? BUCKETS_SECONDS;
  if (bounds.some((bound, at) => !(bound > (bounds[at - 1] ?? 0)) || bound === Number.POSITIVE_INFINITY))
    throw new InvalidOptionsError("prometheusMetrics", ["bucketsSeconds: expected finite numbers above 0 that rise"]);
  return new Metrics(isList(nodes) ? nodes : [nodes], bounds);
}

class Metrics implements PrometheusMetrics {
  readonly contentType = CONTENT_TYPE;
  readonly #nodes: readonly Measured[];
  readonly #calls: DurationSeries;
  readonly #handlers: DurationSeries;
  readonly #links = new Counts("clusterts_link_events_total", "Connections opened and lost, dials that failed, by side.");
  readonly #drops = new Counts("clusterts_drops_total", "One-way messages that came and were not handled, by cause.");
  readonly #notices = new Counts("clusterts_discovery_notices_total", "What went wrong between nodes and discovery, and right again.");
  readonly #changes = new Counts("clusterts_member_changes_total", "Members that came, changed and went.");
  readonly #stops: readonly (() => void)[];

  constructor(nodes: readonly Measured[], bounds: readonly number[]) {
    this.#nodes = nodes;
    const addresses = new Set<string>(nodes.map(({ address }) => formatAddress(address)));
    const isMeasured = ({ node }: { readonly node: string }): boolean => addresses.has(node);
    this.#calls = new DurationSeries("clusterts_call_duration_seconds", "Calls of the node, by method and code.", bounds, MAX_SERIES);
    this.#handlers = new DurationSeries(
      "clusterts_handler_duration_seconds",
      "Handlers of the node, by method and code.",
      bounds,
      MAX_SERIES,
    );
    this.#stops = [
      onEvent("clusterts:call", (event) => isMeasured(event) && measure(this.#calls, event)),
      onEvent("clusterts:handler", (event) => isMeasured(event) && measure(this.#handlers, event)),
      onEvent("clusterts:link", (event) => isMeasured(event) && this.#links.add({ node: event.node, event: event.type })),
      onEvent("clusterts:drop", (event) => isMeasured(event) && this.#drops.add({ node: event.node, cause: event.cause })),
      onEvent("clusterts:discovery", (event) => isMeasured(event) && this.#notices.add({ node: event.node, event: event.type })),
      onEvent("clusterts:member", (event) => isMeasured(event) && this.#changes.add({ node: event.node, event: event.type })),
    ];
  }

  text(): string {
    const page = new Exposition();
    writeStatus(
      page,
      this.#nodes.map((node) => node.status()),
    );
    for (const metric of [this.#calls, this.#handlers, this.#links, this.#drops, this.#notices, this.#changes]) metric.write(page);
    return page.toString();
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function measure(series: DurationSeries, event: CallEvent | HandlerEvent): void {
  if (event.type !== "end") return;
  const { node, method } = event;
  // A handler may answer with any code; those that are not canonical are one.
  const code = event.code === "OK" || Object.hasOwn(RPC_CODES, event.code) ? event.code : "OTHER";
  series.add(
    `${node} ${code} ${method}`,
    () => ({ node, method, code }),
    () => ({ node, method: "(others)", code }),
    event.durationMs / 1000,
  );
}

function isList(nodes: Measured | readonly Measured[]): nodes is readonly Measured[] {
  return Array.isArray(nodes);
}
