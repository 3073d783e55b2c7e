/**
 * What the library says over `node:diagnostics_channel`, one channel per kind (docs/events.md). Every event names the node
 * that says it, so that several nodes in one process can be told apart. Nothing is built while nobody listens.
 */
import type { AddressText, LogicalAddress } from "../addr/logical-address.js";
import type { Code, Execution } from "../errors.js";

export type NodePhase = "new" | "starting" | "running" | "closing" | "closed";

/** `clusterts:node`: the life of a node. */
export type NodeEvent =
  | { readonly type: "phase"; readonly node: AddressText; readonly phase: NodePhase; readonly previous: NodePhase }
  /** A newer process has this node's address; this one stops. */
  | { readonly type: "replaced"; readonly node: AddressText; readonly reason: string };

/** `clusterts:link`: connections. `peer` is `"0.0.0"` for tools without an address. */
export type LinkEvent =
  | {
      readonly type: "opened";
      readonly node: AddressText;
      readonly peer: AddressText;
      /** The peer's network address. */
      readonly remote: string;
      /** Which side dialed. */
      readonly dialed: boolean;
      /** What the peer runs, such as `"clusterts 0.1.0"`. */
      readonly software: string;
    }
  | {
      readonly type: "lost";
      readonly node: AddressText;
      readonly peer: AddressText;
      readonly remote: string;
      readonly reason: string;
      /** Milliseconds that it stood. */
      readonly openMs: number;
    }
  | {
      readonly type: "dialFailed";
      readonly node: AddressText;
      readonly peer: AddressText;
      readonly endpoint: string;
      readonly reason: string;
      /** Failures since the messages that wait began to wait. */
      readonly attempts: number;
    }
  /** What waited for the link failed: it is not tried any more. */
  | { readonly type: "gaveUp"; readonly node: AddressText; readonly peer: AddressText; readonly messages: number; readonly reason: string }
  /** The peer takes nothing new. */
  | { readonly type: "draining"; readonly node: AddressText; readonly peer: AddressText; readonly reason: string }
  /** A connection that came in was not taken. `cause` is one of few words, `reason` a line. */
  | {
      readonly type: "refused";
      readonly node: AddressText;
      readonly remote: string;
      readonly cause: string;
      readonly reason: string;
    };

/** What discovery says about a node. */
export interface EventMember {
  readonly address: LogicalAddress;
  readonly endpoint: string;
  readonly export?: boolean | undefined;
  readonly available?: boolean | undefined;
  readonly load?: number | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly version?: string | undefined;
  readonly incarnation?: bigint | undefined;
}

/** `clusterts:member`: what discovery says about others, and about this node itself. */
export interface MemberEvent {
  readonly type: "added" | "updated" | "removed";
  readonly node: AddressText;
  readonly peer: AddressText;
  /** As it is now; a removed one as it was last. */
  readonly member: EventMember;
}

/** `clusterts:discovery`: this node and its store. The same problem is told once, not at each attempt. */
export interface DiscoveryNotice {
  readonly type:
    | "bad-event"
    | "watch-failed"
    | "watch-silent"
    | "watch-recovered"
    | "registration-failed"
    | "registered"
    | "registration-lost"
    | "update-failed"
    | "deregistration-failed"
    | "listener-failed";
  readonly node: AddressText;
  readonly level: "info" | "warn";
  readonly reason: string;
}

export type DropCause = "noHandler" | "limit" | "malformed" | "tooLarge" | "overtaken" | "closed" | "notRelayed";

/** `clusterts:drop`: a one-way message that came and was not handled, or at a harbor not passed on. Nobody waits for it, so only this tells. */
export interface DropEvent {
  readonly type: "dropped";
  readonly node: AddressText;
  readonly peer: AddressText;
  readonly cause: DropCause;
  readonly reason: string;
}

/** The options that bound something, by their names. */
export type LimitName =
  | "rpc.maxPayloadBytes"
  | "rpc.maxCallsInFlight"
  | "rpc.maxRequests"
  | "rpc.maxRequestsPerPeer"
  | "rpc.maxRequestBytes"
  | "link.maxPendingMessages"
  | "link.maxPendingBytes"
  | "link.reachTimeoutMs"
  | "link.highWaterBytes"
  | "link.maxBufferedBytes"
  | "link.slowPeerBytes"
  | "link.maxPartialBytes"
  | "link.maxDialsPerSecond"
  | "link.maxOpenings"
  | "stream.maxStreams"
  | "stream.acceptBacklog"
  | "stream.maxUnreadBytes"
  | "limit.maxConcurrent"
  | "mailbox.maxQueued"
  | "mailbox.maxQueuedTotal"
  | "harbor.maxWaitingBytes"
  | "harbor.maxPairs";

