/** Node 1.2.1: calls whoever is of type 1 ten times. */
import { byType, startNode } from "clusterts";
import { discoveryServer } from "clusterts/discovery";
import * as echo from "./gen/echo.js";

const discovery = discoveryServer("127.0.0.1:17110");
const node = await startNode({ address: "1.2.1", discovery, timeoutMs: 60_000 }); // the server may start later
await node.waitFor(1, { timeoutMs: 60_000 }); // and so may node 1.1.1

for (let i = 1; i <= 10; i++) {
  const response = await echo.Call(node, byType(1), { msg: `hello ${i}` });
  console.log(`1.2.1 (process ${process.pid}) got: ${response.msg}`);
}
await node.close();
