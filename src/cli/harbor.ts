/** `clusterts harbor`: runs a harbor, and nothing else, until it is told to end. */
import { once } from "node:events";
import { parseArgs } from "node:util";
import type { AddressText } from "../addr/logical-address.js";
import { messageOf } from "../internal/message-of.js";
import { Cluster } from "./cluster.js";
import { type Command, type CommandContext, CommandError, UsageError } from "./command.js";

const HELP = `Usage: clusterts harbor --address <g.255.i> [--listen <host:port>] [options]

Runs a harbor: nodes of its group, and nodes of other groups that have one, reach each other over it. Start two per group. Ends at
SIGTERM or SIGINT, when what is under way has been answered.

Options:
  -a, --address <g.255.i>          its logical address, of type 255
  -l, --listen <host:port>         where to listen (default: as a file says, else 127.0.0.1 and a free port)
      --advertise <host[:port]>    where others reach it, where that is not where it listens
      --discovery <where>          of its group: host:port of the discovery server, or file:<path> (default: CLUSTERTS_DISCOVERY)
      --harbors <where>            of the harbors (default: the same as --discovery)
      --cluster <name>             name of the cluster (default: CLUSTERTS_CLUSTER, or "default")
      --secret-file <file>         holds the group's secret, or several, a line each; repeatable (default: the file in
                                   CLUSTERTS_SECRET_FILE, or the text in CLUSTERTS_SECRET)
      --harbor-secret-file <file>  the same for harbors (default: the text in CLUSTERTS_HARBOR_SECRET); without it, any node with the
                                   group's secret could claim to be one
      --enforce-export             let other groups reach exported nodes only
      --insecure                   take connections from other machines without a secret
                                   (CLUSTERTS_TLS_CA, _CERT and _KEY name files for TLS)
      --timeout <ms>               longest time to start, and to end (default 10000)
      --json                       print one line of JSON when it listens, for programs
      --help                       this text

Exit codes: 0 ended as told, 1 it could not start, 2 wrong use of this command.
`;

const OPTIONS = {
  address: { type: "string", short: "a" },
  listen: { type: "string", short: "l" },
  advertise: { type: "string" },
  discovery: { type: "string" },
  harbors: { type: "string" },
  cluster: { type: "string" },
  "secret-file": { type: "string", multiple: true },
  "harbor-secret-file": { type: "string", multiple: true },
  "enforce-export": { type: "boolean" },
  insecure: { type: "boolean" },
  timeout: { type: "string", default: "10000" },
  json: { type: "boolean" },
} as const;

export const harbor: Command = { help: HELP, run };

async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const { address, advertise, harbors, listen, "harbor-secret-file": harborFile } = values;
  if (address === undefined) throw new UsageError("which harbor is it? Give --address, such as 1.255.1");
  const group = new Cluster(values, context);
  const { CLUSTERTS_HARBOR_SECRET: harborSecret } = context.env;
  const hasOwnSecret = harborFile !== undefined || (harborSecret ?? "") !== "";
  const env = { ...context.env, CLUSTERTS_SECRET: harborSecret, CLUSTERTS_SECRET_FILE: undefined };
  const between = hasOwnSecret
    ? new Cluster({ ...values, discovery: harbors, "secret-file": harborFile }, { ...context, env })
    : new Cluster({ ...values, discovery: harbors }, context);
  const discovery = group.discovery();
  const { startNode } = await import("../node/node.js");
  try {
    const node = await startNode({
      address: address as AddressText,
      discovery,
      harbors: harbors === undefined ? discovery : between.discovery(),
      cluster: group.name,
      secrets: group.secrets,
      ...(hasOwnSecret && { harborSecrets: between.secrets }),
      ...(listen !== undefined && { listen }),
      ...(advertise !== undefined && { advertise }),
      ...(values["enforce-export"] && { export: "enforced" }),
      ...(group.tls !== undefined && { tls: group.tls }),
      ...(values.insecure && { insecure: true }),
      timeoutMs: group.timeoutMs,
      signal: context.signal,
    });
    const { endpoint } = node.status();
    context.stdout(values.json ? `${JSON.stringify({ address, endpoint })}\n` : `harbor ${address} listens on ${endpoint}\n`);
    if (!context.signal.aborted) await once(context.signal, "abort");
    await node.close({ timeoutMs: group.timeoutMs });
    return 0;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error.name === "InvalidOptionsError" || error.name === "InvalidAddressError") throw new UsageError(messageOf(error));
    throw new CommandError(messageOf(error));
  }
}
