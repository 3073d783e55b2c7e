/** Finds and runs the subcommand. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Command, type CommandContext, isCommandError, isUsageError } from "./command.js";
import { packageFolder } from "./package-folder.js";

const COMMANDS: Readonly<Record<string, { readonly summary: string; readonly load: () => Promise<Command> }>> = {
  discovery: { summary: "run a discovery server", load: async () => (await import("./discovery.js")).discovery },
  harbor: { summary: "run a harbor", load: async () => (await import("./harbor.js")).harbor },
  gen: { summary: "generate TypeScript from .proto files", load: async () => (await import("./gen.js")).gen },
  nodes: { summary: "list the nodes that discovery knows", load: async () => (await import("./nodes.js")).nodes },
  status: { summary: "what one node is doing", load: async () => (await import("./status.js")).status },
  drain: { summary: "take a node out of service", load: async () => (await import("./service.js")).drain },
  available: { summary: "put it back into service", load: async () => (await import("./service.js")).available },
  call: { summary: "call a method of a node with JSON", load: async () => (await import("./call.js")).call },
  ping: { summary: "whether a node answers, and how fast", load: async () => (await import("./ping.js")).ping },
  bench: { summary: "how many calls a second a node answers", load: async () => (await import("./bench.js")).bench },
  get: { summary: "read a key of the discovery server", load: async () => (await import("./keys.js")).get },
  set: { summary: "write one", load: async () => (await import("./keys.js")).set },
  del: { summary: "take one away", load: async () => (await import("./keys.js")).del },
  watch: { summary: "follow the keys that begin with a prefix", load: async () => (await import("./keys.js")).watch },
  inspect: { summary: "a page that shows the cluster, live", load: async () => (await import("./inspect.js")).inspect },
};

function help(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const commands = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}\n`);
  return `Usage: clusterts <command> [options]\n\nCommands:\n${commands.join("")}
  clusterts <command> --help   about one command
  clusterts --version          version of the library\n`;
}

/** Runs one command line. @returns the exit code: 0, 1 when it failed (where a command says so 3 and others), 2 when it was wrong. */
export async function runCommandLine(args: readonly string[], context: CommandContext): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--version" || name === "-v") {
    const { version } = JSON.parse(readFileSync(join(packageFolder(), "package.json"), "utf8")) as { version: string };
    context.stdout(`${version}\n`);
    return 0;
  }
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    (name === undefined ? context.stderr : context.stdout)(help());
    return name === undefined ? 2 : 0;
  }
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (entry === undefined) {
    context.stderr(`clusterts: unknown command "${name}"; clusterts --help lists them\n`);
    return 2;
  }
  const command = await entry.load();
  const options = rest.includes("--") ? rest.slice(0, rest.indexOf("--")) : rest;
  if (options.includes("--help") || options.includes("-h")) {
    context.stdout(command.help);
    return 0;
  }
  try {
    return await command.run(rest, context);
  } catch (error) {
    if (isCommandError(error)) {
      context.stderr(`clusterts ${name}: ${error.message}\n`);
      return error.exitCode;
    }
    if (!isUsageError(error)) throw error;
    context.stderr(`clusterts ${name}: ${error.message.split("\n")[0]}; see clusterts ${name} --help\n`);
    return 2;
  }
}
