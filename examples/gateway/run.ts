/**
 * Runs a discovery server, a game server and a gateway as processes of their own, and lets a client of each kind talk.
 *
 *     tsx examples/gateway/run.ts [--serve]      with --serve it stays, for a browser, until Ctrl-C
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startDiscoveryServer } from "clusterts/discovery/server";
import { echoOnAll } from "./clients.js";

const ports = { tcp: 17_213, web: 17_214, kcp: 17_215 };
const discovery = await startDiscoveryServer({ listen: "127.0.0.1:0" });

function start(program: string, address: string): ChildProcess {
  const env = { ...process.env, CLUSTERTS_ADDRESS: address, CLUSTERTS_DISCOVERY: discovery.endpoint };
  return fork(fileURLToPath(new URL(program, import.meta.url)), { env, execArgv: ["--import", "tsx"] });
}

const children = [start("game-server.ts", "1.1.1"), start("gateway.ts", "1.2.1")];
try {
  const [, gateway] = children;
  const signal = AbortSignal.timeout(60_000);
  await Promise.race([once(gateway!, "message", { signal }), ...children.map(failed)]);
  await echoOnAll("127.0.0.1", ports);
  if (process.argv.includes("--serve")) {
    console.log(`http://localhost:${ports.web}/ is the page; Ctrl-C ends all`);
    await once(process, "SIGINT");
  }
} finally {
  // The gateway first: it takes its players along.
  for (const child of children.reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGTERM");
    await once(child, "exit");
  }
  await discovery.close();
}

async function failed(child: ChildProcess): Promise<never> {
  const [code] = await once(child, "exit");
  throw new Error(`${child.spawnfile} ended with ${code}`);
}
