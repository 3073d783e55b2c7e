import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const path = fileURLToPath(new URL("../fixtures/pomelo/echo", import.meta.url));

export async function startServer(o) {
  const { server } = require("pomelo-rpc");
  server
    .create({ paths: [{ namespace: "user", path }], port: o.port, context: { serverId: `server-${o.port}`, handler: o.handler } })
    .start();
  await new Promise((r) => setTimeout(r, 200));
  return { port: o.port };
}

export async function connect(o) {
  const rpc = require("pomelo-rpc");
  const id = `server-${o.port}`;
  const client = rpc.client.create({ context: { serverId: "client" }, routeContext: {}, router: (_p, _msg, _ctx, cb) => cb(null, id) });
  await new Promise((res, rej) => client.start((e) => (e ? rej(e) : res())));
  client.addProxies([{ namespace: "user", serverType: "echo", path }]);
  client.addServer({ id, serverType: "echo", host: o.host, port: o.port });
  const ask = (p) => new Promise((res, rej) => client.proxies.user.echo.bench.echo(null, p, (e, r) => (e ? rej(e) : res(r))));
  await ask("hello");
  return { bigAsString: true, call: ask };
}
