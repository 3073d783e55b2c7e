/** pomelo-rpc with its default mailbox. It leaves Nagle's algorithm on: a single call takes 90 ms. No one-way messages. */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const path = fileURLToPath(new URL("../fixtures/pomelo/echo", import.meta.url));

export async function startServer({ port, handler }) {
  const { server } = require("pomelo-rpc");
  const context = { serverId: `server-${port}`, handler };
  server.create({ paths: [{ namespace: "user", path }], port, context }).start();
  await new Promise((resolve) => setTimeout(resolve, 200)); // it does not say when it listens
}

export async function connect({ host, port }) {
  const rpc = require("pomelo-rpc");
  const id = `server-${port}`;
  const router = (_parameter, _message, _context, found) => found(null, id);
  const client = rpc.client.create({ context: { serverId: "client" }, routeContext: {}, router });
  await new Promise((resolve, reject) => client.start((error) => (error ? reject(error) : resolve())));
  client.addProxies([{ namespace: "user", serverType: "echo", path }]);
  client.addServer({ id, serverType: "echo", host, port });
  const ask = (payload) =>
    new Promise((resolve, reject) => {
      client.proxies.user.echo.bench.echo(null, payload, (error, reply) => (error ? reject(error) : resolve(reply)));
    });
  await ask("hello");
  return { bigAsString: true, call: ask };
}
