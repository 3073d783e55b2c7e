/** Takes the snapshot that {@link NodeStatus} is. */
import { type Endpoint, formatEndpoint } from "../addr/endpoint.js";
import { formatAddress } from "../addr/logical-address.js";
import { linkStatus } from "./link-status.js";
import type { NodeParts } from "./node-parts.js";
import type { HarborStatus, NodePhase, NodeStatus } from "./status.js";
import { sumOf } from "./traffic.js";
import { SOFTWARE } from "./version.js";

/** Calls in flight that are listed. */
const OLDEST_CALLS = 16;

function harborStatusOf({ between, streams }: NodeParts): HarborStatus | undefined {
  const { status } = between;
  const { relayed } = streams;
  return status && relayed && { ...status, streams: relayed };
}

/** How far a node has come. */
export interface Life {
  readonly phase: NodePhase;
  /** When it was up, by its own clock; `undefined` before. */
  readonly upSince: number | undefined;
  /** Where it listens, once it does. */
  readonly endpoint: Endpoint | undefined;
}

export function statusOf(parts: NodeParts, life: Life): NodeStatus {
  const { address, clock, tls } = parts.options;
  const { endpoint, phase, upSince } = life;
  const { caller, dispatcher, streamCaller, links, streams, between } = parts;
  const { counters } = dispatcher;
  const now = clock.now();
  const own = parts.members.get(address);
  return {
    address: formatAddress(address),
    phase,
    atMs: now,
    uptimeMs: upSince === undefined ? 0 : now - upSince,
    software: SOFTWARE,
    available: own && own.available !== false,
    load: own?.load,
    endpoint: endpoint && formatEndpoint(endpoint),
    incarnation: parts.identity.incarnation,
    links: [...links].map(linkStatus),
    sessions: streams.sessions.status(),
    streams: streams.count,
    streamTotals: streams.totals,
    anonymousPeers: links.anonymousCount,
    traffic: [...links.channels()].reduce((sum, channel) => sumOf(sum, channel.counters), parts.tally.pastTraffic),
    callsInFlight: caller.calls.size + streamCaller.inFlight,
    oldestCalls: caller.calls.oldest(OLDEST_CALLS).map(({ method, to, startedAt, deadlineAt }) => ({
      method: method.name,
      peer: formatAddress(to),
      ageMs: now - startedAt,
      remainingMs: Math.max(0, deadlineAt - now),
    })),
    requestsInProgress: dispatcher.inProgress,
    handlersRunning: dispatcher.running,
    limits: parts.handlers.limits(),
    members: parts.members.size,
    requests: counters.requests,
    requestsRefused: counters.refused,
    lateReplies: counters.lateReplies,
    oneWays: counters.oneWays,
    oneWaysDropped: counters.oneWaysDropped,
    oneWaysFailed: counters.oneWaysFailed,
    lateMessages: between.late,
    forgedFrames: between.forged,
    harbor: harborStatusOf(parts),
    limitHits: parts.limits.counts,
    refusals: Object.fromEntries(links.refusals),
    certificate: tls?.certificate,
  };
}
