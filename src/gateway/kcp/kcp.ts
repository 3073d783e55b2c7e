/** Clients over KCP (docs/kcp.md). */
import { type Endpoint, formatEndpoint, parseEndpoint } from "../../addr/endpoint.js";
import { type KcpListener, type KcpListenOptions, type KcpSession, listenKcp } from "../../kcp/index.js";
import {
  type ClientConnection,
  type ClientHandler,
  type Listener,
  type Listening,
  type ListenOptions,
  type ListenRefusal,
  plainAddress,
} from "../listen/listener.js";

/** Those of `KcpListenOptions`, with a port as other listeners have it. */
export interface KcpListenerOptions extends Omit<KcpListenOptions, "listen"> {
  /** 0 takes a free one. */
  port: number;
  /** Name or address of this machine. Default `"0.0.0.0"`: all of its addresses, IPv4. */
  host?: string | undefined;
  /** Sessions at once from one IPv4 address or one IPv6 network of 64 bits. Default here 1,024, as gateways have it. */
  maxSessionsPerHost?: number | undefined;
}

/** KCP sessions as clients of a gateway. Wrong options throw InvalidOptionsError when it listens. */
export function kcp(options: KcpListenerOptions): Listener {
  return new KcpPort(options);
}

class KcpPort implements Listener {
  readonly transport = "kcp";
  readonly mode: "stream" | "message";
  readonly #options: KcpListenOptions;

  constructor({ port, host = "0.0.0.0", ...options }: KcpListenerOptions) {
    this.mode = options.mode ?? "stream";
    this.#options = { maxSessionsPerHost: 1_024, ...options, listen: formatEndpoint({ host, port }) };
  }

  async listen(onClient: ClientHandler, { admit }: ListenOptions = {}): Promise<Listening> {
    const listener = await listenKcp(this.#options, (session) => {
      const client = new KcpClient(session);
      if (admit?.(client.remoteAddress) === undefined) return onClient(client);
      session.on("error", ignore); // it is refused, whatever becomes of it
      session.destroy();
    });
    return new KcpListening(listener);
  }
}

class KcpListening implements Listening {
  readonly transport = "kcp";
  readonly endpoint: Endpoint;
  readonly #listener: KcpListener;

  constructor(listener: KcpListener) {
    this.#listener = listener;
    this.endpoint = listener.endpoint;
  }

  get clients(): number {
    return this.#listener.sessions;
  }

  get refused(): Readonly<Partial<Record<ListenRefusal, number>>> {
    const { refusedSessions, refusedPerHost, refusedUnproven } = this.#listener.counters;
    const all = { kcpSessions: refusedSessions, kcpPerHost: refusedPerHost, kcpUnproven: refusedUnproven };
    return Object.fromEntries(Object.entries(all).filter(([, count]) => count > 0));
  }

  get counters(): Readonly<Record<string, number>> {
    const { counters, unprovenSessions, receiveBufferBytes } = this.#listener;
    return { ...counters, unprovenSessions, receiveBufferBytes };
  }

  async close(options?: { timeoutMs?: number | undefined }): Promise<void> {
    await this.#listener.close(options);
  }

  destroy(): void {
    this.#listener.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

class KcpClient implements ClientConnection {
  readonly transport = "kcp";
  readonly stream: KcpSession;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly headers = NO_HEADERS;
  readonly url = "";

  constructor(session: KcpSession) {
    const { host, port } = parseEndpoint(session.remote);
    this.stream = session;
    this.remoteAddress = plainAddress(host);
    this.remotePort = port;
  }

  /** The other end fails with RESET. */
  abort(): void {
    this.stream.destroy();
  }
}

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

function ignore(): void {}
