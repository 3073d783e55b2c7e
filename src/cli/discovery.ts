/** `clusterts discovery`: runs the built-in discovery server until it is told to end. */
import { once } from "node:events";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { isLoopbackHost, parseEndpoint } from "../addr/endpoint.js";
import type { Logger } from "../internal/logger.js";
import { messageOf } from "../internal/message-of.js";
import { tlsOf } from "./cluster.js";
import { type Command, type CommandContext, UsageError } from "./command.js";
import { secretsOf } from "./secrets.js";

const HELP = `Usage: clusterts discovery [--listen <host:port>] [--data <file>] [options]

Runs a discovery server. Nodes use it with discoveryServer("host:port"), in any starting order. Ends at SIGTERM or SIGINT;
the entries of nodes that run stay, and the nodes do not notice.

Options:
  -l, --listen <host:port>    where to listen (default 127.0.0.1:8110; port 0 takes a free one)
  -d, --data <file>           keeps nodes and keys there and in <file>.log; may be a list of nodes to begin with:
                              { "nodes": [{ "address": "1.1.1", "endpoint": "10.0.1.7:8011" }] }
                              Without it nothing is kept.
      --cluster <name>        name of the cluster (default: CLUSTERTS_CLUSTER, or "default")
      --secret-file <file>    a secret of 32 bytes or more per line; repeatable (default: the file in CLUSTERTS_SECRET_FILE,
                              or the text in CLUSTERTS_SECRET)
                              CLUSTERTS_TLS_CA, CLUSTERTS_TLS_CERT and CLUSTERTS_TLS_KEY name files for TLS
      --insecure              take connections from other machines without a secret
      --lease <ms>            milliseconds without a word from a node until it is removed (default 10000)
      --address <g.t.i>       its logical address (default 4095.254.4095)
      --json                  print one line of JSON when it listens, for programs
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
  json: { type: "boolean" },
} as const;

export const discovery: Command = { help: HELP, run };

async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const { DEFAULT_LISTEN, startDiscoveryServer } = await import("../discovery/server/index.js");
  const { listen = DEFAULT_LISTEN, data, cluster = context.env.CLUSTERTS_CLUSTER, insecure, lease, address } = values;
  const { signal } = context; // from now on SIGTERM and SIGINT are for this command
  try {
    const secrets = secretsOf(values["secret-file"] ?? [], context);
    const tls = tlsOf(context);
    if (secrets.length === 0 && tls?.ca === undefined && !insecure && !isLoopbackHost(parseEndpoint(listen).host))
      throw new UsageError(`--listen ${listen} is open to other machines: give it a --secret-file, or say --insecure`);
    const server = await startDiscoveryServer({
      listen,
      secrets,
      tls,
      logger: loggerTo(context),
      ...(data !== undefined && { data: resolve(context.cwd, data) }),
      ...(cluster !== undefined && { cluster }),
      ...(insecure && { insecure }),
      ...(lease !== undefined && { leaseMs: Number(lease) }),
      ...(address !== undefined && { address: address as `${number}.${number}.${number}` }),
    });
    const { endpoint, members, epoch } = server.status();
    const kept = data === undefined ? ", nothing is kept" : ` in ${data}`;
    const text = `discovery server listens on ${endpoint}, ${members} members${kept}\nstore ${epoch}\n`;
    context.stdout(values.json ? `${JSON.stringify({ endpoint, members, epoch, data })}\n` : text);
    if (!signal.aborted) await once(signal, "abort");
    await server.close();
    return 0;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error.name === "UsageError" || error.name === "CommandError") throw error;
    if (error.name === "InvalidOptionsError" || error.name === "InvalidAddressError") throw new UsageError(messageOf(error));
    context.stderr(`clusterts discovery: ${messageOf(error)}\n`);
    return 1;
  }
}

/** What happens while it runs, on stderr. */
function loggerTo({ stderr }: CommandContext): Logger {
  const at =
    (level: string) =>
    (_fields: object, message: string): void =>
      stderr(`${new Date().toISOString()} ${level} ${message}\n`);
  return { trace() {}, debug() {}, info: at("info"), warn: at("warn"), error: at("error") };
}
