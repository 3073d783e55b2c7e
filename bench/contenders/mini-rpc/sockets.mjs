/** Sockets with a frame reader and a frame writer; `read` switches between `data` events and a static buffer (`onread`). */
import net from "node:net";
import { FrameReader } from "./frame-reader.mjs";
import { FrameWriter } from "./frame-writer.mjs";

const READ_BYTES = 64 * 1024;

/** `accept(writer)` is called for each connection and gives its frame handler (see FrameReader). */
export function serve(settings, accept) {
  const onread = settings.read === "onread";
  const server = net.createServer({ noDelay: settings.noDelay, pauseOnConnect: onread }, (accepted) => {
    let reader;
    const socket = onread ? withStaticBuffer(accepted, () => reader) : accepted;
    reader = new FrameReader(accept(writerFor(socket, settings)));
    if (onread) socket.read(0);
    else socket.on("data", (chunk) => reader.feed(chunk, chunk.length));
  });
  return new Promise((resolve) => server.listen(settings.port, settings.host, resolve));
}

/** Resolves with the writer once connected. */
export function dial(settings, port, onFrame) {
  return new Promise((resolve, reject) => {
    const reader = new FrameReader(onFrame);
    const onread = settings.read.startsWith("onread");
    const options = { port, host: settings.host, noDelay: settings.noDelay };
    if (onread) options.onread = staticBuffer(() => reader);
    const socket = net.connect(options, () => resolve(writer));
    socket.once("error", reject);
    const writer = writerFor(socket, settings);
    if (!onread) socket.on("data", (chunk) => reader.feed(chunk, chunk.length));
  });
}

function writerFor(socket, settings) {
  socket.setNoDelay(settings.noDelay);
  socket.on("error", () => socket.destroy());
  return new FrameWriter(socket, settings);
}

/** An accepted socket takes no `onread` option, so its handle goes to a new socket that does. */
function withStaticBuffer(accepted, reader) {
  const handle = accepted._handle;
  accepted._handle = null;
  return new net.Socket({ handle, onread: staticBuffer(reader) });
}

function staticBuffer(reader) {
  return {
    buffer: Buffer.allocUnsafeSlow(READ_BYTES),
    callback(bytes, buffer) {
      reader().feed(buffer, bytes);
      return true;
    },
  };
}
