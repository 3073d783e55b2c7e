/** What sessions are made with: documented here, checked once, filled in and frozen. */
import { z } from "zod/v3";
import { InvalidOptionsError } from "../errors.js";
import type { Clock, Random } from "../internal/clock.js";
import { closest } from "../internal/closest.js";
import type { Resolved } from "../internal/resolved.js";
import { systemClock, systemRandom } from "../internal/system-clock.js";
import { MAX_TIMER_MS } from "../internal/timer-limit.js";
import { HEADER_BYTES, MAX_FRAGMENTS, MAX_WINDOW } from "./segment.js";

const MIN_MTU = 50;
/** The largest UDP datagram over IPv4. */
const MAX_MTU = 65_507;
const DEFAULT_MAX_MESSAGE_BYTES = 64 * 1024;
/** One fragment less than the wire can count: the first one may have to be small until the peer's address is proved. */
const MAX_WHOLE_FRAGMENTS = MAX_FRAGMENTS - 1;

export interface KcpOptions {
  /**
   * `"stream"`, the default: bytes, cut as fits. `"message"`: each write is one message and arrives as one; the session is
   * in object mode, of `Uint8Array`s. Nothing on the wire tells which; both sides must be set alike.
   */
  mode?: "stream" | "message" | undefined;
  /** Segments are sent again after 30 ms at the soonest, and then after half as long again; false: 100 ms, twice as long. Default true. */
  noDelay?: boolean | undefined;
  /** Milliseconds between looks at what has to be sent again. Default 10. */
  intervalMs?: number | undefined;
  /** A segment is sent again as soon as so many later ones were acknowledged. 0: only by time. Default 2. */
  resend?: number | undefined;
  /** Whether losses make the sender slower (slow start, one window after a timeout). Default false: the windows alone limit it. */
  congestionControl?: boolean | undefined;
  /** Segments in flight at most; as many may wait, then writes wait. Default 256. */
  sendWindow?: number | undefined;
  /** Segments held for the application at most. A message must fit. Default 256. */
  receiveWindow?: number | undefined;
  /** Bytes of the largest datagram that is sent, UDP and IP headers not counted. Default 1,400. */
  mtu?: number | undefined;
  /** Transmissions of one segment, or window probes, without an answer after which the link is dead. Default 20: about 50 s. */
  deadLink?: number | undefined;
  /** Milliseconds without a datagram after which a session ends with `IDLE`. `false`: never. Default 60,000. */
  idleTimeoutMs?: number | false | undefined;
  /** Milliseconds of silence after which the peer is asked for a sign of life, which every KCP gives. Default: 15,000 for who dials, `false` for who listens. */
  keepaliveMs?: number | false | undefined;
  /** Bytes of the largest message, either way. Default 64 KiB, or less where windows or mtu are small. */
  maxMessageBytes?: number | undefined;
  /**
   * Whether ends are told to the peer, which plain KCP cannot: the end of what is written by an empty segment, `destroy()` by a
   * command of our own. Default true. Peers that do not know them ignore both; `false` for those that send empty messages or trip over them.
   */
  tellEnds?: boolean | undefined;
  /** When to acknowledge: in the `"turn"` of the event loop in which a segment came, the default, or every `intervalMs`, which costs fewer datagrams. */
  acknowledge?: "turn" | "interval" | undefined;
  /**
   * Bytes of memory that the system is asked for, for datagrams that wait until this process reads them; it may give less
   * (Linux: `net.core.rmem_max`), and drops what does not fit. A small datagram takes about 800 on Linux. Default 4 MiB.
   */
  receiveBufferBytes?: number | undefined;
  /** Time; a virtual one in tests. */
  clock?: Clock | undefined;
  /** Chance; a seeded one in tests. Conversation ids and timestamps come from it, and must not be guessed. */
  random?: Random | undefined;
}

export interface KcpListenOptions extends KcpOptions {
  /** Where to listen, `host:port`; port 0 takes a free one. */
  listen: string;
  /** Sessions at once. Default 16,384. */
  maxSessions?: number | undefined;
  /** Sessions at once from one IPv4 address or one IPv6 network of 64 bits. Default 256. */
  maxSessionsPerHost?: number | undefined;
  /** Sessions at once whose peer has not proved that its address is its own. Default 1,024. */
  maxUnprovenSessions?: number | undefined;
  /** Milliseconds without a datagram after which an unproven session is dropped. Default 15,000. */
  unprovenTimeoutMs?: number | undefined;
}

export interface KcpDialOptions extends KcpOptions {
  /** The conversation's number, 32 bits. Default: a random one. */
  conversation?: number | undefined;
}

