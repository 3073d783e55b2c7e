/**
 * The inspector as a small web server: a page, the same as JSON, and server-sent events for what is live. On loopback
 * it takes requests for loopback names only, so that no other page in the browser can read it by a name that it has
 * pointed there; anywhere else it wants a token.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { formatEndpoint, isLoopbackHost, parseEndpoint } from "../addr/endpoint.js";
import { InvalidOptionsError } from "../errors.js";
import type { ClusterView } from "./cluster-view.js";
import { PAGE } from "./page.js";

export interface InspectorServerOptions {
  /** Where to listen, `host:port`. */
  readonly listen: string;
  /** What a request must carry, as `Authorization: Bearer` or `?token=`. Required when `listen` is not on loopback. */
  readonly token?: string | undefined;
  /** How often those who look are told what is new. Default 1,000 milliseconds. */
  readonly intervalMs?: number | undefined;
  readonly view: () => ClusterView;
  /** Called when somebody looks and when nobody does any more: only then the nodes need to be asked. */
  readonly onWatched: (isWatched: boolean) => void;
}

/** Pages that are told what is new, at once. */
const MAX_VIEWERS = 32;
/** Bytes that a viewer may leave unread before it misses updates. */
const MAX_UNREAD_BYTES = 4 * 1024 ** 2;
/** A program that asks for JSON again and again counts as somebody who looks. */
const LOOKED_MS = 10_000;

/** What a page from here may do: nothing but show itself and ask this server. */
const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

export class InspectorServer {
  readonly #options: InspectorServerOptions;
  readonly #host: string;
  readonly #server: Server;
  readonly #viewers = new Set<ServerResponse>();
  #timer: NodeJS.Timeout | undefined;
  #lookedUntil = 0;

  /** @throws {@link InvalidOptionsError} without a token where one is needed. */
  constructor(options: InspectorServerOptions) {
    this.#options = options;
    this.#host = parseEndpoint(options.listen).host;
    if (!isLoopbackHost(this.#host) && (options.token ?? "").length < 16) {
      throw new InvalidOptionsError("inspector", [
        `listening at ${options.listen}, where others reach it, it needs a token of 16 characters or more`,
      ]);
    }
    this.#server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (request, response) => this.#answer(request, response));
    this.#server.maxConnections = 2 * MAX_VIEWERS;
  }

  /** Resolves with the endpoint that it got. */
  async listen(): Promise<string> {
    const { host, port } = parseEndpoint(this.#options.listen);
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, resolve);
    });
    this.#timer = setInterval(() => this.#tick(), this.#options.intervalMs ?? 1_000);
    const bound = this.#server.address();
    return typeof bound === "object" && bound !== null ? formatEndpoint({ host: bound.address, port: bound.port }) : this.#options.listen;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const viewer of this.#viewers) viewer.end();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = URL.canParse(request.url ?? "", "http://inspector") ? new URL(request.url ?? "", "http://inspector") : undefined;
    if (url === undefined) return refuse(response, 400, "that is no path");
    if (request.method !== "GET") return refuse(response, 405, "GET only");
    if (!this.#isMeant(request)) return refuse(response, 403, "this inspector is asked for by another name than its own");
    if (!this.#mayRead(request, url))
      return refuse(response, 401, "the token is missing or wrong: open the address that the inspector printed");
    switch (url.pathname) {
      case "/":
        return send(response, "text/html; charset=utf-8", PAGE);
      case "/cluster.json":
        this.#look();
        return send(response, "application/json; charset=utf-8", JSON.stringify(this.#options.view(), plain, 2));
      case "/events":
        return this.#follow(response);
      default:
        return refuse(response, 404, "there are /, /cluster.json and /events");
    }
  }

  #follow(response: ServerResponse): void {
    if (this.#viewers.size >= MAX_VIEWERS) return refuse(response, 503, `${MAX_VIEWERS} pages are open already`);
    response.writeHead(200, { ...HEADERS, "content-type": "text/event-stream; charset=utf-8" });
    response.on("close", () => {
      this.#viewers.delete(response);
      this.#tell();
    });
    this.#viewers.add(response);
    this.#tell();
    response.write(eventOf(this.#options.view()));
  }

  #tick(): void {
    this.#tell();
    if (this.#viewers.size === 0) return;
    const event = eventOf(this.#options.view());
    for (const viewer of this.#viewers) if (viewer.writableLength < MAX_UNREAD_BYTES) viewer.write(event);
  }

  #look(): void {
    this.#lookedUntil = performance.now() + LOOKED_MS;
    this.#tell();
  }

  #tell(): void {
    this.#options.onWatched(this.#viewers.size > 0 || performance.now() < this.#lookedUntil);
  }

  /** Whether the request was made for this server by its own name, and not by one that somebody else has pointed here. */
  #isMeant(request: IncomingMessage): boolean {
    if (!isLoopbackHost(this.#host)) return true;
    const host = (request.headers.host ?? "").replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
    return host === "localhost" || isLoopbackHost(host);
  }

  #mayRead(request: IncomingMessage, url: URL): boolean {
    const { token } = this.#options;
    if (token === undefined) return true;
    const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? url.searchParams.get("token") ?? "";
    return timingSafeEqual(digest(given), digest(token));
  }
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function eventOf(view: ClusterView): string {
  return `data: ${JSON.stringify(view, plain)}\n\n`;
}

/** JSON has no bigint. */
function plain(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

function send(response: ServerResponse, type: string, body: string): void {
  response.writeHead(200, { ...HEADERS, "content-type": type });
  response.end(body);
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { ...HEADERS, "content-type": "text/plain; charset=utf-8" });
  response.end(`${text}\n`);
}
