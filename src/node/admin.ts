/** What a node answers to tools of its cluster: `proto/clusterts/node.proto`. */
import {
  type Harbor,
  type Link,
  Node,
  type StatusReply,
  type StreamSession,
  type MethodTimes as WireMethodTimes,
  type RelayedStreams as WireRelayedStreams,
  type StreamTotals as WireStreamTotals,
  type Traffic as WireTraffic,
} from "../gen/clusterts/node.js";
import type { RelayedStreams } from "../harbor/stream-counts.js";
import type { Registrar } from "../rpc/service.js";
import type { MethodTimes } from "./method-times.js";
import type { HarborStatus, LinkStatus, NodeStatus, StreamSessionStatus } from "./status.js";
import type { StreamTotals } from "./stream-totals.js";
import type { Traffic } from "./traffic.js";

/** What it needs of the node. */
export interface Administered {
  /** As others see them now. */
  metadata(): Readonly<Record<string, string>>;
  /** The application's own. */
  readonly version: string | undefined;
  status(): NodeStatus;
  methodTimes(): readonly MethodTimes[];
  update(patch: { available: boolean }): Promise<void>;
}

export function registerAdmin(registrar: Registrar, subject: Administered): void {
  Node.Register(registrar, {
    ping: ({ payload }) => ({ payload }),
    status: ({ methods }) => toWire(subject, methods ? subject.methodTimes() : []),
    setAvailable: async ({ available }) => {
      await subject.update({ available });
      return {};
    },
  });
}

function toWire(subject: Administered, times: readonly MethodTimes[]): StatusReply {
  const status = subject.status();
  return {
    ...status,
    endpoint: status.endpoint ?? "",
    metadata: new Map(Object.entries(subject.metadata())),
    version: subject.version ?? "",
    links: status.links.map(linkToWire),
    sessions: status.sessions.map(sessionToWire),
    streamTotals: totalsToWire(status.streamTotals),
    traffic: trafficToWire(status.traffic),
    oldestCalls: [...status.oldestCalls],
    limits: Object.entries(status.limits).map(([method, { refused, ...rest }]) => ({ method, ...rest, refused: BigInt(refused) })),
    requests: BigInt(status.requests),
    requestsRefused: BigInt(status.requestsRefused),
    lateReplies: BigInt(status.lateReplies),
    oneWays: BigInt(status.oneWays),
    oneWaysDropped: BigInt(status.oneWaysDropped),
    oneWaysFailed: BigInt(status.oneWaysFailed),
    lateMessages: BigInt(status.lateMessages),
    forgedFrames: BigInt(status.forgedFrames),
    harbor: status.harbor && harborToWire(status.harbor),
    refusals: countsToWire(status.refusals),
    limitHits: countsToWire(status.limitHits),
    methods: times.map(timesToWire),
    certificate: status.certificate && { ...status.certificate, uris: [...status.certificate.uris] },
  };
}

function harborToWire({
  frames,
  bytes,
  pairs,
  waitingBytes,
  refused,
  oneWaysDropped,
  answersDropped,
  gone,
  streams,
}: HarborStatus): Harbor {
  return {
    frames: BigInt(frames),
    bytes: BigInt(bytes),
    pairs,
    waitingBytes: BigInt(waitingBytes),
    refused: countsToWire(refused),
    oneWaysDropped: BigInt(oneWaysDropped),
    answersDropped: BigInt(answersDropped),
    gone: BigInt(gone),
    streams: relayedToWire(streams),
  };
}

function relayedToWire({ accepted, broken, bytes, ended, offered, open, refused, waiting }: RelayedStreams): WireRelayedStreams {
  return {
    open,
    waiting,
    offered: BigInt(offered),
    accepted: BigInt(accepted),
    ended: BigInt(ended),
    broken: BigInt(broken),
    refused: countsToWire(refused),
    bytes: BigInt(bytes),
  };
}

function totalsToWire(totals: StreamTotals): WireStreamTotals {
  return {
    opened: BigInt(totals.opened),
    notOpened: BigInt(totals.notOpened),
    accepted: BigInt(totals.accepted),
    refused: BigInt(totals.refused),
    resetsOut: BigInt(totals.resetsOut),
    resetsIn: BigInt(totals.resetsIn),
    overBudget: BigInt(totals.overBudget),
    bytesIn: BigInt(totals.bytesIn),
    bytesOut: BigInt(totals.bytesOut),
  };
}

function linkToWire(link: LinkStatus): Link {
  const { peer, phase, remote = "", rttMs, queuedMessages, queuedBytes, bufferedBytes, lastError = "" } = link;
  const traffic = trafficToWire(link);
  return {
    peer,
    phase,
    remote,
    rttMs,
    queuedMessages,
    queuedBytes: BigInt(queuedBytes),
    bufferedBytes: BigInt(bufferedBytes),
    traffic,
    lastError,
  };
}

function sessionToWire(session: StreamSessionStatus): StreamSession {
  return {
    ...session,
    unreadBytes: BigInt(session.unreadBytes),
    waitingBytes: BigInt(session.waitingBytes),
    opened: BigInt(session.opened),
    openedByPeer: BigInt(session.openedByPeer),
    resetsOut: BigInt(session.resetsOut),
    resetsIn: BigInt(session.resetsIn),
    overBudget: BigInt(session.overBudget),
    strayFrames: BigInt(session.strayFrames),
    bytesIn: BigInt(session.bytesIn),
    bytesOut: BigInt(session.bytesOut),
  };
}

function trafficToWire({ framesIn, framesOut, bytesIn, bytesOut }: Traffic): WireTraffic {
  return { framesIn: BigInt(framesIn), framesOut: BigInt(framesOut), bytesIn: BigInt(bytesIn), bytesOut: BigInt(bytesOut) };
}

function timesToWire({ side, count, failed, ...times }: MethodTimes): WireMethodTimes {
  return { ...times, handled: side === "handler", count: BigInt(count), failed: BigInt(failed) };
}

function countsToWire(counts: Readonly<Partial<Record<string, number>>>): Map<string, bigint> {
  return new Map(Object.entries(counts).map(([name, count = 0]) => [name, BigInt(count)]));
}
