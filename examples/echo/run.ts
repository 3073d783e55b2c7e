/** Runs the two nodes as processes of their own, the caller first, and ends the server when the caller is done. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

function run(program: string): ChildProcess {
  return spawn(process.execPath, ["--import", "tsx", fileURLToPath(new URL(program, import.meta.url))], { stdio: "inherit" });
}

const client = run("client.ts");
const server = run("server.ts");
server.once("exit", () => client.kill()); // nothing to wait for: it could not start
const [code] = await once(client, "exit");
if (server.exitCode === null) {
  server.removeAllListeners("exit");
  server.kill("SIGTERM");
  await once(server, "exit");
}
process.exitCode = code === 0 ? (server.exitCode ?? 1) : (code ?? 1);
