/** A port that takes WebSockets only: connections are bounded until they have asked for one. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Socket } from "node:net";
import type { Endpoint } from "../../addr/endpoint.js";
import type { ListenTlsOptions } from "./listen-tls-options.js";
import { Openings } from "./openings.js";
import type { Refusals } from "./refusals.js";
import { type Accepted, SocketAcceptor } from "./socket-acceptor.js";
import { refusalText } from "./upgrade.js";
import type { ResolvedWebSocketOptions } from "./websocket-options.js";
import type { WebSocketUpgrades } from "./websocket-upgrades.js";

/** Bytes that Node.js reads ahead of a WebSocket; what waits to be written is the stream's own affair. */
const READ_AHEAD_BYTES = 16 * 1024;
const MAX_HEADER_BYTES = 16 * 1024;

export class WebSocketPort {
  readonly acceptor: SocketAcceptor;
  /** Reads requests of the connections that it is handed; listens nowhere. */
  readonly #http: Server;
  readonly #waiting: Openings<Socket>;
  readonly #addresses = new WeakMap<object, string>();

  constructor(
    options: ResolvedWebSocketOptions & { readonly port: number; readonly tls: ListenTlsOptions | undefined },
    upgrades: WebSocketUpgrades,
    refusals: Refusals,
  ) {
    this.acceptor = new SocketAcceptor({ ...options, host: options.host, keepaliveMs: false, highWaterMark: READ_AHEAD_BYTES }, refusals, {
      admit: (remoteAddress) => upgrades.mayAsk(remoteAddress),
      onAccepted: (accepted) => this.#onAccepted(accepted),
    });
    this.#waiting = new Openings(options, options.clock, (socket, fault) => {
      socket.destroy();
      refusals.add(fault, this.#addressOf(socket), "it asked for nothing");
    });
    this.#http = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, ({ socket }: IncomingMessage) => {
      this.#waiting.settle(socket);
      socket.end(refusalText(426, "this port takes WebSockets only"), () => socket.destroy());
      refusals.add("notFound", this.#addressOf(socket), "a request for something else than a WebSocket");
    });
    this.#http.on("upgrade", (request, socket, head) => {
      this.#waiting.settle(socket as Socket);
      upgrades.take(request, socket, head, this.#addressOf(socket));
    });
    this.#http.on("clientError", (error, socket) => {
      if (!this.#waiting.settle(socket as Socket)) return void socket.destroy();
      socket.end(refusalText(400, "that is no request"), () => socket.destroy());
      refusals.add("handshakeFailed", this.#addressOf(socket), error.message);
    });
  }

  /** @throws Error with the system's `code`. */
  open(): Promise<Endpoint> {
    return this.acceptor.open();
  }

  stop(): void {
    this.acceptor.stop();
    for (const socket of this.#waiting.clear()) socket.destroy();
  }

  #onAccepted({ socket, remoteAddress }: Accepted): void {
    this.#addresses.set(socket, remoteAddress);
    this.#waiting.add(socket);
    socket.once("close", () => this.#waiting.settle(socket));
    this.#http.emit("connection", socket);
  }

  #addressOf(socket: object): string {
    return this.#addresses.get(socket) ?? "";
  }
}
