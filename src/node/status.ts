/** What a node is doing, as one snapshot for people and metrics. */
import type { AddressText } from "../addr/logical-address.js";
import type { LimitName, NodePhase } from "../events/events.js";
import type { RelayCounters } from "../harbor/relay-counts.js";
import type { RelayedStreams } from "../harbor/stream-counts.js";
import type { MethodLimitStatus } from "../rpc/method-limit-options.js";
import type { SessionStatus } from "../stream/session-status.js";
import type { OwnCertificate } from "../transport/tls-credentials.js";
import type { StreamTotals } from "./stream-totals.js";
import type { Traffic } from "./traffic.js";

export type { NodePhase };

export interface LinkStatus {
  readonly peer: AddressText;
  /**
   * `waiting`: until the next dial after a failed one; `settling`: connected, and messages wait until the peer has read those that were sent
   * over an earlier connection; `draining`: finishes what has begun, takes nothing new.
   */
  readonly phase: "idle" | "dialing" | "settling" | "ready" | "waiting" | "draining" | "closed";
  /** The peer's network address, where there is a connection. */
  readonly remote: string | undefined;
  /** Milliseconds for a ping and its answer, when last asked. */
  readonly rttMs: number | undefined;
  readonly queuedMessages: number;
  readonly queuedBytes: number;
  readonly bufferedBytes: number;
  readonly framesIn: number;
  readonly framesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Why the last dials failed, until one succeeds. */
  readonly lastError: string | undefined;
}

/** What a harbor has relayed since it started, and what it holds now. */
export interface HarborStatus extends RelayCounters {
  readonly streams: RelayedStreams;
}

/** A call that waits for its reply. */
export interface CallInFlight {
  readonly method: string;
  readonly peer: AddressText;
  /** Milliseconds since it was placed. */
  readonly ageMs: number;
  /** Milliseconds until its deadline. */
  readonly remainingMs: number;
}

/** One session of streams with a peer, in numbers. */
export interface StreamSessionStatus extends SessionStatus {
  readonly peer: AddressText;
}

export interface NodeStatus {
  readonly address: AddressText;
  readonly phase: NodePhase;
  /** When this was so, in milliseconds of the node's own clock, which never goes back: what counters grew by, over what this grew by, is a rate. */
  readonly atMs: number;
  /** Milliseconds since the node was up; 0 before. */
  readonly uptimeMs: number;
  /** This library and its version. */
  readonly software: string;
  /** Whether discovery lets others pick this node; `undefined` while discovery does not list it. */
  readonly available: boolean | undefined;
  /** What it reported last. */
  readonly load: number | undefined;
  /** Where this node listens, once it does. */
  readonly endpoint: string | undefined;
  readonly incarnation: bigint;
  readonly links: readonly LinkStatus[];
  /** Sessions of streams; with one peer there may be several. */
  readonly sessions: readonly StreamSessionStatus[];
  /** Streams that are open, over all of them. */
  readonly streams: number;
  /** What has come of streams since the node was made. */
  readonly streamTotals: StreamTotals;
  /** Tools without an address that are connected. */
  readonly anonymousPeers: number;
  /** Over all connections, those too that are gone. */
  readonly traffic: Traffic;
  readonly callsInFlight: number;
  /** Those that have waited longest, the oldest first, at most 16. */
  readonly oldestCalls: readonly CallInFlight[];
  /** Requests whose answer somebody waits for. */
  readonly requestsInProgress: number;
  /** Handlers that have not settled: those of requests that were cancelled or are overdue, too. The limits count these. */
  readonly handlersRunning: number;
  /** Methods that have a limit, by their full names. */
  readonly limits: Readonly<Record<string, MethodLimitStatus>>;
  readonly members: number;
  /** Requests that have come, and of these those that no handler was called for. */
  readonly requests: number;
  readonly requestsRefused: number;
  /** Results that came when nobody waited for them any more. */
  readonly lateReplies: number;
  /** One-way messages that have come; that no handler took; whose handler failed. */
  readonly oneWays: number;
  readonly oneWaysDropped: number;
  readonly oneWaysFailed: number;
  /** Messages from other groups that were not taken: they came over one harbor behind later ones of their sender over another. */
  readonly lateMessages: number;
  /** Connections that were cut because their peer named a sender or a receiver that it must not name. */
  readonly forgedFrames: number;
  /** What this harbor relays; `undefined` for other nodes. */
  readonly harbor: HarborStatus | undefined;
  /** How often something was over a limit, by the option's name; docs/limits.md. */
  readonly limitHits: Readonly<Partial<Record<LimitName, number>>>;
  /** Connections that were refused, by reason. */
  readonly refusals: Readonly<Record<string, number>>;
  /** The certificate that this node presents now; `undefined` without the option `tls`, and in what a node tells others. */
  readonly certificate?: OwnCertificate | undefined;
}
