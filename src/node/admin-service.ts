/** What each node answers to tools: its status over the wire, its availability, and that it is there. */
import type { AddressText } from "../addr/logical-address.js";
import { Admin, type Link, type StatusReply, type Traffic as WireTraffic } from "../gen/clusterts/admin.js";
import type { DeepPartial, Registrar } from "../rpc/service.js";
import type { MethodTimes } from "./method-times.js";
import type { LinkStatus, NodeStatus } from "./status.js";
import type { Traffic } from "./traffic.js";

/** What the service needs of its node. */
export interface Administered {
  readonly text: AddressText;
  /** As others see it now. */
  metadata(): Readonly<Record<string, string>> | undefined;
  readonly version: string | undefined;
  status(): NodeStatus;
  methodTimes(): readonly MethodTimes[];
  /** @throws RpcError FAILED_PRECONDITION for a configured node. */
  setAvailable(available: boolean): Promise<void>;
  wallClock(): number;
}

export function registerAdmin(node: Registrar, subject: Administered): void {
  Admin.Register(node, {
    status: ({ methodTimes }) => toWire(subject, methodTimes ? subject.methodTimes() : []),
    async setAvailable({ available }) {
      await subject.setAvailable(available);
      return {};
    },
    ping: () => ({ address: subject.text, wallClockMs: subject.wallClock() }),
  });
}

function toWire(subject: Administered, times: readonly MethodTimes[]): StatusReply {
  const { limits, refusals, limitHits, links, oldestCalls, endpoint, ...rest } = subject.status();
  return {
    address: rest.address,
    phase: rest.phase,
    atMs: rest.atMs,
    uptimeMs: rest.uptimeMs,
    software: rest.software,
    endpoint: endpoint ?? "",
    incarnation: rest.incarnation,
    available: rest.available,
    load: rest.load,
    metadata: new Map(Object.entries(subject.metadata() ?? {})),
    version: subject.version ?? "",
    links: links.map(linkToWire),
    anonymousPeers: rest.anonymousPeers,
    traffic: trafficToWire(rest.traffic),
    callsInFlight: rest.callsInFlight,
    oldestCalls: oldestCalls.map((call) => ({ ...call })),
    requestsInProgress: rest.requestsInProgress,
    handlersRunning: rest.handlersRunning,
    limits: Object.entries(limits).map(([method, { running, queued, refused }]) => ({ method, running, queued, refused: BigInt(refused) })),
    members: rest.members,
    requests: BigInt(rest.requests),
    requestsRefused: BigInt(rest.requestsRefused),
    lateReplies: BigInt(rest.lateReplies),
    oneWays: BigInt(rest.oneWays),
    oneWaysDropped: BigInt(rest.oneWaysDropped),
    oneWaysFailed: BigInt(rest.oneWaysFailed),
    refusals: countsToWire(refusals),
    limitHits: countsToWire(limitHits),
    methodTimes: times.map((each) => ({ ...each, count: BigInt(each.count), failed: BigInt(each.failed) })),
  } satisfies DeepPartial<StatusReply>;
}

function linkToWire(link: LinkStatus): Link {
  const { peer, phase, remote, rttMs, queuedMessages, queuedBytes, bufferedBytes, lastError } = link;
  return {
    peer,
    phase,
    remote: remote ?? "",
    rttMs,
    queuedMessages,
    queuedBytes: BigInt(queuedBytes),
    bufferedBytes: BigInt(bufferedBytes),
    traffic: trafficToWire(link),
    lastError: lastError ?? "",
  };
}

function trafficToWire({ framesIn, framesOut, bytesIn, bytesOut }: Traffic): WireTraffic {
  return { framesIn: BigInt(framesIn), framesOut: BigInt(framesOut), bytesIn: BigInt(bytesIn), bytesOut: BigInt(bytesOut) };
}

function countsToWire(counts: Readonly<Partial<Record<string, number>>>): Map<string, bigint> {
  return new Map(Object.entries(counts).map(([name, count = 0]) => [name, BigInt(count)]));
}
