/** Ports on loopback that are no node: they keep silent, speak something else, or say what a test tells them to say. */
import { createServer, type Server, type Socket } from "node:net";

export interface RawServer extends AsyncDisposable {
  /** `127.0.0.1:port`, as discovery would say it. */
  readonly endpoint: string;
  readonly port: number;
  /** Connections taken so far. */
  readonly connections: number;
}

/** Calls `onSocket` for each connection; errors of the sockets are of no interest. */
export function rawServer(onSocket: (socket: Socket) => void): Promise<RawServer> {
  return serve(createServer(), onSocket);
}

/** The same with a server that has a protocol of its own, such as node:http's; it still is one of node:net underneath. */
export async function serve(server: Server, onSocket: (socket: Socket) => void = () => {}): Promise<RawServer> {
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on("connection", (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    onSocket(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port: 0, exclusive: true }, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  return {
    endpoint: `127.0.0.1:${address.port}`,
    port: address.port,
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** A port on which nobody listens, and which the system does not give to anybody else soon. */
export async function freePort(): Promise<number> {
  const server = await rawServer(() => {});
  await server[Symbol.asyncDispose]();
  return server.port;
}
