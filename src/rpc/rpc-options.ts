/** Defaults and limits of calls and messages. Checked and filled in by `src/node/options.ts`. */
export interface RpcOptions {
  /** Milliseconds until a call without `timeoutMs` fails with DEADLINE_EXCEEDED. Default 10,000. */
  callTimeoutMs?: number | undefined;
  /** Bytes of one encoded message. The smaller value of both ends counts. Default 4 MiB, at most 64 MiB. */
  maxPayloadBytes?: number | undefined;
  /** Calls of this node that wait for their replies. Past it, calls fail at once. Default 65,536. */
  maxCallsInFlight?: number | undefined;
  /** Requests that handlers of this node work on. Past it, requests are answered RESOURCE_EXHAUSTED. Default 16,384. */
  maxRequests?: number | undefined;
  /** The same for the requests of one peer. Default 8,192. */
  maxRequestsPerPeer?: number | undefined;
  /** Bytes of the payloads of all requests that handlers work on. Default 64 MiB. */
  maxRequestBytes?: number | undefined;
}
