/** TLS 1.3 over TCP. */
import { createServer } from "node:net";
import type { Endpoint } from "../addr/endpoint.js";
import type { Clock } from "../internal/clock.js";
import { systemClock } from "../internal/system-clock.js";
import { type ListenerErrorHandler, openListener } from "./socket-listener.js";
import { dialSocket, type Lookup, systemLookup } from "./tcp-dial.js";
import { TlsAcceptor } from "./tls-acceptor.js";
import { TlsConnection, type TlsConnectionEnvironment } from "./tls-connection.js";
import type { TlsCredentials } from "./tls-credentials.js";
import { TlsDialer } from "./tls-dialer.js";
import type { TlsError } from "./tls-error.js";
import type { Connection, Listener, Transport } from "./transport.js";

export interface TlsTransportOptions {
  /** Looks host names up, at each dial anew. Default: the system's resolver, /etc/hosts included. */
  lookup?: Lookup | undefined;
  /** Told of errors while accepting, such as EMFILE; the listener goes on. Default: `process.emitWarning`. */
  onListenerError?: ListenerErrorHandler | undefined;
  /** Paces the attempts at a name with several addresses, and parts with refused peers. Default: real time. */
  clock?: Clock | undefined;
  /** What a refused peer is told before the connection ends; see {@link TlsConnectionEnvironment}. Default: nothing. */
  refusal?: ((error: TlsError, said: Uint8Array | undefined) => Uint8Array) | undefined;
}

/**
 * Connections over TLS. Nothing is delivered of a peer that is not believed, and nothing leaves for it but last words;
 * `onClose` says why, with a {@link TlsError}. The handshake begins with the first handler.
 */
export class TlsTransport implements Transport {
  readonly #lookup: Lookup;
  readonly #onListenerError: ListenerErrorHandler;
  readonly #env: TlsConnectionEnvironment;
  #credentials: TlsCredentials;
  /** Made with the first listener: who only dials, needs none. */
  #acceptor: TlsAcceptor | undefined;
  #dialer: TlsDialer;

  constructor(credentials: TlsCredentials, options: TlsTransportOptions = {}) {
    this.#lookup = options.lookup ?? systemLookup;
    this.#onListenerError = options.onListenerError ?? ((error) => process.emitWarning(error));
    this.#env = { clock: options.clock ?? systemClock, refusal: options.refusal ?? (() => new Uint8Array(0)) };
    this.#credentials = credentials;
    this.#dialer = new TlsDialer(credentials);
  }

  get credentials(): TlsCredentials {
    return this.#credentials;
  }

  /** From now on: connections that stand, and handshakes under way, go on with the ones they began with. */
  replace(credentials: TlsCredentials): void {
    // Both are made before one is replaced: what OpenSSL does not take changes nothing.
    const acceptor = this.#acceptor && new TlsAcceptor(credentials);
    const dialer = new TlsDialer(credentials);
    this.#credentials = credentials;
    this.#acceptor = acceptor;
    this.#dialer = dialer;
  }

  /**
   * Dials every address that the host has until one answers. There is no timeout of its own: the signal ends it.
   *
   * @throws Error with the system's `code`, its message listing each address tried; the signal's reason when aborted.
   */
  async dial(endpoint: Endpoint, signal: AbortSignal): Promise<Connection> {
    const raw = await dialSocket(endpoint, this.#lookup, this.#env.clock, signal);
    return new TlsConnection(raw, (socket, done) => this.#dialer.secure(socket, endpoint.host, done), this.#env);
  }

  /** @throws Error with the system's `code` (EADDRINUSE, EACCES, EADDRNOTAVAIL, ...); it is not tried again. */
  listen(endpoint: Endpoint, onConnection: (connection: Connection) => void): Promise<Listener> {
    this.#acceptor ??= new TlsAcceptor(this.#credentials);
    const server = createServer({ pauseOnConnect: true }, (raw) => {
      // Reset by the peer before it was accepted: without an address nothing can be said of it.
      if (raw.remoteAddress === undefined) raw.destroy();
      else onConnection(new TlsConnection(raw, (socket, done) => this.#acceptor!.secure(socket, done), this.#env));
    });
    return openListener(server, endpoint, this.#onListenerError);
  }
}
