/** Why a client's connection was over, and how it is told. */
import type { Goodbye } from "./listen/listener.js";

/** Each has its counter in `gateway.status()`. */
export type CloseCause =
  /** Both sides ended what they had to say. */
  | "ended"
  /** The client left in order and could not be answered any more (WebSockets know no half-close). */
  | "clientLeft"
  /** The client's connection was reset or lost. */
  | "clientLost"
  /** The client broke the protocol of its transport, or a limit of it: a WebSocket message that is too large, compressed, malformed. */
  | "clientFault"
  /** `accept()` said no. */
  | "refused"
  /** `accept()` has thrown, or took too long. */
  | "acceptFailed"
  /** No stream to a backend could be opened. */
  | "noBackend"
  /** The backend reset the stream, or is gone. */
  | "backendLost"
  /** Nothing went either way for `idleTimeoutMs`. */
  | "idle"
  /** The client did not say anything for `firstByteTimeoutMs`. */
  | "silent"
  /** The client read nothing of what waits for it for `stallTimeoutMs`. */
  | "stalled"
  /** The gateway was closed. */
  | "closing";

/** Why a connection was not taken. */
export type RefusalCause = "maxClients" | "maxClientsPerAddress" | "closing";

/** What WebSockets are told. Nothing here says what the inside looks like. */
const GOODBYES: Readonly<Record<CloseCause | RefusalCause, Goodbye>> = {
  ended: { code: 1000, text: "" },
  clientLeft: { code: 1000, text: "" },
  clientLost: { code: 1000, text: "" },
  clientFault: { code: 1002, text: "" },
  refused: { code: 1008, text: "refused" },
  acceptFailed: { code: 1011, text: "the gateway failed" },
  noBackend: { code: 1013, text: "no server is available" },
  backendLost: { code: 1014, text: "the server is gone" },
  idle: { code: 1008, text: "idle for too long" },
  silent: { code: 1008, text: "nothing was said" },
  stalled: { code: 1008, text: "nothing was read" },
  closing: { code: 1001, text: "the gateway is closing" },
  maxClients: { code: 1013, text: "the gateway is full" },
  maxClientsPerAddress: { code: 1013, text: "too many connections from this address" },
};

export function goodbyeFor(cause: CloseCause | RefusalCause): Goodbye {
  return GOODBYES[cause];
}

/** A counter for each cause, all of them 0. */
export function newCloseCounts(): Record<CloseCause, number> {
  return {
    ended: 0,
    clientLeft: 0,
    clientLost: 0,
    clientFault: 0,
    refused: 0,
    acceptFailed: 0,
    noBackend: 0,
    backendLost: 0,
    idle: 0,
    silent: 0,
    stalled: 0,
    closing: 0,
  };
}

export function newRefusalCounts(): Record<RefusalCause, number> {
  return { maxClients: 0, maxClientsPerAddress: 0, closing: 0 };
}
