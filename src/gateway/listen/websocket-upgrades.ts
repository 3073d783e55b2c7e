/** Makes WebSockets of requests, and looks after them: who is there, and who has gone without a word. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocket, WebSocketServer } from "ws";
import type { TimerHandle } from "../../internal/clock.js";
import { messageOf } from "../../internal/message-of.js";
import { type ClientConnection, type ClientHandler, type Goodbye, type ListenOptions, plainAddress } from "./listener.js";
import type { Refusals } from "./refusals.js";
import { judgeUpgrade, pathOf, plainHeaders, refusalText, statusOf } from "./upgrade.js";
import type { WebSocketLibrary } from "./websocket-library.js";
import type { ResolvedWebSocketOptions } from "./websocket-options.js";
import { WebSocketStream } from "./websocket-stream.js";

export interface UpgradeOptions extends ResolvedWebSocketOptions {
  readonly bufferBytes: number;
  readonly admit: ListenOptions["admit"];
}

const LEAVING: Goodbye = { code: 1001, text: "closing" };

export class WebSocketUpgrades {
  readonly #options: UpgradeOptions;
  readonly #refusals: Refusals;
  readonly #onClient: ClientHandler;
  readonly #server: WebSocketServer;
  readonly #streams = new Set<WebSocketStream>();
  #isStopped = false;
  #pingTimer: TimerHandle | undefined;
  #whenEmpty: (() => void)[] = [];

  constructor({ WebSocketServer }: WebSocketLibrary, options: UpgradeOptions, refusals: Refusals, onClient: ClientHandler) {
    this.#options = options;
    this.#refusals = refusals;
    this.#onClient = onClient;
    const { maxMessageBytes: maxPayload, closeTimeoutMs: closeTimeout } = options;
    const settings = { noServer: true, clientTracking: false, perMessageDeflate: false, maxPayload, closeTimeout };
    this.#server = new WebSocketServer(settings);
    this.#server.on("wsClientError", (error, socket, request) => {
      this.#refuse(socket, 400, error.message);
      this.#refusals.add("handshakeFailed", this.#addressOf(request, undefined), error.message);
    });
  }

  get clients(): number {
    return this.#streams.size;
  }

  /** Whether a connection from there may ask at all. */
  mayAsk(_remoteAddress: string): boolean {
    return !this.#isStopped;
  }

  isFor({ url = "" }: IncomingMessage): boolean {
    return this.#options.path === undefined || pathOf(url) === this.#options.path;
  }

  /** Takes a request, or refuses it; the socket is this one's then. */
  take(request: IncomingMessage, socket: Duplex, head: Buffer, socketAddress?: string): void {
    socket.on("error", ignore); // "close" follows
    const address = this.#addressOf(request, socketAddress);
    try {
      const verdict = judgeUpgrade(this.#options, request.url ?? "", request.headers);
      if (verdict.type === "refused") {
        this.#refuse(socket, verdict.status, verdict.reason);
        this.#refusals.add(verdict.cause, address, verdict.reason);
        return;
      }
      const goodbye = this.#isStopped ? LEAVING : this.#options.admit?.(address);
      if (goodbye !== undefined) return this.#refuse(socket, statusOf(goodbye), goodbye.text);
    } catch (error) {
      // Code of the application's has thrown: nobody may come in for that.
      this.#refuse(socket, 503, "not now");
      this.#refusals.add("handshakeFailed", address, messageOf(error));
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (webSocket) => this.#open(webSocket, request, socket, address));
  }

  /** Takes no more. */
  stop(): void {
    this.#isStopped = true;
  }

  empty(): Promise<void> {
    if (this.#streams.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  destroy(): void {
    this.stop();
    for (const stream of this.#streams) stream.destroy();
  }

  #open(webSocket: WebSocket, request: IncomingMessage, socket: Duplex, remoteAddress: string): void {
    const stream = new WebSocketStream(webSocket, this.#options);
    this.#streams.add(stream);
    stream.once("close", () => this.#leave(stream));
    this.#pingLater();
    const remotePort = "remotePort" in socket && typeof socket.remotePort === "number" ? socket.remotePort : 0;
    this.#onClient(new WebSocketClient(stream, remoteAddress, remotePort, request));
  }

  #leave(stream: WebSocketStream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    if (this.#pingTimer !== undefined) this.#options.clock.clearTimeout(this.#pingTimer);
    this.#pingTimer = undefined;
    const waiting = this.#whenEmpty;
    this.#whenEmpty = [];
    for (const resolve of waiting) resolve();
  }

  #refuse(socket: Duplex, status: number, reason: string): void {
    socket.end(refusalText(status, reason), () => socket.destroy());
  }

  #addressOf(request: IncomingMessage, known: string | undefined): string {
    const address = known ?? plainAddress(request.socket.remoteAddress ?? "");
    return this.#options.remoteAddressOf?.(plainHeaders(request.headers), address) ?? address;
  }

  #pingLater(): void {
    const { pingIntervalMs, clock } = this.#options;
    if (pingIntervalMs === false || this.#pingTimer !== undefined) return;
    this.#pingTimer = clock.setTimeout(() => {
      this.#pingTimer = undefined;
      for (const stream of this.#streams) if (!stream.probe()) stream.destroy(new Error("it answers no pings"));
      if (this.#streams.size > 0) this.#pingLater();
    }, pingIntervalMs);
  }
}

class WebSocketClient implements ClientConnection {
  readonly transport = "websocket";
  readonly stream: WebSocketStream;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly url: string;

  constructor(stream: WebSocketStream, remoteAddress: string, remotePort: number, request: IncomingMessage) {
    this.stream = stream;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.headers = plainHeaders(request.headers);
    this.url = request.url ?? "";
  }

  abort(goodbye: Goodbye | undefined): void {
    if (goodbye === undefined) this.stream.destroy();
    else this.stream.sayGoodbye(goodbye);
  }
}

function ignore(): void {}
