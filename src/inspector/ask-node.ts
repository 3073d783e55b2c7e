/** Asks one node what it is doing. */
import {
  type Harbor,
  type Link,
  Node,
  type StatusReply,
  type StreamSession,
  type Traffic,
  type RelayedStreams as WireRelayedStreams,
  type StreamTotals as WireStreamTotals,
} from "../gen/clusterts/node.js";
import type { RelayedStreams } from "../harbor/stream-counts.js";
import type { HarborStatus, LinkStatus, NodeStatus, StreamSessionStatus } from "../node/status.js";
import type { StreamTotals } from "../node/stream-totals.js";
import type { Caller } from "../rpc/service.js";
import type { NodeReport } from "./node-report.js";

const NO_TRAFFIC: Traffic = { framesIn: 0n, framesOut: 0n, bytesIn: 0n, bytesOut: 0n };

/** @throws {@link RpcError} by rejection, `UNIMPLEMENTED` by nodes with the option `admin: false`. */
export async function askNode(caller: Caller, timeoutMs: number): Promise<NodeReport> {
  const reply = await Node.Call(caller).status({ methods: true }, { timeoutMs });
  return {
    ...statusOf(reply),
    methods: reply.methods.map(({ handled, count, failed, ...times }) => ({
      ...times,
      side: handled ? "handler" : "call",
      count: Number(count),
      failed: Number(failed),
    })),
  };
}

/** What `node.status()` gave there. */
function statusOf({ metadata, version, methods, ...reply }: StatusReply): NodeStatus {
  return {
    ...reply,
    address: reply.address as NodeStatus["address"],
    phase: reply.phase as NodeStatus["phase"],
    available: reply.available,
    load: reply.load,
    endpoint: reply.endpoint === "" ? undefined : reply.endpoint,
    links: reply.links.map(linkOf),
    sessions: reply.sessions.map(sessionOf),
    streamTotals: totalsOf(reply.streamTotals),
    traffic: trafficOf(reply.traffic),
    oldestCalls: reply.oldestCalls.map((call) => ({ ...call, peer: call.peer as NodeStatus["address"] })),
    limits: Object.fromEntries(reply.limits.map(({ method, refused, ...rest }) => [method, { ...rest, refused: Number(refused) }])),
    requests: Number(reply.requests),
    requestsRefused: Number(reply.requestsRefused),
    lateReplies: Number(reply.lateReplies),
    oneWays: Number(reply.oneWays),
    oneWaysDropped: Number(reply.oneWaysDropped),
    oneWaysFailed: Number(reply.oneWaysFailed),
    lateMessages: Number(reply.lateMessages),
    forgedFrames: Number(reply.forgedFrames),
    harbor: reply.harbor && harborOf(reply.harbor),
    refusals: countsOf(reply.refusals),
    limitHits: countsOf(reply.limitHits),
    certificate: reply.certificate,
  };
}

function harborOf({ frames, bytes, pairs, waitingBytes, refused, oneWaysDropped, answersDropped, gone, streams }: Harbor): HarborStatus {
  return {
    frames: Number(frames),
    bytes: Number(bytes),
    pairs,
    waitingBytes: Number(waitingBytes),
    refused: countsOf(refused),
    oneWaysDropped: Number(oneWaysDropped),
    answersDropped: Number(answersDropped),
    gone: Number(gone),
    streams: relayedOf(streams),
  };
}

/** A node of an earlier release says none. */
function relayedOf(streams: WireRelayedStreams | undefined): RelayedStreams {
  return {
    open: streams?.open ?? 0,
    waiting: streams?.waiting ?? 0,
    offered: Number(streams?.offered ?? 0),
    accepted: Number(streams?.accepted ?? 0),
    ended: Number(streams?.ended ?? 0),
    broken: Number(streams?.broken ?? 0),
    refused: countsOf(streams?.refused ?? new Map()),
    bytes: Number(streams?.bytes ?? 0),
  };
}

function totalsOf(totals: WireStreamTotals | undefined): StreamTotals {
  return {
    opened: Number(totals?.opened ?? 0),
    notOpened: Number(totals?.notOpened ?? 0),
    accepted: Number(totals?.accepted ?? 0),
    refused: Number(totals?.refused ?? 0),
    resetsOut: Number(totals?.resetsOut ?? 0),
    resetsIn: Number(totals?.resetsIn ?? 0),
    overBudget: Number(totals?.overBudget ?? 0),
    bytesIn: Number(totals?.bytesIn ?? 0),
    bytesOut: Number(totals?.bytesOut ?? 0),
  };
}

function linkOf({ traffic, ...link }: Link): LinkStatus {
  return {
    ...link,
    ...trafficOf(traffic),
    peer: link.peer as LinkStatus["peer"],
    phase: link.phase as LinkStatus["phase"],
    remote: link.remote === "" ? undefined : link.remote,
    rttMs: link.rttMs,
    queuedBytes: Number(link.queuedBytes),
    bufferedBytes: Number(link.bufferedBytes),
    lastError: link.lastError === "" ? undefined : link.lastError,
  };
}

function sessionOf(session: StreamSession): StreamSessionStatus {
  return {
    ...session,
    peer: session.peer as StreamSessionStatus["peer"],
    phase: session.phase as StreamSessionStatus["phase"],
    role: session.role as StreamSessionStatus["role"],
    unreadBytes: Number(session.unreadBytes),
    waitingBytes: Number(session.waitingBytes),
    opened: Number(session.opened),
    openedByPeer: Number(session.openedByPeer),
    resetsOut: Number(session.resetsOut),
    resetsIn: Number(session.resetsIn),
    overBudget: Number(session.overBudget),
    strayFrames: Number(session.strayFrames),
    bytesIn: Number(session.bytesIn),
    bytesOut: Number(session.bytesOut),
    rttMs: session.rttMs,
  };
}

function trafficOf({ framesIn, framesOut, bytesIn, bytesOut }: Traffic = NO_TRAFFIC): NodeStatus["traffic"] {
  return { framesIn: Number(framesIn), framesOut: Number(framesOut), bytesIn: Number(bytesIn), bytesOut: Number(bytesOut) };
}

function countsOf(counts: ReadonlyMap<string, bigint>): Record<string, number> {
  return Object.fromEntries(Array.from(counts, ([name, count]) => [name, Number(count)]));
}
