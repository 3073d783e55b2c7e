/** `clusterts get`, `set`, `del` and `watch`: keys and values of the discovery server. */
import { parseArgs } from "node:util";
import type { KeyValue, KeyValueEntry } from "../discovery/key-value.js";
import { RpcError } from "../errors.js";
import { CLUSTER_HELP, CLUSTER_OPTIONS, Cluster } from "./cluster.js";
import { type Command, type CommandContext, CommandError, UsageError } from "./command.js";
import { stdinText } from "./stdin.js";

const EXIT = `Exit codes: 0 done, 1 it could not be done (get, del: there is no such key), 2 wrong use of this command,
3 the discovery server was not reached or did not answer.
`;

/** The server may have the key: scripts should not take it for one that is not there. */
const NO_ANSWER = 3;

const WRITE_OPTIONS = { ...CLUSTER_OPTIONS, "if-revision": { type: "string" } } as const;
const WRITE_HELP = `      --if-revision <n>       only when the key's revision is this one, as get --json prints it; 0: only when there is no such key
${CLUSTER_HELP}`;

export const get: Command = {
  help: `Usage: clusterts get <key> [options]
       clusterts get --prefix <prefix> [options]

Prints the value of a key and a line feed; or all keys that begin with a prefix, with their values.

Options:
      --prefix <prefix>       list these ("" for all)
${CLUSTER_HELP}
${EXIT}`,
  run: async (args, context) => {
    const options = { ...CLUSTER_OPTIONS, prefix: { type: "string" } } as const;
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const { prefix } = values;
    if ((prefix === undefined ? 1 : 0) !== positionals.length) throw new UsageError("give one key, or --prefix");
    return await withKeys(values, context, async (keys, timeoutMs) => {
      if (prefix !== undefined) {
        const entries = await keys.list(prefix, { timeoutMs });
        if (values.json) context.stdout(`${JSON.stringify(entries.map(asJson), undefined, 2)}\n`);
        else for (const { key, value } of entries) context.stdout(`${key} = ${value}\n`);
        return 0;
      }
      const entry = await keys.get(positionals[0]!, { timeoutMs });
      if (entry === undefined) throw new CommandError(`there is no key ${JSON.stringify(positionals[0])}`);
      context.stdout(values.json ? `${JSON.stringify(asJson(entry))}\n` : `${entry.value}\n`);
      return 0;
    });
  },
};

export const set: Command = {
  help: `Usage: clusterts set <key> <value> [options]

Writes a value, and prints its revision once it is safe. With "-" the value is read from standard input.

Options:
${WRITE_HELP}
${EXIT}`,
  run: async (args, context) => {
    const { values, positionals } = parseArgs({ args: [...args], options: WRITE_OPTIONS, allowPositionals: true });
    const [key, value] = positionals;
    if (key === undefined || value === undefined || positionals.length > 2) throw new UsageError("give a key and a value");
    return await withKeys(values, context, async (keys, timeoutMs) => {
      const text = value === "-" ? stdinText() : value;
      const revision = await keys.set(key, text, { timeoutMs, ifRevision: revisionOf(values["if-revision"]) });
      context.stdout(values.json ? `${JSON.stringify({ key, revision: String(revision) })}\n` : `${key}: revision ${revision}\n`);
      return 0;
    });
  },
};

export const del: Command = {
  help: `Usage: clusterts del <key> [options]

Takes a key away.

Options:
${WRITE_HELP}
${EXIT}`,
  run: async (args, context) => {
    const { values, positionals } = parseArgs({ args: [...args], options: WRITE_OPTIONS, allowPositionals: true });
    const [key] = positionals;
    if (key === undefined || positionals.length > 1) throw new UsageError("give one key");
    return await withKeys(values, context, async (keys, timeoutMs) => {
      const deleted = await keys.delete(key, { timeoutMs, ifRevision: revisionOf(values["if-revision"]) });
      if (!deleted && !values.json) throw new CommandError(`there is no key ${JSON.stringify(key)}`);
      context.stdout(values.json ? `${JSON.stringify({ key, deleted })}\n` : `${key}: deleted\n`);
      return deleted ? 0 : 1;
    });
  },
};

export const watch: Command = {
  help: `Usage: clusterts watch [prefix] [options]

Prints the keys that begin with a prefix, then each change, until it is told to end (Ctrl-C). Waits when the server is away.

Options:
      --count <n>             ends after so many changes
${CLUSTER_HELP}
${EXIT}`,
  run: async (args, context) => {
    const options = { ...CLUSTER_OPTIONS, count: { type: "string" } } as const;
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    if (positionals.length > 1) throw new UsageError("give one prefix");
    let left = values.count === undefined ? Number.POSITIVE_INFINITY : Number(values.count);
    if (!(left > 0)) throw new UsageError(`--count is a number above 0, not "${values.count}"`);
    return await withKeys(values, context, async (keys) => {
      const say = (change: "is" | "set" | "deleted", key: string, entry: KeyValueEntry | undefined): void => {
        if (values.json) context.stdout(`${JSON.stringify({ change, key, ...(entry && asJson(entry)) })}\n`);
        else context.stdout(entry === undefined ? `${key} deleted\n` : `${key} = ${entry.value}\n`);
        if (change !== "is") left--;
      };
      for await (const event of keys.watch(positionals[0] ?? "", context.signal)) {
        if (event.type === "snapshot") for (const entry of event.entries) say("is", entry.key, entry);
        else {
          for (const entry of event.put) if (left > 0) say("set", entry.key, entry);
          for (const key of event.removed) if (left > 0) say("deleted", key, undefined);
        }
        if (left <= 0) break;
      }
      return 0;
    });
  },
};

async function withKeys(
  values: ConstructorParameters<typeof Cluster>[0],
  context: CommandContext,
  work: (keys: KeyValue, timeoutMs: number) => Promise<number>,
): Promise<number> {
  const cluster = new Cluster(values, context);
  const discovery = cluster.discovery();
  if (!("keyValue" in discovery)) throw new CommandError("this discovery has no keys and values; the discovery server has");
  await using open = discovery as typeof discovery & { readonly keyValue: KeyValue } & AsyncDisposable;
  try {
    return await work(open.keyValue, cluster.timeoutMs);
  } catch (error) {
    if (!RpcError.is(error)) throw error;
    const isAnswer = error.code !== "UNAVAILABLE" && error.code !== "DEADLINE_EXCEEDED";
    throw new CommandError(error.message, isAnswer ? 1 : NO_ANSWER);
  }
}

function asJson({ key, value, revision }: KeyValueEntry): object {
  return { key, value, revision: String(revision) };
}

function revisionOf(text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,19}$/.test(text)) throw new UsageError(`--if-revision is a whole number, not "${text}"`);
  return BigInt(text);
}
