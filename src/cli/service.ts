/** `clusterts drain` and `clusterts available`: takes a node out of service, and back. */
import { parseArgs } from "node:util";
import { formatAddress } from "../addr/logical-address.js";
import type { Member } from "../discovery/discovery.js";
import type { ServerDiscovery } from "../discovery/server/adapter.js";
import { RpcError } from "../errors.js";
import { Node } from "../gen/clusterts/node.js";
import { addressOf, Cluster, NODE_HELP, NODE_OPTIONS } from "./cluster.js";
import { type Command, type CommandContext, CommandError, UsageError } from "./command.js";

const EXIT = "Exit codes: 0 done, 1 it could not be done, 2 wrong use of this command.\n";

export const drain: Command = {
  help: `Usage: clusterts drain <address> [options]

Takes a node out of service: nobody picks it any more, what it has begun goes on, and those who know its address still
reach it. It stays so until "clusterts available", or until its process starts anew.

Options:
${NODE_HELP}
${EXIT}`,
  run: (args, context) => setAvailable(false, args, context),
};

export const available: Command = {
  help: `Usage: clusterts available <address> [options]

Puts a node back into service that "clusterts drain" has taken out.

Options:
${NODE_HELP}
${EXIT}`,
  run: (args, context) => setAvailable(true, args, context),
};

async function setAvailable(wanted: boolean, args: readonly string[], context: CommandContext): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options: NODE_OPTIONS, allowPositionals: true });
  const [text] = positionals;
  if (text === undefined || positionals.length > 1) throw new UsageError("give one address, such as 1.1.1");
  const address = addressOf(text);
  const cluster = new Cluster(values, context);
  const member = values.endpoint === undefined ? (await cluster.members()).find((each) => each.address === address) : undefined;
  // Configured by hand: the entry is the store's, not the node's.
  if (member !== undefined && member.incarnation === undefined) await reconfigure(cluster, member, wanted);
  else await tellNode(cluster, text, wanted);
  const said = { address: formatAddress(address), available: wanted };
  context.stdout(values.json ? `${JSON.stringify(said)}\n` : `${said.address} is ${wanted ? "in service" : "out of service"}\n`);
  return 0;
}

async function reconfigure(cluster: Cluster, member: Member, wanted: boolean): Promise<void> {
  const discovery = cluster.discovery();
  if (!("putNode" in discovery)) {
    throw new CommandError(`${formatAddress(member.address)} is configured in a file: write "available": ${wanted} into its entry there`);
  }
  await using server = discovery as ServerDiscovery;
  try {
    await server.putNode({ ...member, available: wanted });
  } catch (error) {
    throw RpcError.is(error) ? new CommandError(error.message) : error;
  }
}

async function tellNode(cluster: Cluster, address: string, wanted: boolean): Promise<void> {
  const caller = await cluster.connect(address);
  try {
    await Node.Call(caller).setAvailable({ available: wanted }, { timeoutMs: cluster.timeoutMs });
  } catch (error) {
    throw RpcError.is(error) ? new CommandError(error.message) : error;
  } finally {
    await caller.close({ timeoutMs: 1 });
  }
}
