/** A node that takes everything from its environment, and echoes. */
import { createNode, optionsFromEnv } from "clusterts";
import * as echo from "../echo/gen/echo.js";

const node = createNode(optionsFromEnv()); // CLUSTERTS_ADDRESS, CLUSTERTS_DISCOVERY, CLUSTERTS_SECRET_FILE
echo.Register(node, (request) => ({ msg: `${request.msg}, from ${node.status().address}` }));
await node.start();
process.once("SIGTERM", () => void node.close({ timeoutMs: 1_000 }));
