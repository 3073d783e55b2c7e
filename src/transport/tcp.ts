/** Plain TCP. */
import { createServer } from "node:net";
import type { Endpoint } from "../addr/endpoint.js";
import type { Clock } from "../internal/clock.js";
import { systemClock } from "../internal/system-clock.js";
import { type PeerCredentials, SocketConnection } from "./socket-connection.js";
import { type ListenerErrorHandler, openListener } from "./socket-listener.js";
import { dialSocket, type Lookup, systemLookup } from "./tcp-dial.js";
import type { Connection, Listener, Transport } from "./transport.js";

export interface TcpTransportOptions {
  /** Looks host names up, at each dial anew. Default: the system's resolver, /etc/hosts included. */
  lookup?: Lookup | undefined;
  /** Told of errors while accepting, such as EMFILE; the listener goes on. Default: `process.emitWarning`. */
  onListenerError?: ListenerErrorHandler | undefined;
  /** Paces the attempts at a name with several addresses. Default: real time. */
  clock?: Clock | undefined;
}

const ANYBODY: PeerCredentials = { identity: undefined, channelBinding: undefined };

/** Connections over TCP, unencrypted: who the peer is, only the handshake above can tell. */
export class TcpTransport implements Transport {
  readonly #lookup: Lookup;
  readonly #onListenerError: ListenerErrorHandler;
  readonly #clock: Clock;

  constructor(options: TcpTransportOptions = {}) {
    this.#lookup = options.lookup ?? systemLookup;
    this.#onListenerError = options.onListenerError ?? ((error) => process.emitWarning(error));
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Dials every address that the host has until one answers. There is no timeout of its own: the signal ends it.
   *
   * @throws Error with the system's `code`, its message listing each address tried; the signal's reason when aborted.
   */
  async dial(endpoint: Endpoint, signal: AbortSignal): Promise<Connection> {
    return new SocketConnection(await dialSocket(endpoint, this.#lookup, this.#clock, signal), ANYBODY);
  }

  /** @throws Error with the system's `code` (EADDRINUSE, EACCES, EADDRNOTAVAIL, ...); it is not tried again. */
  listen(endpoint: Endpoint, onConnection: (connection: Connection) => void): Promise<Listener> {
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      // Reset by the peer before it was accepted: without an address nothing can be said of it.
      if (socket.remoteAddress === undefined) socket.destroy();
      else onConnection(new SocketConnection(socket, ANYBODY));
    });
    return openListener(server, endpoint, this.#onListenerError);
  }
}
