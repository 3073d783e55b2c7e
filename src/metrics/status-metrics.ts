/** What `node.status()` says, as metrics: nothing of it has a label for each peer, so that a thousand links are not a thousand series. */

import type { RelayedStreams } from "../harbor/stream-counts.js";
import type { LinkStatus, NodeStatus } from "../node/status.js";
import type { Exposition, MetricType } from "./exposition.js";

type Value = number | Readonly<Record<string, number>> | undefined;

interface Metric {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  /** What the keys of a value with several parts are. */
  readonly label?: string;
  readonly of: (status: NodeStatus) => Value;
}

const METRICS: readonly Metric[] = [
  { name: "clusterts_up", type: "gauge", help: "1 while the node runs.", of: ({ phase }) => (phase === "running" ? 1 : 0) },
  { name: "clusterts_uptime_seconds", type: "gauge", help: "Since the node was up.", of: ({ uptimeMs }) => uptimeMs / 1000 },
  {
    name: "clusterts_available",
    type: "gauge",
    help: "1 while discovery lets others pick the node.",
    of: ({ available }) => (available === true ? 1 : 0),
  },
  { name: "clusterts_load", type: "gauge", help: "The load that the node reported last.", of: ({ load }) => load },
  { name: "clusterts_members", type: "gauge", help: "Nodes that discovery knows.", of: ({ members }) => members },
  { name: "clusterts_links", type: "gauge", help: "Links by phase.", label: "phase", of: linksByPhase },
  { name: "clusterts_anonymous_peers", type: "gauge", help: "Connected tools without an address.", of: (status) => status.anonymousPeers },
  {
    name: "clusterts_link_queued_messages",
    type: "gauge",
    help: "Messages that wait for links, all of them together.",
    of: ({ links }) => links.reduce((sum, { queuedMessages }) => sum + queuedMessages, 0),
  },
  {
    name: "clusterts_link_queued_bytes",
    type: "gauge",
    help: "Bytes of these.",
    of: ({ links }) => links.reduce((sum, { queuedBytes }) => sum + queuedBytes, 0),
  },
  {
    name: "clusterts_link_buffered_bytes",
    type: "gauge",
    help: "Bytes that peers have not taken yet.",
    of: ({ links }) => links.reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0),
  },
  {
    name: "clusterts_link_rtt_max_seconds",
    type: "gauge",
    help: "The longest round trip of a ping among the links.",
    of: ({ links }) => Math.max(0, ...links.map(({ rttMs = 0 }) => rttMs)) / 1000,
  },
  {
    name: "clusterts_frames_total",
    type: "counter",
    help: "Frames over all links.",
    label: "direction",
    of: ({ traffic }) => ({ in: traffic.framesIn, out: traffic.framesOut }),
  },
  {
    name: "clusterts_network_bytes_total",
    type: "counter",
    help: "Bytes over all links.",
    label: "direction",
    of: ({ traffic }) => ({ in: traffic.bytesIn, out: traffic.bytesOut }),
  },
  { name: "clusterts_calls_in_flight", type: "gauge", help: "Calls that wait for their replies.", of: (status) => status.callsInFlight },
  {
    name: "clusterts_call_oldest_seconds",
    type: "gauge",
    help: "Age of the call that has waited longest.",
    of: ({ oldestCalls }) => (oldestCalls[0]?.ageMs ?? 0) / 1000,
  },
  { name: "clusterts_handlers_running", type: "gauge", help: "Handlers that have not settled.", of: (status) => status.handlersRunning },
  { name: "clusterts_requests_total", type: "counter", help: "Requests that have come.", of: ({ requests }) => requests },
  {
    name: "clusterts_requests_refused_total",
    type: "counter",
    help: "Requests that no handler was called for.",
    of: ({ requestsRefused }) => requestsRefused,
  },
  { name: "clusterts_replies_late_total", type: "counter", help: "Results that nobody waited for.", of: ({ lateReplies }) => lateReplies },
  { name: "clusterts_one_ways_total", type: "counter", help: "One-way messages that have come.", of: ({ oneWays }) => oneWays },
  {
    name: "clusterts_one_ways_dropped_total",
    type: "counter",
    help: "One-way messages that no handler took.",
    of: ({ oneWaysDropped }) => oneWaysDropped,
  },
  {
    name: "clusterts_one_ways_failed_total",
    type: "counter",
    help: "One-way messages whose handler failed.",
    of: ({ oneWaysFailed }) => oneWaysFailed,
  },
  { name: "clusterts_streams", type: "gauge", help: "Streams that are open.", of: ({ streams }) => streams },
  {
    name: "clusterts_streams_total",
    type: "counter",
    help: "Streams by what came of opening them: by this node, or by others.",
    label: "outcome",
    of: ({ streamTotals: { accepted, notOpened, opened, refused } }) => ({ opened, notOpened, accepted, refused }),
  },
  {
    name: "clusterts_stream_resets_total",
    type: "counter",
    help: "Resets of streams; those because too much was unread among the ones that went out.",
    label: "direction",
    of: ({ streamTotals: { resetsIn, resetsOut } }) => ({ in: resetsIn, out: resetsOut }),
  },
  {
    name: "clusterts_stream_over_budget_total",
    type: "counter",
    help: "Streams that were reset because too much was unread.",
    of: ({ streamTotals }) => streamTotals.overBudget,
  },
  {
    name: "clusterts_stream_bytes_total",
    type: "counter",
    help: "Bytes over all connections for streams.",
    label: "direction",
    of: ({ streamTotals: { bytesIn, bytesOut } }) => ({ in: bytesIn, out: bytesOut }),
  },
  {
    name: "clusterts_stream_unread_bytes",
    type: "gauge",
    help: "Bytes of streams that have come and were not read.",
    of: ({ sessions }) => sessions.reduce((sum, { unreadBytes }) => sum + unreadBytes, 0),
  },
  {
    name: "clusterts_harbor_streams",
    type: "gauge",
    help: "Streams that a harbor relays.",
    of: ({ harbor }) => harbor?.streams.open,
  },
  {
    name: "clusterts_harbor_streams_total",
    type: "counter",
    help: "Streams that came to a harbor to be relayed, by what came of them.",
    label: "outcome",
    of: ({ harbor }) => harbor && outcomesOf(harbor.streams),
  },
  {
    name: "clusterts_harbor_stream_bytes_total",
    type: "counter",
    help: "Bytes of streams that a harbor has relayed.",
    of: ({ harbor }) => harbor?.streams.bytes,
  },
  {
    name: "clusterts_refused_connections_total",
    type: "counter",
    help: "Connections that were refused, by cause.",
    label: "cause",
    of: ({ refusals }) => refusals,
  },
  {
    name: "clusterts_limit_hits_total",
    type: "counter",
    help: "How often something was over a limit, by the option that says it.",
    label: "limit",
    of: ({ limitHits }) => limitHits,
  },
  {
    name: "clusterts_method_limit_running",
    type: "gauge",
    help: "Requests of limited methods that are worked on.",
    label: "method",
    of: ({ limits }) => mapped(limits, ({ running }) => running),
  },
  {
    name: "clusterts_method_limit_queued",
    type: "gauge",
    help: "Requests of limited methods that wait.",
    label: "method",
    of: ({ limits }) => mapped(limits, ({ queued }) => queued),
  },
  {
    name: "clusterts_method_limit_refused_total",
    type: "counter",
    help: "Requests of limited methods that found no room.",
    label: "method",
    of: ({ limits }) => mapped(limits, ({ refused }) => refused),
  },
];

