/** What a node is doing, as one snapshot for people and metrics. */
import type { AddressText } from "../addr/logical-address.js";
import type { RelayCounters } from "../harbor/relay-counts.js";
import type { MethodLimitStatus } from "../rpc/method-limit-options.js";

export interface LinkStatus {
  readonly peer: AddressText;
  /** `waiting`: until the next dial after a failed one; `draining`: finishes what has begun, takes nothing new. */
  readonly phase: "idle" | "dialing" | "ready" | "waiting" | "draining" | "closed";
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
export type HarborStatus = RelayCounters;

export type NodePhase = "new" | "starting" | "running" | "closing" | "closed";

export interface NodeStatus {
  readonly address: AddressText;
  readonly phase: NodePhase;
  /** Where this node listens, once it does. */
  readonly endpoint: string | undefined;
  readonly incarnation: bigint;
  readonly links: readonly LinkStatus[];
  /** Tools without an address that are connected. */
  readonly anonymousPeers: number;
  readonly callsInFlight: number;
  /** Requests whose answer somebody waits for. */
  readonly requestsInProgress: number;
  /** Handlers that have not settled: those of requests that were cancelled or are overdue, too. The limits count these. */
  readonly handlersRunning: number;
  /** Methods that have a limit, by their full names. */
  readonly limits: Readonly<Record<string, MethodLimitStatus>>;
  readonly members: number;
  /** One-way messages that no handler took. */
  readonly oneWaysDropped: number;
  /** Messages from other groups that were not taken: they came over one harbor behind later ones of their sender over another. */
  readonly lateMessages: number;
  /** Connections that were cut because their peer named a sender or a receiver that it must not name. */
  readonly forgedFrames: number;
  /** What this harbor relays; `undefined` for other nodes. */
  readonly harbor: HarborStatus | undefined;
  /** Connections that were refused, by reason. */
  readonly refusals: Readonly<Record<string, number>>;
}
