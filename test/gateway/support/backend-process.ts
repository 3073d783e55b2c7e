/** A backend in a process of its own: gives every stream back what it says. Arguments: discovery server, address. */
import { pipeline } from "node:stream/promises";
import { discoveryServer } from "../../../src/discovery/server/adapter.js";
import { createNode } from "../../../src/node/node.js";

const [server, address] = process.argv.slice(2) as [string, `${number}.${number}.${number}`];
const node = createNode({ address, discovery: discoveryServer(server), logger: false });
node.onStream(async (stream) => {
  await pipeline(stream, stream).catch(() => {});
});
await node.start();
process.send?.("up");
process.once("disconnect", () => process.exit()); // whoever has started it is gone
