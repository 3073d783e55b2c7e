/** `clusterts bench`: how many calls a second a node answers, and how fast. */
import { parseArgs } from "node:util";
import { formatAddress } from "../addr/logical-address.js";
import { RpcError } from "../errors.js";
import { bytesMethod } from "./bytes-method.js";
import { Cluster, NODE_HELP, NODE_OPTIONS, positive } from "./cluster.js";
import { type Command, type CommandContext, CommandError, UsageError } from "./command.js";
import { methodsIn } from "./proto-methods.js";
import { findMethod, requestOf } from "./proto-request.js";

const HELP = `Usage: clusterts bench <address> [<method> [json] --proto <folder>] [options]

Keeps a number of calls under way for some seconds and prints calls per second and how long they took. Without a method
it calls one that every node has and that does nothing. This process has one thread: it is at its limit before most nodes.

Options:
      --proto <folder>        where the .proto files of the method are; repeatable
      --concurrency <n>       calls under way at once (default 64)
      --seconds <n>           how long (default 5)
${NODE_HELP}
Exit codes: 0 done, 1 a call failed, 2 wrong use of this command.
`;

const OPTIONS = {
  ...NODE_OPTIONS,
  proto: { type: "string", multiple: true },
  concurrency: { type: "string" },
  seconds: { type: "string" },
} as const;

export const bench: Command = { help: HELP, run };

async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  const [address, name, json = "{}"] = positionals;
  if (address === undefined || positionals.length > 3) throw new UsageError("give one address, such as 1.1.1");
  if (name !== undefined && values.proto === undefined) throw new UsageError("--proto <folder> is missing: where are the .proto files?");
  const concurrency = positive("--concurrency", values.concurrency, 64);
  const ms = positive("--seconds", values.seconds, 5) * 1_000;
  const { methodName, request } = await whatToCall(name, json, values.proto, context);
  const cluster = new Cluster(values, context);
  const caller = await cluster.connect(address);
  const method = bytesMethod(methodName);
  const times: number[] = [];
  try {
    await caller.invoke(undefined, method, request, { timeoutMs: cluster.timeoutMs, signal: context.signal }); // opens the link
    const began = performance.now();
    const until = began + ms;
    const worker = async (): Promise<void> => {
      for (let now = performance.now(); now < until && !context.signal.aborted; ) {
        await caller.invoke(undefined, method, request, { timeoutMs: cluster.timeoutMs });
        const after = performance.now();
        times.push(after - now);
        now = after;
      }
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
    report(formatAddress(caller.to), methodName, concurrency, times, performance.now() - began, values.json === true, context);
    return 0;
  } catch (error) {
    if (!RpcError.is(error)) throw error;
    throw new CommandError(
      error.code === "UNIMPLEMENTED" && name === undefined ? `${error.message}; name a method of its own` : error.message,
    );
  } finally {
    await caller.close({ timeoutMs: 1 });
  }
}

async function whatToCall(
  name: string | undefined,
  json: string,
  folders: readonly string[] | undefined,
  context: CommandContext,
): Promise<{ methodName: string; request: Uint8Array }> {
  if (name === undefined) return { methodName: "clusterts.Node/ping", request: new Uint8Array(0) };
  const method = findMethod(await methodsIn(folders ?? [], context.cwd), name);
  return { methodName: method.name, request: requestOf(method, json) };
}

function report(
  address: string,
  method: string,
  concurrency: number,
  times: number[],
  tookMs: number,
  json: boolean,
  { stdout }: CommandContext,
): void {
  times.sort((a, b) => a - b);
  const at = (share: number): number => Number((times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0).toFixed(3));
  const callsPerSecond = Math.round((times.length / tookMs) * 1_000);
  const result = { address, method, concurrency, calls: times.length, callsPerSecond, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
  if (json) return stdout(`${JSON.stringify(result)}\n`);
  stdout(
    `${method} on ${address}, ${concurrency} at once: ${callsPerSecond} calls/s; p50 ${result.p50Ms} ms, p99 ${result.p99Ms} ms, max ${result.maxMs} ms\n`,
  );
}
