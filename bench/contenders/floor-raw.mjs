/**
 * The floor: length-prefixed echo over one net.Socket, answers matched in order, everything of one turn in one write.
 * No names, no sequence numbers. Streams are TCP connections of their own; the relay forwards bytes unread.
 */
import net from "node:net";

const OUT_BYTES = 256 * 1024;

/** First byte of a connection. */
const KIND = { calls: 0, oneway: 1, echoStream: 2, countStream: 3 };

/** Frames, each `u32 length | payload`, in both directions of a socket. */
class Wire {
  constructor(socket, onFrame) {
    this.socket = socket;
    this.out = Buffer.allocUnsafeSlow(OUT_BYTES);
    this.position = 0;
    this.armed = false;
    this.flush = () => {
      this.armed = false;
      if (this.position === 0) return;
      const gathered = this.out.subarray(0, this.position);
      this.position = 0;
      socket.write(gathered);
      // Written at once: the buffer is free again. Else the socket still wants it.
      if (socket.writableLength > 0) this.out = Buffer.allocUnsafeSlow(OUT_BYTES);
    };
    let rest = null;
    socket.on("data", (data) => {
      const chunk = rest === null ? data : Buffer.concat([rest, data]);
      rest = null;
      let at = 0;
      while (chunk.length - at >= 4) {
        const length = chunk.readUInt32LE(at);
        if (chunk.length - at - 4 < length) break;
        onFrame(chunk, at + 4, at + 4 + length);
        at += 4 + length;
      }
      if (at < chunk.length) rest = at > 0 ? chunk.subarray(at) : chunk;
    });
    socket.on("error", () => socket.destroy());
    socket.setNoDelay(true);
  }

  sendBytes(buffer, from, to) {
    const length = to - from;
    this.#room(4 + length);
    this.out.writeUInt32LE(length, this.position);
    buffer.copy(this.out, this.position + 4, from, to);
    this.position += 4 + length;
  }

  sendString(text) {
    this.#room(4 + text.length * 3);
    const length = this.out.utf8Write(text, this.position + 4);
    this.out.writeUInt32LE(length, this.position);
    this.position += 4 + length;
  }

  #room(bytes) {
    if (this.position + bytes > this.out.length) {
      this.flush();
      if (bytes > this.out.length) this.out = Buffer.allocUnsafeSlow(bytes);
    }
    if (!this.armed) {
      this.armed = true;
      process.nextTick(this.flush);
    }
  }
}

export function startServer({ port, host }) {
  const count = { oneways: 0 };
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    socket.once("data", (first) => {
      const rest = first.subarray(1);
      if (first[0] === KIND.echoStream) return echoStream(socket, rest);
      if (first[0] === KIND.countStream) return countStream(socket, rest);
      serveFrames(socket, first[0], count);
      socket.on("end", () => socket.destroy());
      if (rest.length > 0) socket.emit("data", rest);
    });
  });
  return new Promise((resolve) => server.listen(port, host, 4096, resolve));
}

function serveFrames(socket, kind, count) {
  const echo = (buffer, from, to) => wire.sendBytes(buffer, from, to);
  const receive = (_buffer, from, to) => {
    if (to - from > 1) count.oneways++;
    else wire.sendString(String(count.oneways)); // the question, a single byte
  };
  const wire = new Wire(socket, kind === KIND.calls ? echo : receive);
}

function echoStream(socket, rest) {
  socket.setNoDelay(true);
  socket.on("data", (data) => socket.write(data));
  socket.on("end", () => socket.end());
  if (rest.length > 0) socket.write(rest);
}

function countStream(socket, rest) {
  let bytes = rest.length;
  socket.on("data", (data) => {
    bytes += data.length;
  });
  socket.on("end", () => socket.end(String(bytes)));
}

export function startRelay({ port, host, upstreamPort }) {
  const server = net.createServer({ noDelay: true }, (down) => {
    const up = net.connect({ port: upstreamPort, host, noDelay: true });
    pass(down, up);
    pass(up, down);
  });
  return new Promise((resolve) => server.listen(port, host, resolve));
}

function pass(from, to) {
  from.on("data", (data) => to.write(data));
  from.on("close", () => to.destroy());
  from.on("error", () => to.destroy());
}

function dial({ port, host }, kind) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host, noDelay: true }, () => {
      socket.write(Buffer.from([kind]));
      resolve(socket);
    });
    socket.on("error", reject);
  });
}

export async function connect(job) {
  const waiting = new Fifo();
  const wire = new Wire(await dial(job, KIND.calls), (buffer, from, to) => {
    waiting.shift()(job.bytes ? Buffer.from(buffer.subarray(from, to)) : buffer.utf8Slice(from, to));
  });
  const counts = new Fifo();
  const oneways =
    job.scenario === "D"
      ? new Wire(await dial(job, KIND.oneway), (buffer, from, to) => counts.shift()(Number(buffer.utf8Slice(from, to))))
      : undefined;
  return {
    call(payload) {
      if (typeof payload === "string") wire.sendString(payload);
      else wire.sendBytes(payload, 0, payload.length);
      return new Promise((resolve) => waiting.push(resolve));
    },
    oneway: (payload) => oneways.sendString(payload),
    onewayCount: () =>
      new Promise((resolve) => {
        counts.push(resolve);
        oneways.sendString("?");
      }),
    shortStreamSeconds: 1, // each stream costs a local port for a minute
    openStream: () => openStream(job),
  };
}

async function openStream(job) {
  const socket = await dial(job, job.scenario.startsWith("E2") ? KIND.countStream : KIND.echoStream);
  const next = (start) =>
    new Promise((resolve) => {
      socket.once("data", resolve);
      start();
    });
  return {
    echo: (buffer) => next(() => socket.write(buffer)),
    close: () => void (job.scenario === "E1" ? socket.resetAndDestroy() : socket.destroy()),
    write: (buffer) => (socket.write(buffer) ? undefined : new Promise((resolve) => socket.once("drain", resolve))),
    finish: async () => Number(String(await next(() => socket.end()))),
  };
}

/** A queue whose shift does not move what remains. */
class Fifo {
  #items = [];
  #head = 0;

  push(item) {
    this.#items.push(item);
  }

  shift() {
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head > 4096 && this.#head * 2 > this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
    return item;
  }
}
