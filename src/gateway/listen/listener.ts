/** What every listener offers: clients as Node.js streams, whatever they came over. */
import type { Duplex } from "node:stream";
import type { Endpoint } from "../../addr/endpoint.js";

/** Where a client comes from. */
export interface Client {
  /** Its IP address; one of IPv4 as such, never `::ffff:10.0.1.7`. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** `"tcp"`, `"tls"`, `"websocket"`, `"kcp"`, or the word of a listener of your own. */
  readonly transport: string;
  /** Those of the HTTP request that opened it, names in lower case; empty where there was none. */
  readonly headers: Readonly<Record<string, string>>;
  /** Path and query of that request, such as `"/game?room=7"`; `""` where there was none. */
  readonly url: string;
}

/**
 * A client and its bytes. Whoever takes it must listen for `"error"` on `stream`; an error with `isFault: true` says that the
 * client broke the protocol of its transport, or sent more at once than is taken.
 */
export interface ClientConnection extends Client {
  readonly stream: Duplex;
  /**
   * Ends it out of order: what has not been sent is dropped, and the client notices that this was no end. WebSockets are
   * told why, behind what was written; TCP and KCP know only a reset. Without a goodbye it is cut. `stream` emits `"close"`
   * when the connection is gone.
   */
  abort(goodbye: Goodbye | undefined): void;
}

/** Why a connection is ended, as WebSockets are told. */
export interface Goodbye {
  /** A WebSocket close code; the application's own are 4000 to 4999. */
  readonly code: number;
  /** 123 bytes of UTF-8 at most; what is longer is cut. */
  readonly text: string;
}

/** Why a connection never became a client. */
export type ListenRefusal =
  /** The handshake of TLS or HTTP took longer than `handshakeTimeoutMs`. */
  | "handshakeTimeout"
  /** More than `maxHandshakes` were going on, and this was the oldest. */
  | "handshakeEvicted"
  /** What came was no such handshake, or the connection broke off. */
  | "handshakeFailed"
  /** An HTTP request for another path, or one that is no WebSocket's. */
  | "notFound"
  /** A page of another origin. */
  | "origin"
  /** So many came at once that not even a refusal could be waited for. */
  | "burst"
  /** The system could not accept a connection (too many open files, ...). */
  | "acceptFailed"
  /** KCP's own limits: sessions in all, from one host, or whose peer has not proved its address. */
  | "kcpSessions"
  | "kcpPerHost"
  | "kcpUnproven";

/** What `bufferBytes` is where nobody says. */
export const DEFAULT_BUFFER_BYTES = 64 * 1024;

export type ClientHandler = (client: ClientConnection) => void;

export interface ListenOptions {
  /** Asked before work is spent on a connection from `remoteAddress`; a goodbye refuses it. Default: all are let in. */
  admit?: ((remoteAddress: string) => Goodbye | undefined) | undefined;
  /** Told of connections that never became clients, those excepted that `admit` has refused. */
  onRefused?: ((cause: ListenRefusal, remoteAddress: string, reason: string) => void) | undefined;
  /** Bytes written to a client and not sent from which on `write()` gives false. Default 65,536. KCP: its send window instead. */
  bufferBytes?: number | undefined;
}

/** Takes clients of one kind. Made by `tcp()`, `websocket()`, `kcp()`; nothing is opened before `listen()`. */
export interface Listener {
  readonly transport: string;
  /** `"message"`: the streams are in object mode, and each `Uint8Array` is one message. */
  readonly mode: "stream" | "message";
  /**
   * Opens the port. `onClient` runs in the turn in which the client is there.
   *
   * @throws Error with the system's `code` (EADDRINUSE, EACCES, ...).
   */
  listen(onClient: ClientHandler, options?: ListenOptions): Promise<Listening>;
}

/** A port that is open. `await using` closes it. */
export interface Listening extends AsyncDisposable {
  readonly transport: string;
  /** Where it listens; the real port when 0 was asked for. */
  readonly endpoint: Endpoint;
  /** Clients at present. */
  readonly clients: number;
  /** Connections that never became clients, by cause; those that are not named: none. */
  readonly refused: Readonly<Partial<Record<ListenRefusal, number>>>;
  /** What this kind of listener counts besides; KCP: datagrams, and what became of them. */
  readonly counters?: Readonly<Record<string, number>> | undefined;
  /** Takes no new clients from now on; resolves when those that are there have gone. After `timeoutMs`, default 10,000, they are cut. */
  close(options?: { timeoutMs?: number | undefined }): Promise<void>;
  /** Cuts all clients at once, and closes the port. */
  destroy(): void;
}

/** An address of IPv4 that a socket for both families shows as one of IPv6, as it is. */
export function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice("::ffff:".length) : address;
}
