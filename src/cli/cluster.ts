/** What all commands share that talk to a cluster: where discovery is, the secret, the way to a node. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { formatAddress, type LogicalAddress, parseAnyAddress } from "../addr/logical-address.js";
import type { Discovery, Member } from "../discovery/discovery.js";
import { discoveryFromText } from "../env/discovery-from-text.js";
import { silentLogger } from "../internal/logger.js";
import { messageOf } from "../internal/message-of.js";
import { type AnonymousCaller, connectAnonymously } from "../node/anonymous-caller.js";
import { type CommandContext, CommandError, UsageError } from "./command.js";

/** For `parseArgs`. */
export const CLUSTER_OPTIONS = {
  discovery: { type: "string" },
  cluster: { type: "string" },
  "secret-file": { type: "string" },
  timeout: { type: "string" },
  json: { type: "boolean" },
} as const;

/** For commands that talk to one node. */
export const NODE_OPTIONS = { ...CLUSTER_OPTIONS, endpoint: { type: "string" } } as const;

export const CLUSTER_HELP = `      --discovery <where>     host:port of the discovery server, or file:<path> (default: CLUSTERTS_DISCOVERY)
      --cluster <name>        name of the cluster (default: CLUSTERTS_CLUSTER, or "default")
      --secret-file <file>    holds the cluster's secret, or several, a line each (default: the text in CLUSTERTS_SECRET)
      --timeout <ms>          longest time to wait for an answer (default 5000)
      --json                  print JSON, for programs
      --help                  this text
`;

export const NODE_HELP = `      --endpoint <host:port>  where the node listens; discovery is not asked then
${CLUSTER_HELP}`;

interface ClusterValues {
  readonly discovery?: string | undefined;
  readonly cluster?: string | undefined;
  readonly "secret-file"?: string | undefined;
  readonly timeout?: string | undefined;
  readonly endpoint?: string | undefined;
}

/** The cluster that a command line means. */
export class Cluster {
  readonly timeoutMs: number;
  readonly name: string;
  readonly secrets: readonly string[];
  readonly #values: ClusterValues;
  readonly #context: CommandContext;

  /** @throws {@link UsageError} @throws {@link CommandError} when the file with the secret cannot be read. */
  constructor(values: ClusterValues, context: CommandContext) {
    this.#values = values;
    this.#context = context;
    this.timeoutMs = positive("--timeout", values.timeout, 5_000);
    this.name = values.cluster ?? context.env.CLUSTERTS_CLUSTER ?? "default";
    this.secrets = secretsOf(values["secret-file"], context);
  }

  /** @throws {@link UsageError} when nobody has said where it is. */
  discovery(): Discovery {
    const where = this.#values.discovery ?? this.#context.env.CLUSTERTS_DISCOVERY;
    if (where === undefined || where === "") throw new UsageError("where is discovery? Give --discovery, or set CLUSTERTS_DISCOVERY");
    // A path is found from where the command was started, which need not be this process's folder.
    const path = /^file:(?:\/\/)?(.+)$/.exec(where)?.[1];
    const text = path === undefined ? where : `file:${resolve(this.#context.cwd, path)}`;
    try {
      return discoveryFromText(text, { cluster: this.name, secrets: this.secrets });
    } catch (error) {
      throw new UsageError(`--discovery: ${messageOf(error)}`);
    }
  }

  /** All that discovery knows now. */
  async members(): Promise<readonly Member[]> {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(new CommandError(`discovery did not answer within ${this.timeoutMs} ms`)), this.timeoutMs);
    const signal = AbortSignal.any([stop.signal, this.#context.signal]);
    try {
      for await (const event of this.discovery().watch(signal)) {
        if (event.type === "snapshot") return event.members;
      }
      throw new CommandError("discovery ended without a word");
    } catch (error) {
      if (signal.aborted && signal.reason instanceof CommandError) throw signal.reason;
      if (error instanceof CommandError || error instanceof UsageError) throw error;
      throw new CommandError(`discovery: ${messageOf(error)}`);
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
    const known = members.map((member) => formatAddress(member.address)).slice(0, 8);
    throw new CommandError(
      `discovery does not know ${formatAddress(to)}; it knows ${known.length === 0 ? "nobody" : known.join(", ")}${members.length > known.length ? ", ..." : ""}`,
    );
  }
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
  if (!Number.isInteger(value) || value <= 0 || value > 2 ** 31 - 1)
    throw new UsageError(`${option} is a whole number above 0, not "${text}"`);
  return value;
}

function secretsOf(path: string | undefined, { cwd, env }: CommandContext): readonly string[] {
  const split = (text: string, by: RegExp): string[] =>
    text
      .split(by)
      .map((each) => each.trim())
      .filter((each) => each !== "");
  if (path === undefined) return split(env.CLUSTERTS_SECRET ?? "", /,/);
  try {
    return split(readFileSync(resolve(cwd, path), "utf8"), /\r?\n/);
  } catch (error) {
    throw new CommandError(messageOf(error));
  }
}
