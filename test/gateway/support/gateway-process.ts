/** A gateway in a process of its own, on TCP, to whoever is of type 1. Argument: discovery server. Says where it listens. */
import { discoveryServer } from "../../../src/discovery/server/adapter.js";
import { tcp } from "../../../src/gateway/listen/tcp.js";
import { pipeGateway } from "../../../src/gateway/pipe-gateway.js";
import { createNode } from "../../../src/node/node.js";
import { byType } from "../../../src/rpc/picker.js";

const [server] = process.argv.slice(2) as [string];
const node = await createNode({ address: "1.2.2", discovery: discoveryServer(server), logger: false }).start();
await node.waitFor(1);
const listen = [tcp({ port: 0, host: "127.0.0.1" })];
const gateway = await pipeGateway(node, { listen, accept: () => ({ to: byType(1) }), logger: false }).start();
process.send?.(gateway.status().listeners[0]?.endpoint);
process.once("disconnect", () => process.exit()); // whoever has started it is gone
