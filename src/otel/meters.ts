/** Durations from events, and gauges and counters from `status()` whenever the program's reader collects. */
import { formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { RPC_CODES } from "../errors.js";
import { onEvent } from "../events/channels.js";
import type { CallEvent, HandlerEvent } from "../events/events.js";
import type { NodeStatus } from "../node/status.js";
import type { MeterLike, ObservableLike, ObservableResultLike } from "./api.js";

/** What is needed of a node. */
export interface MeteredNode {
  readonly address: LogicalAddress;
  status(): NodeStatus;
}

type Parts = readonly (readonly [value: number, attributes: Record<string, string>])[];

interface Instrument {
  readonly kind: "gauge" | "counter";
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  readonly of: (status: NodeStatus) => Parts;
}

const INSTRUMENTS: readonly Instrument[] = [
  {
    kind: "gauge",
    name: "clusterts.links",
    unit: "{link}",
    description: "Links that are ready.",
    of: ({ links }) => [[links.filter(({ phase }) => phase === "ready").length, {}]],
  },
  {
    kind: "gauge",
    name: "clusterts.calls.in_flight",
    unit: "{call}",
    description: "Calls that wait for their replies.",
    of: ({ callsInFlight }) => [[callsInFlight, {}]],
  },
  {
    kind: "gauge",
    name: "clusterts.handlers.running",
    unit: "{request}",
    description: "Handlers that have not settled.",
    of: ({ handlersRunning }) => [[handlersRunning, {}]],
  },
  {
    kind: "gauge",
    name: "clusterts.members",
    unit: "{node}",
    description: "Nodes that discovery knows.",
    of: ({ members }) => [[members, {}]],
  },
  {
    kind: "counter",
    name: "clusterts.network.io",
    unit: "By",
    description: "Bytes over all links.",
    of: ({ traffic }) => [
      [traffic.bytesIn, { direction: "in" }],
      [traffic.bytesOut, { direction: "out" }],
    ],
  },
  {
    kind: "counter",
    name: "clusterts.one_ways.dropped",
    unit: "{message}",
    description: "One-way messages that no handler took.",
    of: ({ oneWaysDropped }) => [[oneWaysDropped, {}]],
  },
  {
    kind: "counter",
    name: "clusterts.limit.hits",
    unit: "{hit}",
    description: "How often something was over a limit, by the option that says it.",
    of: ({ limitHits }) => Object.entries(limitHits).map(([limit, count]) => [count, { limit }] as const),
  },
  {
    kind: "counter",
    name: "clusterts.connections.refused",
    unit: "{connection}",
    description: "Connections that were refused, by cause.",
    of: ({ refusals }) => Object.entries(refusals).map(([cause, count]) => [count, { cause }] as const),
  },
];

/** Measures `node` with the instruments of `meter` until the returned function is called. */
export function measureNode(node: MeteredNode, meter: MeterLike): () => void {
  const stops = [
    measureDurations(node, meter, "clusterts:call", "clusterts.call.duration", "Calls, by method and code."),
    measureDurations(node, meter, "clusterts:handler", "clusterts.handler.duration", "Handlers, by method and code."),
    ...INSTRUMENTS.map((instrument) => observeStatus(node, meter, instrument)),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

function measureDurations(
  { address }: MeteredNode,
  meter: MeterLike,
  channel: "clusterts:call" | "clusterts:handler",
  name: string,
  description: string,
): () => void {
  const self = formatAddress(address);
  const histogram = meter.createHistogram(name, { unit: "s", description });
  return onEvent(channel, (event: CallEvent | HandlerEvent) => {
    if (event.type !== "end" || event.node !== self) return;
    const code = event.code === "OK" || Object.hasOwn(RPC_CODES, event.code) ? event.code : "OTHER";
    histogram.record(event.durationMs / 1000, { "clusterts.node": self, "rpc.method": event.method, "clusterts.code": code });
  });
}

function observeStatus(node: MeteredNode, meter: MeterLike, { kind, name, unit, description, of }: Instrument): () => void {
  const self = formatAddress(node.address);
  const options = { unit, description };
  const observable: ObservableLike =
    kind === "gauge" ? meter.createObservableGauge(name, options) : meter.createObservableCounter(name, options);
  const callback = (result: ObservableResultLike): void => {
    for (const [value, attributes] of of(node.status())) result.observe(value, { "clusterts.node": self, ...attributes });
  };
  observable.addCallback(callback);
  return () => observable.removeCallback(callback);
}
