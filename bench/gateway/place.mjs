/** Processes of the gateway's measurements: a backend that echoes, a gateway on all transports, and a plain proxy beside it. */
import { once } from "node:events";
import net from "node:net";
import { pipeGateway, tcp, websocket } from "clusterts/gateway";
import { dialKcp, dialTcp, dialWebSocket } from "clusterts/gateway/client";
import { kcp } from "clusterts/gateway/kcp";
import { freePort } from "../lib/launch.mjs";
import { endWithStdin, memoryInUse, nodeAmong, startRole, tell } from "../lib/roles.mjs";

export const HOST = "127.0.0.1";
export const TRANSPORTS = ["tcp", "websocket", "kcp"];
const BACKEND = "1.1.1";
export const BULK_BYTES = 512 * 1024 ** 2;
/** First byte of a connection: send so many bytes. Any other: echo. */
export const DOWNLOAD = 2;
const CHUNK = Buffer.alloc(64 * 1024);

/** Servers of one measurement; `limits` are the gateway's, `ofKcp` its KCP listener's. */
export class Place {
  servers = [];
  ports = {};

  static async open(file, whats, { limits = {}, ofKcp = {}, flags = [] } = {}) {
    const place = new Place();
    for (const name of ["node", "backend", "proxy", "tcp", "websocket", "kcp", "asked"]) place.ports[name] = await freePort();
    for (const what of whats) {
      const server = startRole(file, "server", { what, ports: place.ports, limits, ofKcp }, { flags });
      place.servers.push(server);
      await server.wait("READY", 10_000);
    }
    return place;
  }

  async close() {
    await Promise.all(this.servers.map((server) => server.kill()));
  }
}

/** One of them. */
export async function serve({ what, ports, limits, ofKcp }) {
  endWithStdin();
  const endpoints = { [BACKEND]: `${HOST}:${ports.node}` };
  if (what === "backend") {
    const node = nodeAmong(endpoints, BACKEND);
    node.onStream(answer);
    await node.start();
    await once(net.createServer({ allowHalfOpen: true, noDelay: true }, answer).listen(ports.backend, HOST), "listening");
  } else if (what === "proxy") {
    await serveProxy(ports);
  } else if (what === "floor") {
    await serveFloor(ports, limits);
  } else {
    const node = await nodeAmong(endpoints, "1.2.1", { listen: `${HOST}:0` }).start();
    const listen = [
      tcp({ port: ports.tcp, host: HOST }),
      websocket({ port: ports.websocket, host: HOST }),
      kcp({ port: ports.kcp, host: HOST, ...ofKcp }),
    ];
    const gateway = await pipeGateway(node, { listen, accept: () => ({ to: BACKEND }), ...limits }).start();
    // Asked by a connection: memory in use, and what was counted. "m": after a collection.
    const asked = net.createServer((socket) => {
      socket.once("data", (question) => {
        const memory = `${question}` === "m" ? memoryInUse() : process.memoryUsage();
        socket.end(JSON.stringify({ memory, cpu: process.cpuUsage(), status: gateway.status() }));
      });
    });
    await once(asked.listen(ports.asked, HOST), "listening");
  }
  tell("READY");
}

async function serveProxy(ports) {
  const proxy = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const upstream = net.connect({ port: ports.backend, host: HOST, allowHalfOpen: true, noDelay: true });
    socket.on("error", () => upstream.destroy());
    upstream.on("error", () => socket.destroy());
    socket.pipe(upstream).pipe(socket);
  });
  await once(proxy.listen({ port: ports.proxy, host: HOST, backlog: 4_096 }), "listening");
}

/** The least that a server can do about `maxClients`: gives everybody back what they say, and resets who is too much. */
async function serveFloor(ports, { maxClients }) {
  let clients = 0;
  const server = net.createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {});
    if (clients >= maxClients) return socket.resetAndDestroy();
    clients++;
    socket.once("close", () => clients--);
    socket.pipe(socket);
  });
  await once(server.listen({ port: ports.tcp, host: HOST, backlog: 4_096 }), "listening");
}

/** A backend's end of a connection or stream. */
function answer(stream) {
  stream.on("error", () => {});
  stream.once("data", (first) => {
    if (first[0] === DOWNLOAD) return pump(stream);
    stream.write(first);
    stream.on("data", (chunk) => {
      if (!stream.write(chunk)) stream.pause();
    });
    stream.on("drain", () => stream.resume());
    stream.on("end", () => stream.end());
  });
}

function pump(stream) {
  let left = BULK_BYTES;
  const some = () => {
    while (left > 0) {
      left -= CHUNK.length;
      if (!stream.write(CHUNK)) return;
    }
    stream.end();
  };
  stream.on("drain", some);
  some();
}

/** What the gateway says about itself. */
export async function ask(ports, question = "s") {
  const socket = net.connect(ports.asked, HOST, () => socket.write(question));
  let text = "";
  for await (const chunk of socket) text += chunk;
  return JSON.parse(text);
}

/** A client of one transport; gives its stream. */
export function dialerOf(transport, ports) {
  return {
    tcp: () => dialTcp(`${HOST}:${ports.tcp}`),
    websocket: () => dialWebSocket(`ws://${HOST}:${ports.websocket}/`),
    kcp: () => dialKcp(`${HOST}:${ports.kcp}`),
  }[transport];
}
