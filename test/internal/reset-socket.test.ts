import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { resetSocket } from "../../src/internal/reset-socket.js";

suite("resetSocket", () => {
  test("an end is on its way, the socket closes all the same", async () => {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const accepting = once(server, "connection") as Promise<[Socket]>;
    const client = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", allowHalfOpen: true });
    client.on("error", () => {}); // it may see the reset
    const [socket] = await accepting;
    const closed = once(socket, "close");
    socket.end();
    resetSocket(socket);
    await closed;
    client.destroy();
    server.close();
    await once(server, "close");
  });
});
