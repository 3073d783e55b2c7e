/** Clients over TCP, and over TLS. */

import type { Socket } from "node:net";
import { z } from "zod/v3";
import type { Endpoint } from "../../addr/endpoint.js";
import type { Clock } from "../../internal/clock.js";
import { resetSocket } from "../../internal/reset-socket.js";
import { systemClock } from "../../internal/system-clock.js";
import { closeWithin } from "./close-within.js";
import type { ListenTlsOptions } from "./listen-tls-options.js";
import {
  type ClientConnection,
  type ClientHandler,
  DEFAULT_BUFFER_BYTES,
  type Listener,
  type Listening,
  type ListenOptions,
  type ListenRefusal,
} from "./listener.js";
import { checked, count, host, ms, msOrNever, port, tls } from "./options.js";
import { Refusals } from "./refusals.js";
import { type Accepted, SocketAcceptor } from "./socket-acceptor.js";

export interface TcpListenOptions {
  /** 0 takes a free one. */
  port: number;
  /** Name or address of this machine. Default: all of its addresses. */
  host?: string | undefined;
  /** TLS 1.2 and 1.3 with this certificate. Default: plain TCP. */
  tls?: ListenTlsOptions | undefined;
  /** Milliseconds that a TLS handshake may take. Default 10,000. */
  handshakeTimeoutMs?: number | undefined;
  /** TLS handshakes at once; past it the oldest is cut. Default 4,096. */
  maxHandshakes?: number | undefined;
  /** Milliseconds without a byte after which the system asks whether the other end is still there. Default 30,000; `false`: never. */
  keepaliveMs?: number | false | undefined;
  /** Connections that the system may hold until they are accepted (it has a bound of its own: net.core.somaxconn), and as many again that wait here while others are let in. Default 4,096. */
  backlog?: number | undefined;
  /** Time; a virtual one in tests. */
  clock?: Clock | undefined;
}

export interface TcpListener extends Listener {
  /** Takes another certificate, for connections that come from now on. @throws Error of OpenSSL when it cannot be used. */
  setTls(options: ListenTlsOptions): void;
}

const tcpOptions = z
  .object({
    port,
    host,
    tls,
    handshakeTimeoutMs: ms(10_000),
    maxHandshakes: count(4_096),
    keepaliveMs: msOrNever(30_000),
    backlog: count(4_096),
    clock: z.custom<Clock>().default(systemClock),
  })
  .strict();

/** @throws InvalidOptionsError listing every fault. */
export function tcp(options: TcpListenOptions): TcpListener {
  return new TcpPort(checked("options of a TCP listener", tcpOptions, options));
}

class TcpPort implements TcpListener {
  readonly mode = "stream";
  readonly #options: z.output<typeof tcpOptions>;
  readonly #open = new Set<SocketAcceptor>();
  #tls: ListenTlsOptions | undefined;

  constructor(options: z.output<typeof tcpOptions>) {
    this.#options = options;
    this.#tls = options.tls;
  }

  get transport(): string {
    return this.#tls === undefined ? "tcp" : "tls";
  }

  setTls(options: ListenTlsOptions): void {
    if (this.#tls === undefined) throw new Error("this listener takes plain TCP: make it with the option tls");
    for (const acceptor of this.#open) acceptor.setTls(options);
    this.#tls = options;
  }

  async listen(onClient: ClientHandler, options: ListenOptions = {}): Promise<Listening> {
    const { transport } = this;
    const refusals = new Refusals(options.onRefused);
    const settings = {
      ...this.#options,
      host: this.#options.host,
      tls: this.#tls,
      highWaterMark: options.bufferBytes ?? DEFAULT_BUFFER_BYTES,
    };
    const acceptor = new SocketAcceptor(settings, refusals, {
      admit: (remoteAddress) => options.admit?.(remoteAddress) === undefined,
      onAccepted: (accepted) => onClient(new SocketClient(accepted, transport)),
    });
    const endpoint = await acceptor.open();
    this.#open.add(acceptor);
    return new TcpListening(transport, endpoint, acceptor, refusals, () => this.#open.delete(acceptor));
  }
}

class TcpListening implements Listening {
  readonly transport: string;
  readonly endpoint: Endpoint;
  readonly #acceptor: SocketAcceptor;
  readonly #refusals: Refusals;
  readonly #onStopped: () => void;

  constructor(transport: string, endpoint: Endpoint, acceptor: SocketAcceptor, refusals: Refusals, onStopped: () => void) {
    this.transport = transport;
    this.endpoint = endpoint;
    this.#acceptor = acceptor;
    this.#refusals = refusals;
    this.#onStopped = onStopped;
  }

  get clients(): number {
    return this.#acceptor.connections;
  }

  get refused(): Readonly<Partial<Record<ListenRefusal, number>>> {
    return this.#refusals.counts;
  }

  async close({ timeoutMs }: { timeoutMs?: number | undefined } = {}): Promise<void> {
    this.#acceptor.stop();
    this.#onStopped();
    await closeWithin(this.#acceptor.empty(), timeoutMs, () => this.destroy());
  }

  destroy(): void {
    this.#acceptor.destroy();
    this.#onStopped();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

class SocketClient implements ClientConnection {
  readonly stream: Socket;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly transport: string;
  readonly headers = NO_HEADERS;
  readonly url = "";
  readonly #raw: Socket;

  constructor({ socket, raw, remoteAddress, remotePort }: Accepted, transport: string) {
    this.stream = socket;
    this.#raw = raw;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.transport = transport;
  }

  /** No reader takes this for an end. */
  abort(): void {
    if (this.#raw === this.stream) {
      resetSocket(this.#raw);
      return;
    }
    // Node.js 20 crashes when it resets a connection that TLS has wrapped, and its clients take the bare end of one for an end.
    if (!this.#raw.destroyed) this.#raw.write(BROKEN_RECORD);
    this.stream.destroy();
  }
}

/** A fatal alert that is not encrypted: within a TLS connection an error. */
const BROKEN_RECORD = Uint8Array.of(21, 3, 3, 0, 2, 2, 80);
const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});