/** `clusterts:limit`: something was over a limit; docs/limits.md says what became of it. */
export interface LimitEvent {
  readonly type: "limit";
  /** `undefined` for mailboxes, which belong to no node. */
  readonly node: AddressText | undefined;
  readonly limit: LimitName;
  readonly peer: AddressText | undefined;
  readonly method: string | undefined;
  readonly reason: string;
}

interface CallFacts {
  readonly node: AddressText;
  /** The same in the start and the end of one call; counts up in this process. */
  readonly id: number;
  /** Full name of the method or message. */
  readonly method: string;
  readonly oneWay: boolean;
}

/** `clusterts:call`: calls, posts and one-way messages of this node, interceptors not included. */
export type CallEvent =
  | (CallFacts & { readonly type: "start" })
  | (CallFacts & {
      readonly type: "end";
      /** Who was called last; `"0.0.0"` when nobody was chosen. */
      readonly peer: AddressText;
      readonly code: "OK" | Code;
      readonly execution: Execution;
      /** For one-way messages, until they were handed to a connection. */
      readonly durationMs: number;
    });

/** `clusterts:handler`: handlers of this node, from their call until they settle, interceptors and limits included. */
export type HandlerEvent =
  | (CallFacts & { readonly type: "start"; readonly peer: AddressText })
  | (CallFacts & { readonly type: "end"; readonly peer: AddressText; readonly code: "OK" | Code; readonly durationMs: number });

export type MessageKind = "request" | "reply" | "error" | "refused" | "cancel" | "post" | "message" | "bytes" | "hopError";

/** `clusterts:message`: every message in and out; `tapMessages()` shows them. */
export interface MessageEvent {
  readonly type: "message";
  readonly node: AddressText;
  /** `"out"`: handed to a link, or to the queue in front of it. */
  readonly direction: "in" | "out";
  readonly kind: MessageKind;
  readonly peer: AddressText;
  /** Full name of the method or message; a hash such as `"#8c3a91f0"` where it is not known here, `""` where the call is not known any more. */
  readonly method: string;
  /** Ties a request, its cancel and its reply together, between the same two nodes. */
  readonly seq: number;
  /** Bytes of the encoded payload, of an error of its whole body. */
  readonly bytes: number;
  /** Decodes the payload; of an error, its code and reason. Only while the event is being published. `undefined` where its type is not known here. Throws what the decoder throws. */
  payload(): unknown;
}

interface ClientFacts {
  readonly node: AddressText;
  /** The same in all events of one client; counts up in one gateway. */
  readonly id: number;
  /** `"tcp"`, `"tls"`, `"websocket"`, `"kcp"`, or the word of a listener of your own. */
  readonly transport: string;
  /** The client's IP address. */
  readonly remote: string;
}

/** `clusterts:gateway`: the clients of gateways. */
export type GatewayEvent =
  /** A client's stream to `peer` is open. */
  | (ClientFacts & { readonly type: "opened"; readonly peer: AddressText })
  | (ClientFacts & {
      readonly type: "closed";
      /** One of few words, those of `gateway.status().closed`; `reason` is a line. */
      readonly cause: string;
      readonly reason: string;
      readonly openMs: number;
      /** From the client, and to it. */
      readonly bytesIn: number;
      readonly bytesOut: number;
    })
  /** A connection that did not become a client. */
  | {
      readonly type: "refused";
      readonly node: AddressText;
      readonly transport: string;
      readonly remote: string;
      readonly cause: string;
      readonly reason: string;
    };

/** Every channel and what it carries. */
export interface Events {
  readonly "clusterts:node": NodeEvent;
  readonly "clusterts:link": LinkEvent;
  readonly "clusterts:member": MemberEvent;
  readonly "clusterts:discovery": DiscoveryNotice;
  readonly "clusterts:drop": DropEvent;
  readonly "clusterts:limit": LimitEvent;
  readonly "clusterts:call": CallEvent;
  readonly "clusterts:handler": HandlerEvent;
  readonly "clusterts:message": MessageEvent;
  readonly "clusterts:gateway": GatewayEvent;
}
