/** What a gateway says about itself. */
import type { AddressText } from "../addr/logical-address.js";
import type { CloseCause, RefusalCause } from "./close-cause.js";
import type { ListenRefusal } from "./listen/listener.js";

export type GatewayPhase = "new" | "starting" | "running" | "closing" | "closed";

export interface ListenerStatus {
  readonly transport: string;
  /** Where it listens. */
  readonly endpoint: string;
  /** Connections that never became clients, by cause. */
  readonly refused: Readonly<Partial<Record<ListenRefusal, number>>>;
  /** What this kind of listener counts besides. KCP: `datagramsIn`, `malformed`, `unknown`, ..., and `receiveBufferBytes`. */
  readonly counters: Readonly<Record<string, number>>;
}

export interface GatewayStatus {
  readonly phase: GatewayPhase;
  /** Clients at present, and the addresses that they come from. */
  readonly clients: number;
  readonly addresses: number;
  /** Those of them that have no backend yet. */
  readonly opening: number;
  /** Clients that were taken, streams that were opened for them, and how often `accept()` was asked again. */
  readonly accepted: number;
  readonly streams: number;
  readonly retries: number;
  /** Bytes from clients, and to them. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Connections that were over a limit. */
  readonly refused: Readonly<Record<RefusalCause, number>>;
  /** Clients that have gone, by cause. */
  readonly closed: Readonly<Record<CloseCause, number>>;
  readonly listeners: readonly ListenerStatus[];
}

export interface GatewayCloseReport {
  /** Clients that had not ended when the time was over. */
  readonly clientsCut: number;
}

export interface ClientStatus {
  /** The same as in events. */
  readonly id: number;
  readonly transport: string;
  readonly remoteAddress: string;
  readonly phase: "accepting" | "opening" | "open" | "leaving" | "closed";
  /** Its backend, once there is one. */
  readonly peer: AddressText | undefined;
  /** Bytes that it has sent, and that were handed to its connection. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Bytes here that wait for it, and that wait for its backend. */
  readonly waitingBytes: number;
  readonly backendWaitingBytes: number;
}
