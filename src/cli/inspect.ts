/** `clusterts inspect`: a page that shows what the cluster is doing. */
import { once } from "node:events";
import { parseArgs } from "node:util";
import { InvalidOptionsError } from "../errors.js";
import { messageOf } from "../internal/message-of.js";
import { CLUSTER_HELP, CLUSTER_OPTIONS, Cluster } from "./cluster.js";
import { type Command, type CommandContext, CommandError, UsageError } from "./command.js";
import { secretsOf } from "./secrets.js";

const HELP = `Usage: clusterts inspect [--listen <host:port>] [options]

Serves a page that shows the nodes by group and type, their links, calls in flight and slowest methods, live; the same as
JSON at /cluster.json. Nodes are asked only while somebody looks. Ends at SIGINT or SIGTERM.

Options:
  -l, --listen <host:port>    where (default 127.0.0.1:8120; port 0 takes a free one)
      --token-file <file>     holds what those who look must give, 16 characters or more (default: the file in
                              CLUSTERTS_INSPECT_TOKEN_FILE, or the text in CLUSTERTS_INSPECT_TOKEN);
                              required unless --listen is on this machine only
      --token <text>          the same as an argument, which others on this machine can read in the list of processes
${CLUSTER_HELP}
Exit codes: 0 ended as told, 1 it could not start, 2 wrong use of this command.
`;

const OPTIONS = {
  ...CLUSTER_OPTIONS,
  listen: { type: "string", short: "l" },
  token: { type: "string" },
  "token-file": { type: "string" },
} as const;

export const inspect: Command = { help: HELP, run };

async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const cluster = new Cluster(values, context);
  const token = tokenOf(values, context);
  const { Inspector } = await import("../inspector/inspector.js");
  let inspector: InstanceType<typeof Inspector>;
  try {
    inspector = await new Inspector({
      discovery: cluster.discovery(),
      cluster: cluster.name,
      secrets: cluster.secrets,
      tls: cluster.tls,
      listen: values.listen,
      token,
    }).start();
  } catch (error) {
    if (error instanceof InvalidOptionsError) throw new UsageError(error.message);
    throw new CommandError(messageOf(error));
  }
  const url = `http://${inspector.endpoint}/${token === undefined ? "" : `?token=${encodeURIComponent(token)}`}`;
  context.stdout(values.json ? `${JSON.stringify({ url })}\n` : `inspector: ${url}\n`);
  if (!context.signal.aborted) await once(context.signal, "abort");
  await inspector.close();
  return 0;
}

/** @throws {@link CommandError} when a file cannot be read, {@link UsageError} when two are given. */
function tokenOf(values: { readonly token?: string; readonly "token-file"?: string }, context: CommandContext): string | undefined {
  const { token, "token-file": file } = values;
  if (token !== undefined && file !== undefined) throw new UsageError("give --token or --token-file, not both");
  if (token !== undefined) return token;
  const path = file ?? context.env.CLUSTERTS_INSPECT_TOKEN_FILE;
  if (path === undefined || path === "") return context.env.CLUSTERTS_INSPECT_TOKEN;
  const [only, ...more] = secretsOf([path], context);
  if (more.length > 0) throw new CommandError(`the inspector has one token, and ${path} has several lines`);
  return only;
}
