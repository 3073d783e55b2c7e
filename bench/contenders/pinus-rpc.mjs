import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
require("reflect-metadata"); // its loader uses it without loading it
const path = fileURLToPath(new URL("../fixtures/pinus/echo", import.meta.url));

export async function startServer(o) {
  const { createServer } = require("pinus-rpc");
  const context = { serverId: `server-${o.port}`, handler: o.handler };
  createServer({ paths: [{ namespace: "user", path }], port: o.port, context }).start();
  await new Promise((r) => setTimeout(r, 200));
  return { port: o.port };
}

export async function connect(o) {
  const { createClient } = require("pinus-rpc");
  const id = `server-${o.port}`;
  const client = createClient({ context: { serverId: "client" }, routeContext: {}, router: (_p, _msg, _ctx, cb) => cb(null, id) });
  await new Promise((res, rej) => client.start((e) => (e ? rej(e) : res())));
  client.addProxies([{ namespace: "user", serverType: "echo", path }]);
  client.addServer({ id, serverType: "echo", host: o.host, port: o.port });
  const msg = (method, args) => ({ namespace: "user", serverType: "echo", service: "bench", method, args });
  const ask = (method, args) => new Promise((res, rej) => client.rpcInvoke(id, msg(method, args), (e, r) => (e ? rej(e) : res(r))));
  await ask("echo", ["hello"]);
  return {
    bigAsString: true, // JSON on the wire
    call: (p) => ask("echo", [p]),
    oneway: (p) => {
      client.rpcInvoke(id, msg("post", [p]), null);
    },
    onewayCount: () => ask("count", []),
  };
}
