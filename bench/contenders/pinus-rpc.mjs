/** pinus-rpc with its default (JSON over MQTT framing on TCP). */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
require("reflect-metadata"); // its loader uses it without loading it
const path = fileURLToPath(new URL("../fixtures/pinus/echo", import.meta.url));

export async function startServer({ port, handler }) {
  const { createServer } = require("pinus-rpc");
  const context = { serverId: `server-${port}`, handler };
  createServer({ paths: [{ namespace: "user", path }], port, context }).start();
  await new Promise((resolve) => setTimeout(resolve, 200)); // it does not say when it listens
}

export async function connect({ host, port }) {
  const { createClient } = require("pinus-rpc");
  const id = `server-${port}`;
  const router = (_parameter, _message, _context, found) => found(null, id);
  const client = createClient({ context: { serverId: "client" }, routeContext: {}, router });
  await new Promise((resolve, reject) => client.start((error) => (error ? reject(error) : resolve())));
  client.addProxies([{ namespace: "user", serverType: "echo", path }]);
  client.addServer({ id, serverType: "echo", host, port });
  const message = (method, args) => ({ namespace: "user", serverType: "echo", service: "bench", method, args });
  const ask = (method, args) =>
    new Promise((resolve, reject) => {
      client.rpcInvoke(id, message(method, args), (error, reply) => (error ? reject(error) : resolve(reply)));
    });
  await ask("echo", ["hello"]);
  return {
    bigAsString: true, // JSON on the wire
    call: (payload) => ask("echo", [payload]),
    oneway: (payload) => void client.rpcInvoke(id, message("post", [payload]), null),
    onewayCount: () => ask("count", []),
  };
}
