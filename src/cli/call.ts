/** `clusterts call`: one call, request and reply as JSON. */
import { parseArgs } from "node:util";
import { RpcError } from "../errors.js";
import { bytesMethod } from "./bytes-method.js";
import { Cluster, NODE_HELP, NODE_OPTIONS } from "./cluster.js";
import { type Command, type CommandContext, CommandError, UsageError } from "./command.js";
import { methodsIn } from "./proto-methods.js";
import { findMethod, replyOf, requestOf } from "./proto-request.js";
import { stdinText } from "./stdin.js";

const HELP = `Usage: clusterts call <address> <method> [json] --proto <folder> [options]

Calls a method of a node, with a request in JSON, and prints the reply as JSON:

  clusterts call 1.1.1 echo '{"msg":"hello"}' --proto proto
  clusterts call 1.3.7 game.Chat/say '{"room":"lobby","text":"hi"}' --proto proto

Without json the request is empty; with "-" it is read from standard input. A method is named package.Service/method, by
its end as long as that is unique (say, Chat/say), or by the name of a file that declares just request and response.
Without a method, lists those of the folders. Reading .proto files needs protobufjs: npm install --save-dev protobufjs

Options:
      --proto <folder>        where the .proto files are; repeatable
      --metadata <key=value>  sent along; repeatable
${NODE_HELP}
Exit codes: 0 done, 1 the call failed, 2 wrong use of this command.
`;

const OPTIONS = { ...NODE_OPTIONS, proto: { type: "string", multiple: true }, metadata: { type: "string", multiple: true } } as const;

export const call: Command = { help: HELP, run };

async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  const [address, name, json = "{}"] = positionals;
  if (positionals.length > 3) throw new UsageError(`what is "${positionals[3]}"? The request is one argument: quote it, '{"msg":"hello"}'`);
  if (values.proto === undefined) throw new UsageError("--proto <folder> is missing: where are the .proto files?");
  const methods = await methodsIn(values.proto, context.cwd);
  if (name === undefined) {
    if (address !== undefined) throw new UsageError(`which method? ${methods.map((method) => method.name).join(", ")}`);
    for (const method of methods) context.stdout(`${method.name}(${method.input.name}) returns (${method.output.name})\n`);
    return 0;
  }
  const method = findMethod(methods, name);
  const request = requestOf(method, json === "-" ? stdinText() : json);
  const cluster = new Cluster(values, context);
  const caller = await cluster.connect(address!);
  try {
    const reply = await caller.invoke(undefined, bytesMethod(method.name), request, {
      timeoutMs: cluster.timeoutMs,
      signal: context.signal,
      metadata: Object.fromEntries((values.metadata ?? []).map(entryOf)),
    });
    context.stdout(`${JSON.stringify(replyOf(method, reply), undefined, values.json ? undefined : 2)}\n`);
    return 0;
  } catch (error) {
    if (!RpcError.is(error)) throw error;
    if (!values.json) throw new CommandError(error.message);
    context.stdout(`${JSON.stringify({ error })}\n`);
    return 1;
  } finally {
    await caller.close({ timeoutMs: 1 });
  }
}

function entryOf(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at <= 0) throw new UsageError(`--metadata is key=value, not "${text}"`);
  return [text.slice(0, at), text.slice(at + 1)];
}
