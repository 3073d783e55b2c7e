/** An HTTP server with one page; the gateway takes WebSockets on it, too. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";

export async function servePage(port: number): Promise<Server> {
  const page = await readFile(new URL("page.html", import.meta.url));
  const server = createServer((request, response) => {
    if (request.url === "/") response.setHeader("content-type", "text/html; charset=utf-8").end(page);
    else response.writeHead(404).end();
  });
  await once(server.listen(port), "listening");
  return server;
}
