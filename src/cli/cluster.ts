/** What all commands share that talk to a cluster: where discovery is, the secret, the way to a node. */
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { formatAddress, type LogicalAddress, parseAnyAddress } from "../addr/logical-address.js";
import type { Discovery, Member } from "../discovery/discovery.js";
import { Membership } from "../discovery/membership.js";
import { discoveryFromText } from "../env/discovery-from-text.js";
import { tlsFromFiles } from "../env/tls-from-files.js";
import { silentLogger } from "../internal/logger.js";
import { messageOf } from "../internal/message-of.js";
import { MAX_TIMER_MS } from "../internal/timer-limit.js";
import { type AnonymousCaller, connectAnonymously } from "../node/anonymous-caller.js";
import type { TlsOptions } from "../transport/tls-options.js";
import { type CommandContext, CommandError, UsageError } from "./command.js";
import { secretsOf } from "./secrets.js";

/** For `parseArgs`. */
export const CLUSTER_OPTIONS = {
  discovery: { type: "string" },
  cluster: { type: "string" },
  "secret-file": { type: "string", multiple: true },
  timeout: { type: "string" },
  json: { type: "boolean" },
} as const;

/** For commands that talk to one node. */
export const NODE_OPTIONS = { ...CLUSTER_OPTIONS, endpoint: { type: "string" } } as const;

export const CLUSTER_HELP = `      --discovery <where>     host:port of the discovery server, or file:<path> (default: CLUSTERTS_DISCOVERY)
      --cluster <name>        name of the cluster (default: CLUSTERTS_CLUSTER, or "default")
      --secret-file <file>    holds the cluster's secret, or several, a line each (default: the file in
                              CLUSTERTS_SECRET_FILE, or the text in CLUSTERTS_SECRET)
                              under TLS, CLUSTERTS_TLS_CA, CLUSTERTS_TLS_CERT and CLUSTERTS_TLS_KEY name files
      --timeout <ms>          longest time to wait for an answer (default 5000)
      --json                  print JSON, for programs
      --help                  this text
`;

export const NODE_HELP = `      --endpoint <host:port>  where the node listens; discovery is not asked then
${CLUSTER_HELP}`;

interface ClusterValues {
  readonly discovery?: string | undefined;
  readonly cluster?: string | undefined;
  readonly "secret-file"?: readonly string[] | undefined;
  readonly timeout?: string | undefined;
  readonly endpoint?: string | undefined;
}

/** Milliseconds until a discovery is asked again that did not answer. */
const ASK_AGAIN_MS = 200;

/** The cluster that a command line means. */
export class Cluster {
  readonly timeoutMs: number;
  readonly name: string;
  readonly secrets: readonly string[];
  readonly tls: TlsOptions | undefined;
  readonly #values: ClusterValues;
  readonly #context: CommandContext;

  /** @throws {@link UsageError} @throws {@link CommandError} when the file with the secret cannot be read. */
  constructor(values: ClusterValues, context: CommandContext) {
    this.#values = values;
    this.#context = context;
    this.timeoutMs = positive("--timeout", values.timeout, 5_000);
    this.name = values.cluster ?? context.env.CLUSTERTS_CLUSTER ?? "default";
    this.secrets = secretsOf(values["secret-file"] ?? [], context);
    this.tls = tlsOf(context);
  }

  /** @throws {@link UsageError} when nobody has said where it is. */
  discovery(): Discovery {
    const where = this.#values.discovery ?? this.#context.env.CLUSTERTS_DISCOVERY;
    if (where === undefined || where === "") throw new UsageError("where is discovery? Give --discovery, or set CLUSTERTS_DISCOVERY");
    // A path is found from where the command was started, which need not be this process's folder.
    const path = /^file:(?:\/\/)?(.+)$/.exec(where)?.[1];
    const text = path === undefined ? where : `file:${resolve(this.#context.cwd, path)}`;
    try {
      // Sooner than the whole: what is wrong with the way to it is a better answer than that the time is over.
      const reachTimeoutMs = Math.ceil(this.timeoutMs * 0.6);
      return discoveryFromText(text, { cluster: this.name, secrets: this.secrets, tls: this.tls, reachTimeoutMs });
    } catch (error) {
      throw new UsageError(`--discovery: ${messageOf(error)}`);
    }
  }

