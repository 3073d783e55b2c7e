/** Node 1.1.1: answers with what it was sent. */
import { createNode } from "clusterts";
import { discoveryServer } from "clusterts/discovery";
import * as echo from "./gen/echo.js";

const node = createNode({ address: "1.1.1", discovery: discoveryServer("127.0.0.1:17110") });

echo.Register(node, (request) => {
  console.log(`1.1.1 (process ${process.pid}) echoes: ${request.msg}`);
  return { msg: request.msg };
});

process.once("SIGTERM", () => void node.close());
await node.start({ timeoutMs: 60_000 }); // the discovery server may start later
