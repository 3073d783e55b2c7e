/** Takes TCP connections, with or without TLS, and bounds those whose handshake is not done. */
import { createServer, type Server, type Socket } from "node:net";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import type { Endpoint } from "../../addr/endpoint.js";
import type { Clock } from "../../internal/clock.js";
import { describeCause } from "../../internal/describe-cause.js";
import { resetSocket } from "../../internal/reset-socket.js";
import { bind } from "./bind.js";
import type { ListenTlsOptions } from "./listen-tls-options.js";
import { plainAddress } from "./listener.js";
import { type OpeningLimits, Openings } from "./openings.js";
import type { Refusals } from "./refusals.js";
import { Turnstile } from "./turnstile.js";

export interface AcceptorOptions extends OpeningLimits {
  readonly host: string | undefined;
  readonly port: number;
  readonly backlog: number;
  readonly tls: ListenTlsOptions | undefined;
  readonly keepaliveMs: number | false;
  readonly highWaterMark: number;
  readonly clock: Clock;
}

/** A connection that has come. */
export interface Accepted {
  /** What carries the client's bytes. */
  readonly socket: Socket;
  /** The connection below TLS; the same as `socket` where there is none. */
  readonly raw: Socket;
  readonly remoteAddress: string;
  readonly remotePort: number;
}

export interface AcceptorHandler {
  /** False: the connection is reset before any handshake. */
  admit(remoteAddress: string): boolean;
  onAccepted(accepted: Accepted): void;
}

export class SocketAcceptor {
  readonly #options: AcceptorOptions;
  readonly #handler: AcceptorHandler;
  readonly #refusals: Refusals;
  readonly #server: Server;
  readonly #turnstile: Turnstile<Socket>;
  readonly #handshakes: Openings<Accepted>;
  readonly #sockets = new Set<Socket>();
  #context: SecureContext | undefined;
  #whenEmpty: (() => void)[] = [];

  /** @throws Error of OpenSSL when the certificate or its key cannot be used. */
  constructor(options: AcceptorOptions, refusals: Refusals, handler: AcceptorHandler) {
    this.#options = options;
    this.#refusals = refusals;
    this.#handler = handler;
    this.#context = options.tls && contextOf(options.tls);
    this.#handshakes = new Openings(options, options.clock, ({ raw, remoteAddress }, fault) => {
      raw.destroy();
      refusals.add(fault, remoteAddress, "its TLS handshake was not done");
    });
    const { keepaliveMs, highWaterMark, backlog, clock } = options;
    const accept = (raw: Socket): void => this.#accept(raw);
    this.#turnstile = new Turnstile(backlog, clock, accept, (raw) => {
      resetSocket(raw);
      refusals.add("burst", "", "too many came at once");
    });
    this.#server = createServer(
      {
        allowHalfOpen: true,
        noDelay: true,
        keepAlive: keepaliveMs !== false,
        keepAliveInitialDelay: keepaliveMs === false ? 0 : keepaliveMs,
        highWaterMark,
        pauseOnConnect: options.tls !== undefined,
      },
      (raw) => {
        raw.on("error", ignore); // whoever takes the socket hears of it as well
        this.#turnstile.enter(raw);
      },
    );
  }

  /** Connections at present, handshakes included. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** @throws Error with the system's `code`. */
  async open(): Promise<Endpoint> {
    const { host, port, backlog } = this.#options;
    return bind(this.#server, { host, port, backlog }, (error) => this.#refusals.add("acceptFailed", "", describeCause(error)));
  }

  /** For connections that come from now on. @throws as the constructor. */
  setTls(tls: ListenTlsOptions): void {
    this.#context = contextOf(tls);
  }

  /** Accepts no more. Connections that are there stay; those in their handshake end. */
  stop(): void {
    if (this.#server.listening) this.#server.close();
    for (const raw of this.#turnstile.clear()) resetSocket(raw);
    for (const { raw } of this.#handshakes.clear()) raw.destroy();
  }

  /** Resolves when no connection is left. */
  empty(): Promise<void> {
    if (this.#sockets.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  destroy(): void {
    this.stop();
    for (const raw of this.#sockets) {
      // Node.js 20 crashes when it resets a connection that TLS has wrapped.
      if (this.#context === undefined) resetSocket(raw);
      else raw.destroy();
    }
  }

  #accept(raw: Socket): void {
    const { remoteAddress: shown, remotePort } = raw;
    if (shown === undefined || remotePort === undefined) {
      raw.destroy();
      this.#refusals.add("handshakeFailed", "", "it was gone before it was looked at");
      return;
    }
    const remoteAddress = plainAddress(shown);
    if (!this.#handler.admit(remoteAddress)) {
      resetSocket(raw);
      return;
    }
    this.#sockets.add(raw);
    raw.once("close", () => this.#leave(raw));
    if (this.#context === undefined) this.#handler.onAccepted({ socket: raw, raw, remoteAddress, remotePort });
    else this.#secure(this.#context, raw, remoteAddress, remotePort);
  }

  #secure(secureContext: SecureContext, raw: Socket, remoteAddress: string, remotePort: number): void {
    const socket = new TLSSocket(raw, { isServer: true, secureContext });
    const accepted: Accepted = { socket, raw, remoteAddress, remotePort };
    this.#handshakes.add(accepted);
    const onFailed = (error?: Error): void => {
      if (!this.#handshakes.settle(accepted)) return;
      raw.destroy();
      this.#refusals.add("handshakeFailed", remoteAddress, error === undefined ? "it broke off" : describeCause(error));
    };
    socket.on("error", onFailed);
    raw.once("close", () => onFailed());
    socket.once("secure", () => {
      if (this.#handshakes.settle(accepted)) this.#handler.onAccepted(accepted);
    });
  }

  #leave(raw: Socket): void {
    this.#sockets.delete(raw);
    if (this.#sockets.size > 0) return;
    const waiting = this.#whenEmpty;
    this.#whenEmpty = [];
    for (const resolve of waiting) resolve();
  }
}

function ignore(): void {}

function contextOf({ cert, key, passphrase }: ListenTlsOptions): SecureContext {
  const pem = (value: string | Uint8Array): string | Buffer => (typeof value === "string" ? value : Buffer.from(value));
  return createSecureContext({ cert: pem(cert), key: pem(key), ...(passphrase !== undefined && { passphrase }), minVersion: "TLSv1.2" });
}
