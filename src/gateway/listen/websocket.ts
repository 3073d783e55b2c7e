/** Clients over WebSockets, on a port of their own or on an HTTP server that is there. */
import type { IncomingMessage, Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { Endpoint } from "../../addr/endpoint.js";
import { closeWithin } from "./close-within.js";
import type { ListenTlsOptions } from "./listen-tls-options.js";
import {
  type ClientHandler,
  DEFAULT_BUFFER_BYTES,
  type Listener,
  type Listening,
  type ListenOptions,
  type ListenRefusal,
} from "./listener.js";
import { Refusals } from "./refusals.js";
import { loadWebSockets } from "./websocket-library.js";
import { type ResolvedWebSocketOptions, resolveWebSocketOptions, type WebSocketListenOptions } from "./websocket-options.js";
import { WebSocketPort } from "./websocket-port.js";
import { WebSocketUpgrades } from "./websocket-upgrades.js";

export interface WebSocketListener extends Listener {
  /** Takes another certificate, for connections that come from now on. @throws Error of OpenSSL when it cannot be used. */
  setTls(options: ListenTlsOptions): void;
}

/**
 * WebSockets. Messages are not compressed, so that nobody can send a bomb. Needs the package `ws`.
 *
 * @throws InvalidOptionsError listing every fault.
 */
export function websocket(options: WebSocketListenOptions): WebSocketListener {
  return new WebSocketPlace(resolveWebSocketOptions(options));
}

class WebSocketPlace implements WebSocketListener {
  readonly transport = "websocket";
  readonly mode: "stream" | "message";
  readonly #options: ResolvedWebSocketOptions;
  readonly #ports = new Set<WebSocketPort>();
  #tls: ListenTlsOptions | undefined;

  constructor(options: ResolvedWebSocketOptions) {
    this.#options = options;
    this.#tls = options.tls;
    this.mode = options.mode;
  }

  setTls(options: ListenTlsOptions): void {
    if (this.#tls === undefined) throw new Error("this listener takes plain TCP: make it with the option tls");
    for (const port of this.#ports) port.acceptor.setTls(options);
    this.#tls = options;
  }

  async listen(onClient: ClientHandler, listenOptions: ListenOptions = {}): Promise<Listening> {
    const library = await loadWebSockets();
    const { server, port } = this.#options;
    const refusals = new Refusals(listenOptions.onRefused);
    const upgrades = new WebSocketUpgrades(
      library,
      { ...this.#options, bufferBytes: listenOptions.bufferBytes ?? DEFAULT_BUFFER_BYTES, admit: listenOptions.admit },
      refusals,
      onClient,
    );
    if (server !== undefined) return new WebSocketListening(upgrades, refusals, onServer(server, upgrades));
    const own = new WebSocketPort({ ...this.#options, port: port ?? 0, tls: this.#tls }, upgrades, refusals);
    const endpoint = await own.open();
    this.#ports.add(own);
    const stop = (): void => {
      this.#ports.delete(own);
      own.stop();
    };
    return new WebSocketListening(upgrades, refusals, { endpoint: () => endpoint, stop });
  }
}

/** Where requests come from. */
interface Source {
  endpoint(): Endpoint;
  /** No more of them. */
  stop(): void;
}

function onServer(server: Server, upgrades: WebSocketUpgrades): Source {
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // Another path may be another listener's.
    if (upgrades.isFor(request) || server.listenerCount("upgrade") === 1) upgrades.take(request, socket, head);
  };
  server.on("upgrade", onUpgrade);
  return {
    endpoint() {
      const bound = server.address() as AddressInfo | null;
      return bound === null ? { host: "", port: 0 } : { host: bound.address, port: bound.port };
    },
    stop: () => void server.off("upgrade", onUpgrade),
  };
}

class WebSocketListening implements Listening {
  readonly transport = "websocket";
  readonly #upgrades: WebSocketUpgrades;
  readonly #refusals: Refusals;
  readonly #source: Source;

  constructor(upgrades: WebSocketUpgrades, refusals: Refusals, source: Source) {
    this.#upgrades = upgrades;
    this.#refusals = refusals;
    this.#source = source;
  }

  get endpoint(): Endpoint {
    return this.#source.endpoint();
  }

  get clients(): number {
    return this.#upgrades.clients;
  }

  get refused(): Readonly<Partial<Record<ListenRefusal, number>>> {
    return this.#refusals.counts;
  }

  async close({ timeoutMs }: { timeoutMs?: number | undefined } = {}): Promise<void> {
    this.#source.stop();
    this.#upgrades.stop();
    await closeWithin(this.#upgrades.empty(), timeoutMs, () => this.destroy());
  }

  destroy(): void {
    this.#source.stop();
    this.#upgrades.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
