/** Node 1.1.1: answers with what it was sent. */
import { fileURLToPath } from "node:url";
import { createNode } from "clusterts";
import { file } from "clusterts/discovery";
import * as echo from "./gen/echo.js";

const discovery = file(fileURLToPath(new URL("cluster.json", import.meta.url)));
const node = createNode({ address: "1.1.1", discovery });

echo.Register(node, (request) => {
  console.log(`1.1.1 (process ${process.pid}) echoes: ${request.msg}`);
  return { msg: request.msg };
});

process.once("SIGTERM", () => void node.close());
await node.start();
