/**
 * Runs a discovery server and the two nodes as processes of their own, and ends the others when the caller is done.
 *
 *     tsx examples/echo/run.ts [client server discovery]      in this order, or any other
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  // What `npx clusterts discovery --listen 127.0.0.1:17110` runs.
  discovery: ["../../src/cli/main.ts", "discovery", "--listen", "127.0.0.1:17110"],
  server: ["server.ts"],
  client: ["client.ts"],
};
const order = process.argv.length > 2 ? process.argv.slice(2) : ["client", "server", "discovery"];

const children = new Map<string, ChildProcess>();
for (const name of order) {
  const [program, ...args] = PROGRAMS[name] ?? [];
  if (program === undefined) throw new Error(`there is no ${name}: it is discovery, server or client`);
  const file = fileURLToPath(new URL(program, import.meta.url));
  children.set(name, spawn(process.execPath, ["--import", "tsx", file, ...args], { stdio: "inherit" }));
  console.log(`${name} is starting`);
}

const client = children.get("client")!;
const others = [children.get("server")!, children.get("discovery")!];
for (const other of others) other.once("exit", () => client.kill()); // nothing to wait for: it could not start
const [code] = await once(client, "exit");
let exitCode = code ?? 1;
for (const other of others) {
  other.removeAllListeners("exit");
  if (other.exitCode === null && other.signalCode === null) {
    other.kill("SIGTERM");
    await once(other, "exit");
  }
  exitCode ||= other.exitCode ?? 1;
}
process.exitCode = exitCode;
