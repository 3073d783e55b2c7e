/** Two nodes that find each other through a discovery of one's own; then the library's checks of it. */
import { createNode, parseAddress, startNode } from "clusterts";
import * as echo from "../echo/gen/echo.js";
import { checks } from "./contract.js";
import { httpDiscovery } from "./http-discovery.js";
import { MemberServer } from "./member-server.js";

const store = new MemberServer();
const discovery = httpDiscovery(await store.start(), 100);
for (const [address, endpoint] of [["1.1.1", "127.0.0.1:17111"] as const, ["1.2.1", "127.0.0.1:17112"] as const]) {
  store.members.set(parseAddress(address), { address: parseAddress(address), endpoint });
}
const server = createNode({ address: "1.1.1", discovery });
echo.Register(server, (request) => ({ msg: request.msg }));
await server.start();
const caller = await startNode({ address: "1.2.1", discovery });
console.log((await echo.Call(caller, "1.1.1", { msg: "found over HTTP" })).msg);
await caller.close();
await server.close();
await store.close();

for (const { name, run } of checks) {
  await run();
  console.log(`ok    ${name}`);
}