/** Metrics of several nodes on one page, each with its address. */
export function writeStatus(page: Exposition, statuses: readonly NodeStatus[]): void {
  for (const { name, type, help, label = "", of } of METRICS) {
    page.begin(name, type, help);
    for (const status of statuses) {
      const value = of(status);
      const node = status.address;
      if (typeof value === "number") page.sample(name, { node }, value);
      else for (const [key, part] of Object.entries(value ?? {})) page.sample(name, { node, [label]: key }, part);
    }
  }
}

function linksByPhase({ links }: NodeStatus): Record<string, number> {
  // Every phase is there from the beginning: a series that appears only when it is not 0 cannot be compared with before.
  const counts: Record<LinkStatus["phase"], number> = { idle: 0, dialing: 0, settling: 0, ready: 0, waiting: 0, draining: 0, closed: 0 };
  for (const { phase } of links) counts[phase]++;
  return counts;
}

function outcomesOf({ accepted, broken, ended, refused }: RelayedStreams): Record<string, number> {
  const refusals = Object.values(refused).reduce((sum, count) => sum + count, 0);
  return { accepted, ended, broken, refused: refusals };
}

function mapped<T>(record: Readonly<Record<string, T>>, value: (each: T) => number): Record<string, number> {
  return Object.fromEntries(Object.entries(record).map(([key, each]) => [key, value(each)]));
}
