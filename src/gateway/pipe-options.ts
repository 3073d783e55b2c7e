/** What a gateway is made with: documented here, checked once, filled in and frozen. */
import { z } from "zod/v3";
import { InvalidOptionsError } from "../errors.js";
import type { AbortSignal } from "../internal/abort-signal.js";
import type { Clock } from "../internal/clock.js";
import type { Logger } from "../internal/logger.js";
import { silentLogger } from "../internal/logger.js";
import type { Resolved } from "../internal/resolved.js";
import { systemClock } from "../internal/system-clock.js";
import { consoleLogger } from "../node/console-logger.js";
import type { MetadataInit, Target } from "../rpc/service.js";
import type { Client, Goodbye, Listener } from "./listen/listener.js";
import { checked, count, fn, ms, msOrNever } from "./listen/options.js";

/** Where a client goes. */
export interface AcceptedClient {
  /** The backend: an address, or a picker such as `byType(1, { hash: client.remoteAddress })`. */
  readonly to: Target;
  /** What the backend is told about the client, with the stream's opening. */
  readonly metadata?: MetadataInit | undefined;
  /** The protocol that the backend's `onStream` has to serve. Default: that of the gateway. */
  readonly protocol?: string | undefined;
}

/** A client that does not come in. */
export interface RefusedClient {
  /** Why: WebSockets are told. `code` is a close code, your own 4000 to 4999; default 1008. */
  readonly refuse: string;
  readonly code?: number | undefined;
}

/** What `accept()` knows beside the client. */
export interface AcceptContext {
  /** 1, or more when a backend was lost before a byte went either way. */
  readonly attempt: number;
  /** Why the attempt before failed. */
  readonly failure: Error | undefined;
  /** Aborted when the client has gone, or the time for `accept()` is over. */
  readonly signal: AbortSignal;
}

export type Accept = (client: Client, context: AcceptContext) => AcceptedClient | RefusedClient | Promise<AcceptedClient | RefusedClient>;

export interface PipeGatewayOptions {
  /** Where clients come in: `tcp()`, `websocket()`, `kcp()`, or listeners of your own; streams of bytes, not messages. */
  listen: readonly Listener[];
  /** Decides for each client where it goes, or that it does not. */
  accept: Accept;
  /** The protocol of the streams, where `accept` names none. Default: that of the node. */
  protocol?: string | undefined;
  /** Clients at once. Default 10,000. */
  maxClients?: number | undefined;
  /** Clients at once from one IPv4 address or one IPv6 network of 64 bits. Default 1,024. */
  maxClientsPerAddress?: number | undefined;
  /** Bytes that wait for one client, or of it, from which on the other side is not read; one piece of up to 64 KiB may go beyond. Default 65,536. */
  bufferBytes?: number | undefined;
  /** Milliseconds in which nothing goes either way. Default 300,000; `false`: no limit. */
  idleTimeoutMs?: number | false | undefined;
  /** Milliseconds until a client has to have said something. Default 30,000; `false`: no limit, for clients that only listen. */
  firstByteTimeoutMs?: number | false | undefined;
  /** Milliseconds in which a client takes nothing of what waits for it. Default 30,000; `false`: no limit. */
  stallTimeoutMs?: number | false | undefined;
  /** Milliseconds that `accept()` may take. Default 10,000. */
  acceptTimeoutMs?: number | undefined;
  /** Milliseconds that opening the stream to the backend may take. Default 10,000. */
  openTimeoutMs?: number | undefined;
  /** How often `accept()` is asked for one client, while no byte went either way. Default 3. */
  maxAttempts?: number | undefined;
  /** Whom the gateway tells that `accept()` throws; `false`: nobody. Default: the console. */
  logger?: Logger | false | undefined;
  /** Time; a virtual one in tests. */
  clock?: Clock | undefined;
}

const WHAT = "options of a gateway";

const isListener = (value: unknown): boolean =>
  typeof value === "object" && value !== null && typeof (value as Listener).listen === "function";

const pipeOptions = z
  .object({
    listen: z.array(z.custom<Listener>(isListener, { message: "expected a listener: tcp(), websocket(), kcp()" })).min(1),
    accept: fn<Accept>(),
    protocol: z.string().min(1).optional(),
    maxClients: count(10_000),
    maxClientsPerAddress: count(1_024),
    bufferBytes: count(64 * 1024),
    idleTimeoutMs: msOrNever(300_000),
    firstByteTimeoutMs: msOrNever(30_000),
    stallTimeoutMs: msOrNever(30_000),
    acceptTimeoutMs: ms(10_000),
    openTimeoutMs: ms(10_000),
    maxAttempts: count(3),
    logger: z.union([z.literal(false), z.custom<Logger>((value) => typeof value === "object" && value !== null)]).optional(),
    clock: z.custom<Clock>().default(systemClock),
  })
  .strict();

export type ResolvedPipeOptions = Resolved<Omit<PipeGatewayOptions, "protocol" | "logger">> & { readonly logger: Logger } & Pick<
    PipeGatewayOptions,
    "protocol"
  >;

/** @throws {@link InvalidOptionsError} listing every fault. */
export function resolvePipeOptions(options: PipeGatewayOptions): ResolvedPipeOptions {
  const { logger, ...data } = checked(WHAT, pipeOptions, options);
  if (data.listen.some((listener) => listener.mode === "message"))
    throw new InvalidOptionsError(WHAT, ['listen: bytes are passed on, so a listener has the mode "stream"']);
  return Object.freeze({ ...data, logger: logger === false ? silentLogger : (logger ?? consoleLogger) });
}

export function refusalOf({ refuse, code }: RefusedClient): Goodbye {
  return { code: code ?? 1008, text: refuse };
}
