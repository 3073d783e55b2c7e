/** `clusterts ping`: whether a node answers, and how fast. */
import { parseArgs } from "node:util";
import { formatAddress } from "../addr/logical-address.js";
import { RpcError } from "../errors.js";
import type { AnonymousCaller } from "../node/anonymous-caller.js";
import { bytesMethod } from "./bytes-method.js";
import { Cluster, NODE_HELP, NODE_OPTIONS, positive } from "./cluster.js";
import { type Command, type CommandContext, CommandError, UsageError } from "./command.js";

const HELP = `Usage: clusterts ping <address> [options]

Opens a link to a node, calls it some times, one after the other, and prints how long each answer took.

Options:
      --count <n>             calls (default 4)
${NODE_HELP}
Exit codes: 0 it answered, 1 it did not, 2 wrong use of this command.
`;

/** Every node answers this one, be it that it has no such method. */
const PING = bytesMethod("clusterts.Node/ping");
const NOTHING = new Uint8Array(0);

export const ping: Command = { help: HELP, run };

async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const options = { ...NODE_OPTIONS, count: { type: "string" } } as const;
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  const [address] = positionals;
  if (address === undefined || positionals.length > 1) throw new UsageError("give one address, such as 1.1.1");
  const count = positive("--count", values.count, 4);
  const cluster = new Cluster(values, context);
  const caller = await cluster.connect(address);
  const times: number[] = [];
  try {
    for (let i = 0; i < count && !context.signal.aborted; i++) {
      const took = await pingOnce(caller, cluster.timeoutMs, context.signal);
      times.push(took);
      const what = i === 0 ? "link opened and answered" : "answered";
      if (!values.json)
        context.stdout(`${formatAddress(caller.to)} at ${caller.status()?.remote ?? "?"}: ${what} in ${took.toFixed(2)} ms\n`);
    }
    if (values.json)
      context.stdout(`${JSON.stringify({ address: formatAddress(caller.to), remote: caller.status()?.remote, ms: times })}\n`);
    return 0;
  } finally {
    await caller.close({ timeoutMs: 1 });
  }
}

/** Milliseconds until the answer. The first one includes the opening of the link. */
async function pingOnce(caller: AnonymousCaller, timeoutMs: number, signal: AbortSignal): Promise<number> {
  const began = performance.now();
  try {
    await caller.invoke(undefined, PING, NOTHING, { timeoutMs, signal });
  } catch (error) {
    if (!RpcError.is(error)) throw error;
    if (error.code !== "UNIMPLEMENTED") throw new CommandError(error.message);
  }
  return performance.now() - began;
}
