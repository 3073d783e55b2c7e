/** The bare yamux session of clusterts over TCP: what streams between nodes are made of, without nodes. */
import net from "node:net";
import { internals } from "../lib/internals.mjs";

const { systemClock, systemRandom, Session, resolveSessionOptions, SocketConnection } = await internals(
  "internal/system-clock.ts",
  "stream/session.ts",
  "stream/session-options.ts",
  "transport/socket-connection.ts",
);
const ignore = () => {}; // errors when the runner ends the other side
const COUNT = Buffer.from("c");
const ECHO = Buffer.from("e");

export function startServer({ port, host }) {
  const server = net.createServer({ pauseOnConnect: true }, (socket) => sessionOver(socket, "acceptor", serve));
  return new Promise((resolve) => server.listen(port, host, resolve));
}

/** The first byte says whether the others are to be sent back or counted. */
function serve(stream) {
  stream.accept();
  stream.on("error", ignore);
  let isCounted;
  let bytes = 0;
  stream.on("data", (data) => {
    let rest = data;
    if (isCounted === undefined) {
      isCounted = data[0] === COUNT[0];
      rest = data.subarray(1);
    }
    bytes += rest.length;
    if (!isCounted && rest.length > 0) stream.write(rest);
  });
  stream.on("end", () => stream.end(isCounted ? String(bytes) : undefined));
}

function sessionOver(socket, role, onStream) {
  const connection = new SocketConnection(socket, { identity: undefined, channelBinding: undefined });
  const handler = { onStream, onUnavailable: ignore, onClose: ignore };
  return new Session(connection, role, handler, resolveSessionOptions(), { clock: systemClock, random: systemRandom });
}

export async function connect({ port, host, scenario }) {
  const socket = net.connect({ port, host }).pause();
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  const session = sessionOver(socket, "dialer", ignore);
  return {
    async openStream() {
      const stream = session.open();
      stream.on("error", ignore);
      stream.write(scenario.startsWith("E2") ? COUNT : ECHO);
      const next = (start) =>
        new Promise((resolve) => {
          stream.once("data", resolve);
          start();
        });
      return {
        echo: (buffer) => next(() => stream.write(buffer)),
        close: () => void stream.end(),
        write: (buffer) => (stream.write(buffer) ? undefined : new Promise((resolve) => stream.once("drain", resolve))),
        finish: async () => Number(String(await next(() => stream.end()))),
      };
    },
  };
}