  /** All that discovery knows now. */
  members(): Promise<readonly Member[]> {
    return this.#watch(() => true, false);
  }

  /** All that discovery knows once that is enough, within the timeout; a discovery that does not answer yet is asked again. */
  waitForMembers(isEnough: (members: readonly Member[]) => boolean): Promise<readonly Member[]> {
    return this.#watch(isEnough, true);
  }

  async #watch(isEnough: (members: readonly Member[]) => boolean, asksAgain: boolean): Promise<readonly Member[]> {
    const discovery = this.discovery();
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), this.timeoutMs);
    const signal = AbortSignal.any([stop.signal, this.#context.signal]);
    const membership = new Membership();
    let problem = `discovery did not answer within ${this.timeoutMs} ms`;
    try {
      while (!signal.aborted) {
        try {
          for await (const event of discovery.watch(signal)) {
            membership.apply(event, performance.now());
            const members = [...membership.values()];
            if (isEnough(members)) return members;
            problem = `after ${this.timeoutMs} ms discovery knows ${members.length === 0 ? "nobody" : someOf(members)}`;
          }
        } catch (error) {
          if (!signal.aborted) problem = `discovery: ${messageOf(error)}`;
        }
        if (!asksAgain) break;
        await sleep(ASK_AGAIN_MS, undefined, { signal }).catch(() => {}); // aborted: the loop ends
      }
      throw new CommandError(this.#context.signal.aborted ? "interrupted" : problem);
    } finally {
      clearTimeout(timer);
      stop.abort();
    }
  }

  /** A caller of the node `text`. To be closed. */
  async connect(text: string): Promise<AnonymousCaller> {
    const to = addressOf(text);
    const endpoint = this.#values.endpoint ?? (await this.#endpointOf(to));
    try {
      return connectAnonymously({
        to,
        endpoint,
        cluster: this.name,
        secrets: this.secrets,
        tls: this.tls,
        logger: silentLogger, // what matters becomes the error of the call
        link: { reachTimeoutMs: this.timeoutMs },
      });
    } catch (error) {
      throw new CommandError(messageOf(error));
    }
  }

  async #endpointOf(to: LogicalAddress): Promise<string> {
    const members = await this.members();
    const found = members.find((member) => member.address === to);
    if (found !== undefined) return found.endpoint;
    throw new CommandError(`discovery does not know ${formatAddress(to)}; it knows ${members.length === 0 ? "nobody" : someOf(members)}`);
  }
}

function someOf(members: readonly Member[]): string {
  const addresses = members.slice(0, 8).map((member) => formatAddress(member.address));
  return `${addresses.join(", ")}${members.length > addresses.length ? ", ..." : ""}`;
}

/** @throws {@link UsageError} */
export function addressOf(text: string): LogicalAddress {
  try {
    return parseAnyAddress(text);
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

/** @throws {@link UsageError} */
export function positive(option: string, text: string | undefined, standard: number): number {
  if (text === undefined) return standard;
  const value = Number(text);
  if (!Number.isInteger(value) || value <= 0 || value > MAX_TIMER_MS)
    throw new UsageError(`${option} is a whole number above 0, not "${text}"`);
  return value;
}

/** The files that `CLUSTERTS_TLS_CA`, `CLUSTERTS_TLS_CERT` and `CLUSTERTS_TLS_KEY` name. */
export function tlsOf({ cwd, env }: CommandContext): TlsOptions | undefined {
  try {
    return tlsFromFiles({ ca: env.CLUSTERTS_TLS_CA, cert: env.CLUSTERTS_TLS_CERT, key: env.CLUSTERTS_TLS_KEY }, cwd);
  } catch (error) {
    throw new CommandError(`TLS: ${messageOf(error)}`);
  }
}
