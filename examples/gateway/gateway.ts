/** A gateway: players come in over TCP, WebSockets and KCP, and each is a stream to a node of type 1. */
import { byType, createNode, optionsFromEnv } from "clusterts";
import { pipeGateway, tcp, websocket } from "clusterts/gateway";
import { kcp } from "clusterts/gateway/kcp";
import { servePage } from "./page-server.js";

const port = (name: string, standard: number): number => Number(process.env[name] ?? standard);

const node = await createNode(optionsFromEnv()).start({ timeoutMs: 60_000 });
const server = await servePage(port("WEB_PORT", 17_214));
const gateway = pipeGateway(node, {
  listen: [tcp({ port: port("TCP_PORT", 17_213) }), websocket({ server, path: "/game" }), kcp({ port: port("KCP_PORT", 17_215) })],
  accept: (client) => ({ to: byType(1, { hash: client.remoteAddress }), metadata: { ip: client.remoteAddress } }),
});
await gateway.start();
await node.waitFor(1, { timeoutMs: 60_000 });
const { listeners } = gateway.status();
console.log(listeners.map(({ transport, endpoint }) => `${transport} at ${endpoint}`).join(", "));
process.send?.(listeners);

process.once("SIGTERM", async () => {
  const { clientsCut } = await gateway.close({ timeoutMs: 5_000 });
  if (clientsCut > 0) console.log(`${clientsCut} players were told goodbye`);
  server.close();
  await node.close();
});
