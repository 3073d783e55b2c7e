/** The gateway of the clustergo document, written by hand: two pipelines between a socket and a stream. No limits, no reasons. */
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { pipeline } from "node:stream/promises";
import { byType, type ClusterNode } from "clusterts";

export async function gatewayByHand(node: ClusterNode, port: number): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, async (socket) => {
    try {
      const stream = await node.openStream(byType(1));
      await Promise.all([pipeline(socket, stream), pipeline(stream, socket)]);
    } catch {
      socket.destroy();
    }
  });
  await once(server.listen(port), "listening");
  return server;
}
