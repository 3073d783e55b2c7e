/** Node 1.2.1: calls node 1.1.1 ten times. It may start first: the first call waits until its link is up. */
import { fileURLToPath } from "node:url";
import { byType, startNode } from "clusterts";
import { file } from "clusterts/discovery";
import * as echo from "./gen/echo.js";

const discovery = file(fileURLToPath(new URL("cluster.json", import.meta.url)));
const node = await startNode({ address: "1.2.1", discovery, link: { reachTimeoutMs: 60_000 } });

for (let i = 1; i <= 10; i++) {
  const response = await echo.Call(node, byType(1), { msg: `hello ${i}` }, { timeoutMs: 60_000 });
  console.log(`1.2.1 (process ${process.pid}) got: ${response.msg}`);
}
await node.close();
