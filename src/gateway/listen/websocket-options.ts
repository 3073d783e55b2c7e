/** What WebSocket listeners are made with: documented here, checked once. */

import type { Server } from "node:http";
import { z } from "zod/v3";
import { InvalidOptionsError } from "../../errors.js";
import type { Clock } from "../../internal/clock.js";
import type { Resolved } from "../../internal/resolved.js";
import { systemClock } from "../../internal/system-clock.js";
import type { ListenTlsOptions } from "./listen-tls-options.js";
import { checked, count, fn, host, ms, msOrNever, port, tls } from "./options.js";

export interface WebSocketListenOptions {
  /** A port of its own, where other HTTP requests are answered 426; 0 takes a free one. Either this or `server`. */
  port?: number | undefined;
  /** Name or address of this machine. Default: all of its addresses. With `port` only. */
  host?: string | undefined;
  /** TLS with this certificate: `wss:`. With `port` only; a server of your own has its own. */
  tls?: ListenTlsOptions | undefined;
  /** A server of yours, of `node:http` or `node:https`, that listens or will: requests for WebSockets at `path` are taken. It stays yours to close. */
  server?: Server | undefined;
  /** The path that clients ask for, without a query. Default: any. */
  path?: string | undefined;
  /** Origins of pages that may connect, such as `"https://game.example.com"`, or a function. Programs other than browsers send none: a list lets them in. Default: all. */
  origins?: readonly string[] | ((origin: string | undefined) => boolean) | undefined;
  /** Where a client comes from, behind a proxy of yours that says so: `(headers, address) => headers["x-real-ip"] ?? address`. */
  remoteAddressOf?: ((headers: Readonly<Record<string, string>>, address: string) => string) | undefined;
  /** `"stream"`, the default: messages are bytes, and their bounds mean nothing. `"message"`: the stream is in object mode, each message is one `Uint8Array`. */
  mode?: "stream" | "message" | undefined;
  /** Bytes of the largest message that is taken; one more ends the connection with code 1009. Default 262,144. */
  maxMessageBytes?: number | undefined;
  /** Milliseconds between pings; a client that said nothing from one to the next is cut. Default 30,000; `false`: none. */
  pingIntervalMs?: number | false | undefined;
  /** Milliseconds from the connection to the request, TLS included. Default 10,000. With `port` only. */
  handshakeTimeoutMs?: number | undefined;
  /** Connections at once that have not asked yet; past it the oldest is cut. Default 4,096. With `port` only. */
  maxHandshakes?: number | undefined;
  /** Milliseconds that a client has to answer a goodbye. Default 5,000. */
  closeTimeoutMs?: number | undefined;
  /** Connections that the system may hold until they are accepted (it has a bound of its own: net.core.somaxconn), and as many again that wait here while others are let in. Default 4,096. */
  backlog?: number | undefined;
  /** Time; a virtual one in tests. */
  clock?: Clock | undefined;
}

const shape = z
  .object({
    port: port.optional(),
    host,
    tls,
    server: z
      .custom<Server>((value) => value === undefined || typeof (value as Server).on === "function", {
        message: "expected a server of node:http",
      })
      .optional(),
    path: z.string().startsWith("/").optional(),
    origins: z.union([z.array(z.string()), fn<(origin: string | undefined) => boolean>()]).optional(),
    remoteAddressOf: fn<(headers: Readonly<Record<string, string>>, address: string) => string>().optional(),
    mode: z.enum(["stream", "message"]).default("stream"),
    maxMessageBytes: count(256 * 1024),
    pingIntervalMs: msOrNever(30_000),
    handshakeTimeoutMs: ms(10_000),
    maxHandshakes: count(4_096),
    closeTimeoutMs: ms(5_000),
    backlog: count(4_096),
    clock: z.custom<Clock>().default(systemClock),
  })
  .strict();

const WHAT = "options of a WebSocket listener";

type Optional = "port" | "host" | "tls" | "server" | "path" | "origins" | "remoteAddressOf";

export type ResolvedWebSocketOptions = Resolved<Omit<WebSocketListenOptions, Optional>> & Pick<WebSocketListenOptions, Optional>;

/** @throws {@link InvalidOptionsError} listing every fault. */
export function resolveWebSocketOptions(options: WebSocketListenOptions): ResolvedWebSocketOptions {
  const resolved = checked(WHAT, shape, options);
  const faults: string[] = [];
  if ((resolved.port === undefined) === (resolved.server === undefined)) faults.push("expected either port or server");
  if (resolved.server !== undefined)
    for (const name of ["host", "tls"] as const) if (resolved[name] !== undefined) faults.push(`${name}: the server has its own`);
  if (faults.length > 0) throw new InvalidOptionsError(WHAT, faults);
  return resolved;
}
