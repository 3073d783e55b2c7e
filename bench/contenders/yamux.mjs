/** yamux-js over net.Socket: streams only, and not E2, where it loses data. */
import { createRequire } from "node:module";
import net from "node:net";

const require = createRequire(import.meta.url);
const { Server, Client } = require("yamux-js");
const OPTIONS = { enableKeepAlive: false, acceptBacklog: 1e9, logger() {} };
const ignore = () => {}; // errors when the runner ends the other side

export function startServer({ port, host }) {
  const server = net.createServer({ noDelay: true }, (socket) => {
    const session = new Server((stream) => {
      stream.on("data", (data) => stream.write(data));
      stream.on("end", () => stream.end()).on("error", ignore);
    }, OPTIONS);
    session.on("error", ignore);
    socket.on("error", ignore);
    socket.pipe(session).pipe(socket);
  });
  return new Promise((resolve) => server.listen(port, host, resolve));
}

export async function connect({ port, host }) {
  const socket = net.connect({ port, host, noDelay: true });
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  const session = new Client(OPTIONS);
  session.on("error", ignore);
  session.pipe(socket).pipe(session);
  return {
    async openStream() {
      const stream = session.open();
      stream.on("error", ignore);
      return {
        echo: (buffer) =>
          new Promise((resolve) => {
            stream.once("data", resolve);
            stream.write(buffer);
          }),
        close: () => void stream.end(),
      };
    },
  };
}
