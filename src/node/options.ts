/** What a node is made with: documented here, checked once, filled in and frozen. */
// The smaller of the two that zod 4 carries: 2.5 MB of heap and 27 ms at start less (docs/decisions/0002-zod-v3.md).
import { z } from "zod/v3";
import { parseEndpoint } from "../addr/endpoint.js";
import { type AddressLike, ANONYMOUS, isHarbor, type LogicalAddress, toAddress } from "../addr/logical-address.js";
import type { Discovery } from "../discovery/discovery.js";
import { InvalidOptionsError } from "../errors.js";
import type { HarborOptions } from "../harbor/harbor-options.js";
import type { Clock, Random } from "../internal/clock.js";
import { closest } from "../internal/closest.js";
import { type Logger, silentLogger } from "../internal/logger.js";
import type { Resolved } from "../internal/resolved.js";
import { systemClock, systemRandom } from "../internal/system-clock.js";
import { MAX_TIMER_MS } from "../internal/timer-limit.js";
import type { LinkOptions } from "../link/link-options.js";
import type { RpcOptions } from "../rpc/rpc-options.js";
import { MAX_U32, STANDARD_WINDOW_BYTES } from "../stream/frame.js";
import { TcpTransport } from "../transport/tcp.js";
import type { OwnCertificate } from "../transport/tls-credentials.js";
import type { Pem, TlsOptions } from "../transport/tls-options.js";
import type { Transport } from "../transport/transport.js";
import { DEFAULT_MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES } from "../wire/limits.js";
import { consoleLogger } from "./console-logger.js";
import { NodeTls } from "./node-tls.js";
import type { StreamOptions } from "./stream-options.js";

/** Fewest bytes of a secret. */
export const MIN_SECRET_BYTES = 32;

export interface NodeOptions {
  /** This node's logical address, `"group.type.id"`. Type 255 is that of harbors, which relay between groups and have {@link harbors} too. */
  address: AddressLike;
  /** Who else there is: `memory()`, `file(path)`, or one of your own. */
  discovery: Discovery;
  /** For a harbor: where the harbors of all groups find each other; the same object as `discovery` where one serves both. */
  harbors?: Discovery | undefined;
  /** For a harbor: secrets that harbors prove to each other in place of {@link secrets}, so that no other node can claim to be one. Default: `secrets`. */
  harborSecrets?: readonly string[] | undefined;
  /** For a harbor: limits of what it relays. Limits per destination are those of `link`. */
  harbor?: HarborOptions | undefined;
  /** Name of the cluster; nodes of another one are refused. Default `"default"`. */
  cluster?: string | undefined;
  /**
   * Where to listen, `host:port`; port 0 takes a free one. Default: a configured node listens where discovery says that it
   * is, a registering one on `127.0.0.1:0`.
   */
  listen?: string | undefined;
  /** Where others dial this node, when that is not where it listens (NAT, containers): `host:port`, or `host` with the port it listens on. */
  advertise?: string | undefined;
  /**
   * Whether nodes of other groups discover this node. Default false. Who knows the address of another one reaches it all the same, unless the
   * harbors of its group have `"enforced"` here: these let other groups reach exported nodes only.
   */
  export?: boolean | "enforced" | undefined;
  /** Shared secrets of 32 bytes or more, the same on all nodes; several while they are exchanged. The first one that both sides have is used. */
  secrets?: readonly string[] | undefined;
  /** Without a secret only connections from this machine are taken; `true` takes all. For networks where everybody may do everything. */
  insecure?: true | undefined;
  /** Whom the library tells what happens; `false`: nobody. Default: warnings and errors to the console. */
  logger?: Logger | false | undefined;
  /** Published to others with this node's entry. */
  metadata?: Record<string, string> | undefined;
  /** The application's version, published likewise. */
  version?: string | undefined;
  /**
   * Whether tools of the cluster may ask what this node is doing and take it out of service: the command line, the inspector.
   * Whoever may call it, may do so. Default true.
   */
  admin?: boolean | undefined;
  link?: LinkOptions | undefined;
  rpc?: RpcOptions | undefined;
  stream?: StreamOptions | undefined;
  /**
   * Encrypts all connections of this node, TLS 1.3; where `ca` is given, certificates prove who is at either end. All nodes
   * of a cluster have it, or none. Exchanged while the node runs by `node.setTls()`.
   */
  tls?: TlsOptions | undefined;
  /** How bytes get to other nodes, in place of TCP and TLS. */
  transport?: Transport | undefined;
  /** Time; a virtual one in tests. */
  clock?: Clock | undefined;
  /** Chance; a seeded one in tests. */
  random?: Random | undefined;
}

