/** A node in a process of its own: `node.ts <address> <endpoint of the discovery server>`. Says "up" when it runs. */
import { discoveryServer } from "../../../../src/discovery/server/adapter.js";
import { createNode } from "../../../../src/node/node.js";
import { echo } from "../support.js";

const [address, endpoint] = process.argv.slice(2) as [`${number}.${number}.${number}`, string];
const node = createNode({ address, discovery: discoveryServer(endpoint) });
node.handle(echo, (input: { text: string }) => input);
process.once("SIGTERM", () => void node.close());
await node.start();
process.send?.("up");
process.channel?.unref();
