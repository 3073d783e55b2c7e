/** `clusterts discovery`: runs the built-in discovery server until it is told to end. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { isLoopbackHost, parseEndpoint } from "../addr/endpoint.js";
import type { Logger } from "../internal/logger.js";
import { messageOf } from "../internal/message-of.js";
import { type Command, type CommandContext, UsageError } from "./command.js";

const HELP = `Usage: clusterts discovery [--listen <host:port>] [--data <file>] [options]

Runs a discovery server. Nodes use it with discoveryServer("host:port"), in any starting order. Ends at SIGTERM or SIGINT;
the entries of nodes that run stay, and the nodes do not notice.

Options:
  -l, --listen <host:port>    where to listen (default 127.0.0.1:8110; port 0 takes a free one)
  -d, --data <file>           keeps nodes and keys there and in <file>.log; may be a list of nodes to begin with:
                              { "nodes": [{ "address": "1.1.1", "endpoint": "10.0.1.7:8011" }] }
                              Without it nothing is kept.
      --cluster <name>        name of the cluster (default "default")
      --secret-file <file>    a secret of 32 bytes or more per line; repeatable. CLUSTERTS_SECRET in the environment is one more
      --insecure              take connections from other machines without a secret
      --lease <ms>            milliseconds without a word from a node until it is removed (default 10000)
      --address <g.t.i>       its logical address (default 4095.254.4095)
      --help                  this text

Exit codes: 0 ended as told, 1 it could not start, 2 wrong use of this command.
`;

const OPTIONS = {
  listen: { type: "string", short: "l" },
  data: { type: "string", short: "d" },
  cluster: { type: "string" },
  "secret-file": { type: "string", multiple: true },
  insecure: { type: "boolean" },
  lease: { type: "string" },
  address: { type: "string" },
} as const;

/** Environment variable with a secret: a file is better, as others may see a process's environment. */
const SECRET_VARIABLE = "CLUSTERTS_SECRET";

export const discovery: Command = { help: HELP, run };

async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const { DEFAULT_LISTEN, startDiscoveryServer } = await import("../discovery/server/index.js");
  const { listen = DEFAULT_LISTEN, data, cluster, insecure, lease, address } = values;
  const ended = endSignal();
  try {
    const secrets = await secretsOf(values["secret-file"] ?? [], context);
    if (secrets.length === 0 && !insecure && !isLoopbackHost(parseEndpoint(listen).host))
      throw new UsageError(`--listen ${listen} is open to other machines: give it a --secret-file, or say --insecure`);
    const server = await startDiscoveryServer({
      listen,
      secrets,
      logger: loggerTo(context),
      ...(data !== undefined && { data: resolve(context.cwd, data) }),
      ...(cluster !== undefined && { cluster }),
      ...(insecure && { insecure }),
      ...(lease !== undefined && { leaseMs: Number(lease) }),
      ...(address !== undefined && { address: address as `${number}.${number}.${number}` }),
    });
    const { members, epoch } = server.status();
    context.stdout(
      `discovery server listens on ${server.endpoint}, ${members} members${data === undefined ? ", nothing is kept" : ` in ${data}`}\n`,
    );
    context.stdout(`store ${epoch}\n`);
    await ended;
    await server.close();
    return 0;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error.name === "UsageError") throw error;
    if (error.name === "InvalidOptionsError" || error.name === "InvalidAddressError") throw new UsageError(messageOf(error));
    context.stderr(`clusterts discovery: ${messageOf(error)}\n`);
    return 1;
  }
}

/** Resolves at the first signal to end; a second one ends the process as usual. */
async function endSignal(): Promise<void> {
  const abort = new AbortController();
  const { signal } = abort;
  await Promise.race([once(process, "SIGTERM", { signal }), once(process, "SIGINT", { signal })]);
  abort.abort();
}

async function secretsOf(files: readonly string[], { cwd, env }: CommandContext): Promise<string[]> {
  const texts = await Promise.all(files.map((file) => readFile(resolve(cwd, file), "utf8")));
  const secrets = texts.flatMap((text) => text.split(/\r?\n/)).filter((line) => line !== "");
  const variable = env[SECRET_VARIABLE];
  return variable === undefined || variable === "" ? secrets : [...secrets, variable];
}

/** What happens while it runs, on stderr. */
function loggerTo({ stderr }: CommandContext): Logger {
  const at =
    (level: string) =>
    (_fields: object, message: string): void =>
      stderr(`${new Date().toISOString()} ${level} ${message}\n`);
  return { trace() {}, debug() {}, info: at("info"), warn: at("warn"), error: at("error") };
}