/** What an anonymous caller is made with. Those that nodes have too mean the same as there. */
export interface AnonymousOptions
  extends Pick<NodeOptions, "cluster" | "secrets" | "tls" | "logger" | "link" | "rpc" | "transport" | "clock" | "random"> {
  /** The node to talk to. */
  to: AddressLike;
  /** Where it listens: `host:port`. */
  endpoint: string;
}

/** The TLS of a node, as the rest of it sees it. */
export interface TlsInForce {
  /** Whether certificates prove who dials this node. */
  readonly isMutual: boolean;
  readonly certificate: OwnCertificate | undefined;
  /** What is in force, as it was given. */
  readonly options: TlsOptions;
  /** For connections that open from now on. @throws {@link InvalidOptionsError}; then what was in force stays. */
  replace(options: TlsOptions): void;
  /** The node's secrets are these now. @throws {@link InvalidOptionsError} when it would be open to everybody with them. */
  useSecrets(secrets: readonly string[]): void;
}

/** Options after defaults. */
export interface ResolvedNodeOptions {
  readonly address: LogicalAddress;
  readonly discovery: Discovery;
  /** Of a harbor. */
  readonly harbors: Discovery | undefined;
  /** `undefined`: the same as {@link secrets}. */
  readonly harborSecrets: readonly string[] | undefined;
  readonly harbor: Resolved<HarborOptions>;
  readonly cluster: string;
  readonly listen: string | undefined;
  readonly advertise: string | undefined;
  readonly export: boolean | "enforced";
  readonly secrets: readonly string[];
  readonly insecure: boolean;
  readonly logger: Logger;
  readonly metadata: Record<string, string> | undefined;
  readonly version: string | undefined;
  readonly admin: boolean;
  readonly link: Resolved<LinkOptions>;
  readonly rpc: Resolved<RpcOptions>;
  readonly stream: Resolved<StreamOptions>;
  readonly transport: Transport;
  /** What `transport` does, where it is one of TLS that was made of options. */
  readonly tls: TlsInForce | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

export interface ResolvedAnonymousOptions
  extends Pick<ResolvedNodeOptions, "cluster" | "secrets" | "tls" | "logger" | "link" | "rpc" | "transport" | "clock" | "random"> {
  readonly to: LogicalAddress;
  readonly endpoint: string;
}

const ms = (standard: number) => z.number().int().positive().max(MAX_TIMER_MS).default(standard);
const msOrNever = z.union([z.literal(false), z.number().int().positive().max(MAX_TIMER_MS)]).default(false);
const count = (standard: number) => z.number().int().positive().default(standard);
const bytes = (standard: number) => z.number().int().positive().default(standard);

const linkOptions = z
  .object({
    dialTimeoutMs: ms(5_000),
    handshakeTimeoutMs: ms(5_000),
    reachTimeoutMs: ms(5_000),
    backoffMs: ms(100),
    maxBackoffMs: ms(2_000),
    maxDialsPerSecond: count(200),
    keepaliveMs: ms(15_000),
    probeMs: ms(3_000),
    keepaliveTimeoutMs: ms(5_000),
    unansweredMs: ms(60_000),
    idleMs: msOrNever,
    maxAgeMs: msOrNever,
    maxPendingMessages: count(1_024),
    maxPendingBytes: bytes(8 * 1024 ** 2),
    highWaterBytes: bytes(1024 ** 2),
    maxBufferedBytes: bytes(16 * 1024 ** 2),
    slowPeerBytes: bytes(32 * 1024 ** 2),
    maxPartialBytes: bytes(16 * 1024 ** 2),
    maxOpenings: count(256),
  })
  .strict() satisfies z.ZodType<Resolved<LinkOptions>, z.ZodTypeDef, LinkOptions>; // a missing key or default does not compile

const rpcOptions = z
  .object({
    callTimeoutMs: ms(10_000),
    maxPayloadBytes: z.number().int().positive().max(MAX_PAYLOAD_BYTES).default(DEFAULT_MAX_PAYLOAD_BYTES),
    maxCallsInFlight: count(65_536),
    maxRequests: count(16_384),
    maxRequestsPerPeer: count(8_192),
    maxRequestBytes: bytes(64 * 1024 ** 2),
  })
  .strict() satisfies z.ZodType<Resolved<RpcOptions>, z.ZodTypeDef, RpcOptions>;

const streamOptions = z
  .object({
    openTimeoutMs: ms(10_000),
    windowBytes: z.number().int().min(STANDARD_WINDOW_BYTES).max(MAX_U32).default(STANDARD_WINDOW_BYTES),
    maxUnreadBytes: bytes(64 * 1024 ** 2),
    maxStreams: count(65_536),
    acceptBacklog: count(256),
  })
  .strict() satisfies z.ZodType<Resolved<StreamOptions>, z.ZodTypeDef, StreamOptions>;
const harborOptions = z
  .object({
    maxWaitingBytes: bytes(256 * 1024 ** 2),
    maxPairs: count(65_536),
  })
  .strict() satisfies z.ZodType<Resolved<HarborOptions>, z.ZodTypeDef, HarborOptions>;

/** An object with these methods; it is handed on as it is. */
function having<T>(what: string, ...methods: (keyof T & string)[]): z.ZodType<T, z.ZodTypeDef, T> {
  return z.custom<T>(
    (value) => typeof value === "object" && value !== null && methods.every((name) => typeof (value as T)[name] === "function"),
    {
      message: `expected ${what}, with ${methods.map((name) => `${name}()`).join(", ")}`,
    },
  );
}

/** A text that `parse` takes; its complaint becomes the fault. */
function parsed<I, O>(parse: (value: I) => O): z.ZodType<O, z.ZodTypeDef, I> {
  return z.unknown().transform((value, context) => {
    try {
      return parse(value as I);
    } catch (error) {
      context.addIssue({ code: "custom", message: (error as Error).message });
      return z.NEVER;
    }
  }) as unknown as z.ZodType<O, z.ZodTypeDef, I>;
}

const endpoint = parsed((value: string) => {
  parseEndpoint(String(value));
  return value;
});

const dialed = parsed((value: string) => {
  if (parseEndpoint(String(value)).port === 0) throw new Error(`endpoint "${value}": port 0 cannot be dialed`);
  return String(value);
});

const advertised = parsed((value: string) => {
  const text = String(value);
  if (parseEndpoint(text.includes(":") ? text : `${text}:1`).port === 0) throw new Error(`endpoint "${text}": port 0 cannot be dialed`);
  return text;
});

const secret = z
  .string()
  .refine(
    (value) => new TextEncoder().encode(value).length >= MIN_SECRET_BYTES,
    `a secret has at least ${MIN_SECRET_BYTES} bytes; \`openssl rand -base64 32\` makes one`,
  );

const pem = z.union([z.string(), z.instanceof(Uint8Array)], {
  errorMap: () => ({ message: "expected PEM: the text or the bytes of a file" }),
}) satisfies z.ZodType<Pem>;

const tlsOptions = z
  .object({
    cert: pem.optional(),
    key: pem.optional(),
    passphrase: z.string().optional(),
    ca: z.union([pem, z.array(pem)], { errorMap: () => ({ message: "expected PEM, or a list of such" }) }).optional(),
    mutual: z.boolean().optional(),
    checkHostNames: z.boolean().optional(),
  })
  .strict() satisfies z.ZodType<TlsOptions>;

/** What nodes and anonymous callers share. */
const common = {
  cluster: z
    .string()
    .min(1)
    .max(64)
    .regex(/^[\x21-\x7e]+$/, "a cluster's name is made of visible ASCII characters")
    .default("default"),
  secrets: z.array(secret).max(8).default([]),
  logger: z
    .union([z.literal(false), having<Logger>("a logger", "trace", "debug", "info", "warn", "error")], {
      errorMap: () => ({ message: "expected false, or a logger with trace(), debug(), info(), warn(), error()" }),
    })
    .optional(),
  link: linkOptions.default({}),
  rpc: rpcOptions.default({}),
  tls: tlsOptions.optional(),
  transport: having<Transport>("a transport", "dial", "listen").optional(),
  clock: having<Clock>("a clock", "now", "wallClock", "setTimeout", "clearTimeout", "afterTurn", "nextTurn").optional(),
  random: having<Random>("a source of chance", "next", "bytes").optional(),
};

const OBJECT = "expected an object with address and discovery";

const nodeOptions = z
  .object(
    {
      address: parsed((value: AddressLike) => toAddress(value)),
      discovery: having<Discovery>("a discovery", "watch"),
      harbors: having<Discovery>("a discovery", "watch").optional(),
      harborSecrets: z.array(secret).max(8).optional(),
      harbor: harborOptions.default({}),
      listen: endpoint.optional(),
      advertise: advertised.optional(),
      export: z
        .union([z.boolean(), z.literal("enforced")], { errorMap: () => ({ message: 'expected true, false or "enforced"' }) })
        .default(false),
      insecure: z.literal(true).optional(),
      metadata: z.record(z.string(), z.string()).optional(),
      version: z.string().optional(),
      admin: z.boolean().default(true),
      stream: streamOptions.default({}),
      ...common,
    },
    { required_error: OBJECT, invalid_type_error: OBJECT },
  )
  .strict();

const anonymousOptions = z
  .object(
    {
      to: parsed((value: AddressLike) => toAddress(value)),
      endpoint: dialed,
      ...common,
    },
    { required_error: "expected an object with to and endpoint", invalid_type_error: "expected an object with to and endpoint" },
  )
  .strict();

/** The options there are, by where they stand. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  "": [...new Set([...Object.keys(nodeOptions.shape), ...Object.keys(anonymousOptions.shape)])],
  link: Object.keys(linkOptions.shape),
  rpc: Object.keys(rpcOptions.shape),
  stream: Object.keys(streamOptions.shape),
  harbor: Object.keys(harborOptions.shape),
  tls: Object.keys(tlsOptions.shape),
};

/** Where `optionsFromEnv()` takes what no node can do without. */
const VARIABLES: Readonly<Record<string, string>> = { address: "CLUSTERTS_ADDRESS", discovery: "CLUSTERTS_DISCOVERY" };

/** What is wrong; for a key that is none, the one that was meant. */
function faultOf(issue: z.ZodIssue): string {
  if (issue.code !== "unrecognized_keys") return issue.message;
  const wrong = issue.keys.map((key) => {
    const meant = closest(key, KEYS[issue.path.join(".")] ?? []);
    return `${JSON.stringify(key)}${meant === undefined ? "" : ` (did you mean "${meant}"?)`}`;
  });
  return `there is no option ${wrong.join(", ")}`;
}

/** What is wrong with the value of one option, a line each. */
export function faultsOfOption(key: keyof NodeOptions, value: unknown): string[] {
  const result = nodeOptions.shape[key].safeParse(value);
  return result.success ? [] : result.error.issues.map((issue) => issue.message);
}

/** @throws {@link InvalidOptionsError} listing every fault. */
export function resolveNodeOptions(options: NodeOptions): ResolvedNodeOptions {
  const data = check(nodeOptions, options, "node options");
  const faults = roleFaults(data, options);
  if (faults.length > 0) throw new InvalidOptionsError("node options", faults);
  return Object.freeze({
    ...data,
    ...filledIn(data, data.address, data.insecure === true),
    harbors: data.harbors,
    harborSecrets: data.harborSecrets,
    listen: data.listen,
    advertise: data.advertise,
    insecure: data.insecure === true,
    metadata: data.metadata,
    version: data.version,
  });
}

/** @throws {@link InvalidOptionsError} listing every fault. */
export function resolveAnonymousOptions(options: AnonymousOptions): ResolvedAnonymousOptions {
  const data = check(anonymousOptions, options, "options of an anonymous caller");
  return Object.freeze({ ...data, ...filledIn(data, ANONYMOUS, false) });
}

/** @throws {@link InvalidOptionsError} listing every fault. */
export function checkTlsOptions(options: TlsOptions): TlsOptions {
  return check(tlsOptions, options, "tls");
}

/** What only harbors have, and what they must have. */
function roleFaults(
  { address, export: exported, harbors, harborSecrets, secrets }: z.output<typeof nodeOptions>,
  options: NodeOptions,
): string[] {
  if (isHarbor(address)) {
    if (harbors === undefined)
      return [
        "harbors: an address of type 255 is that of a harbor: say where it finds the harbors of other groups, the same discovery perhaps",
      ];
    if (harborSecrets?.some((one) => secrets.includes(one)) === true)
      return ["harborSecrets: one of them is in secrets too: any node that has it could claim to be a harbor"];
    return [];
  }
  const given = { harbors, harborSecrets, harbor: options.harbor, export: exported === "enforced" ? exported : undefined };
  return Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}${name === "export" ? ' "enforced"' : ""}: is for harbors, whose addresses have type 255`],
  );
}

function check<O, I>(schema: z.ZodType<O, z.ZodTypeDef, I>, options: unknown, what: string): O {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  throw new InvalidOptionsError(
    what,
    result.error.issues.map((issue) => {
      if (issue.path.length === 0) return faultOf(issue);
      const key = issue.path.join(".");
      const variable = VARIABLES[key];
      const isMissing = variable !== undefined && (options as Record<string, unknown>)[key] === undefined;
      return `${key}: ${isMissing ? `is missing; optionsFromEnv() takes it from ${variable}` : faultOf(issue)}`;
    }),
  );
}

/** What has no place in a schema: parts made of other parts, and limits that depend on each other. */
function filledIn(data: z.output<z.ZodObject<typeof common>>, address: LogicalAddress, insecure: boolean) {
  const { maxBufferedBytes, highWaterBytes, slowPeerBytes } = data.link;
  if (!(highWaterBytes <= maxBufferedBytes && maxBufferedBytes <= slowPeerBytes)) {
    throw new InvalidOptionsError("node options", ["link: highWaterBytes, maxBufferedBytes and slowPeerBytes must not fall in this order"]);
  }
  const clock = data.clock ?? systemClock;
  const logger = data.logger === false ? silentLogger : (data.logger ?? consoleLogger);
  if (data.tls !== undefined && data.transport !== undefined) {
    throw new InvalidOptionsError("node options", ["tls: a transport of your own is given, and it has to do this itself"]);
  }
  const { cluster, secrets } = data;
  const tls = data.tls && new NodeTls(data.tls, { address, cluster, insecure, clock, logger }, secrets);
  return {
    logger,
    clock,
    random: data.random ?? systemRandom,
    tls,
    transport: data.transport ?? tls?.transport ?? new TcpTransport({ clock }),
  };
}