export type ResolvedKcpOptions = Resolved<KcpOptions>;
export type ResolvedListenOptions = Resolved<KcpListenOptions>;

const count = (standard: number): z.ZodDefault<z.ZodNumber> => z.number().int().positive().default(standard);
const ms = (standard: number): z.ZodDefault<z.ZodNumber> => z.number().positive().max(MAX_TIMER_MS).default(standard);
const maybeMs = (standard: number | false): z.ZodDefault<z.ZodUnion<[z.ZodNumber, z.ZodLiteral<false>]>> =>
  z.union([z.number().positive().max(MAX_TIMER_MS), z.literal(false)]).default(standard);

const shape = {
  mode: z.enum(["stream", "message"]).default("stream"),
  noDelay: z.boolean().default(true),
  intervalMs: ms(10),
  resend: z.number().int().nonnegative().default(2),
  congestionControl: z.boolean().default(false),
  sendWindow: z.number().int().positive().max(MAX_WINDOW).default(256),
  receiveWindow: z.number().int().positive().max(MAX_WINDOW).default(256),
  mtu: z.number().int().min(MIN_MTU).max(MAX_MTU).default(1_400),
  deadLink: count(20),
  idleTimeoutMs: maybeMs(60_000),
  keepaliveMs: maybeMs(false),
  maxMessageBytes: z.number().int().positive().optional(),
  tellEnds: z.boolean().default(true),
  acknowledge: z.enum(["turn", "interval"]).default("turn"),
  receiveBufferBytes: z
    .number()
    .int()
    .positive()
    .max(2 ** 31 - 1)
    .default(4 * 1024 ** 2),
  clock: z.custom<Clock>().default(systemClock),
  random: z.custom<Random>().default(systemRandom),
};

const listenOptions = z
  .object({
    ...shape,
    listen: z.string(),
    maxSessions: count(16_384),
    maxSessionsPerHost: count(256),
    maxUnprovenSessions: count(1_024),
    unprovenTimeoutMs: ms(15_000),
  })
  .strict();

const dialOptions = z
  .object({
    ...shape,
    keepaliveMs: maybeMs(15_000),
    conversation: z
      .number()
      .int()
      .min(0)
      .max(2 ** 32 - 1)
      .optional(),
  })
  .strict();

/** @throws {@link InvalidOptionsError} listing every fault. */
export function resolveListenOptions(options: KcpListenOptions): ResolvedListenOptions {
  return Object.freeze(withMessageLimit("options of a KCP listener", parsed("options of a KCP listener", listenOptions, options)));
}

/** @throws {@link InvalidOptionsError} listing every fault. */
export function resolveDialOptions(options: KcpDialOptions): ResolvedKcpOptions & { readonly conversation: number } {
  const resolved = withMessageLimit("options of a KCP dial", parsed("options of a KCP dial", dialOptions, options));
  return Object.freeze({ ...resolved, conversation: resolved.conversation ?? Buffer.from(resolved.random.bytes(4)).readUInt32LE() });
}

function parsed<Schema extends z.AnyZodObject>(what: string, schema: Schema, options: unknown): z.output<Schema> {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  throw new InvalidOptionsError(
    what,
    result.error.issues.map((issue) => faultOf(issue, Object.keys(schema.shape))),
  );
}

function faultOf(issue: z.ZodIssue, keys: readonly string[]): string {
  if (issue.code !== "unrecognized_keys") return `${issue.path.join(".")}: ${issue.message}`;
  const wrong = issue.keys.map((key) => {
    const meant = closest(key, keys);
    return `${JSON.stringify(key)}${meant === undefined ? "" : ` (did you mean "${meant}"?)`}`;
  });
  return `there is no option ${wrong.join(", ")}`;
}

/** A message must fit into the fragments that can be counted, and into the window of who receives it. */
function withMessageLimit<T extends { mtu: number; receiveWindow: number; maxMessageBytes?: number | undefined }>(
  what: string,
  options: T,
): T & { maxMessageBytes: number } {
  const { mtu, receiveWindow, maxMessageBytes } = options;
  const most = Math.min(MAX_WHOLE_FRAGMENTS, receiveWindow) * (mtu - HEADER_BYTES);
  if (maxMessageBytes !== undefined && maxMessageBytes > most)
    throw new InvalidOptionsError(what, [
      `maxMessageBytes: ${maxMessageBytes} is more than fits; with this mtu and receiveWindow it is ${most} at most`,
    ]);
  return { ...options, maxMessageBytes: maxMessageBytes ?? Math.min(DEFAULT_MAX_MESSAGE_BYTES, most) };
}
