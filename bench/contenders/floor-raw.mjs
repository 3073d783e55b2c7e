// The floor: length-prefixed echo over one net.Socket, answers matched in order,
// everything written in one tick goes out in one write. No names, no sequence numbers.
// Streams are TCP connections of their own; the relay forwards bytes unread.
import net from "node:net";

const CAP = 256 * 1024;

class Wire {
  constructor(sock, onFrame) {
    this.sock = sock;
    this.out = Buffer.allocUnsafeSlow(CAP);
    this.pos = 0;
    this.armed = false;
    this.flush = () => {
      this.armed = false;
      if (!this.pos) return;
      const b = this.out.subarray(0, this.pos);
      this.pos = 0;
      sock.write(b);
      // written at once: the buffer is free again; else the kernel still wants it
      if (sock.writableLength) this.out = Buffer.allocUnsafeSlow(CAP);
    };
    let rest = null;
    sock.on("data", (d) => {
      if (rest) {
        d = Buffer.concat([rest, d]);
        rest = null;
      }
      let p = 0;
      while (d.length - p >= 4) {
        const n = d.readUInt32LE(p);
        if (d.length - p - 4 < n) break;
        onFrame(d, p + 4, p + 4 + n);
        p += 4 + n;
      }
      if (p < d.length) rest = p ? d.subarray(p) : d;
    });
    sock.on("error", () => sock.destroy());
    sock.setNoDelay(true);
  }
  room(n) {
    if (this.pos + n > this.out.length) {
      this.flush();
      if (n > this.out.length) this.out = Buffer.allocUnsafeSlow(n);
    }
    if (!this.armed) {
      this.armed = true;
      process.nextTick(this.flush);
    }
  }
  send(d, from, to) {
    const n = to - from;
    this.room(4 + n);
    this.out.writeUInt32LE(n, this.pos);
    d.copy(this.out, this.pos + 4, from, to);
    this.pos += 4 + n;
  }
  sendString(s) {
    this.room(4 + s.length * 3);
    const n = this.out.utf8Write(s, this.pos + 4);
    this.out.writeUInt32LE(n, this.pos);
    this.pos += 4 + n;
  }
}

// first byte of a connection: 0 calls, 1 one-way, 2 stream
export function startServer(o) {
  let oneways = 0;
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (sock) => {
    sock.on("error", () => sock.destroy());
    sock.once("data", (d) => {
      const kind = d[0];
      if (kind === 2 || kind === 3) {
        sock.setNoDelay(true);
        let n = 0;
        if (kind === 2) {
          sock.on("data", (b) => sock.write(b));
          if (d.length > 1) sock.write(d.subarray(1));
          sock.on("end", () => sock.end());
        } else {
          sock.on("data", (b) => {
            n += b.length;
          });
          n += d.length - 1;
          sock.on("end", () => sock.end(String(n)));
        }
        return;
      }
      const w =
        kind === 0
          ? new Wire(sock, (b, from, to) => w.send(b, from, to))
          : new Wire(sock, (_b, from, to) => {
              if (to - from === 1) w.sendString(String(oneways));
              else oneways++;
            });
      sock.on("end", () => sock.destroy());
      if (d.length > 1) sock.emit("data", d.subarray(1));
    });
  });
  return new Promise((res) => server.listen(o.port, o.host, 4096, () => res({ port: o.port })));
}

export function startRelay(o) {
  const server = net.createServer({ noDelay: true }, (a) => {
    const b = net.connect({ port: o.upstreamPort, host: o.host, noDelay: true });
    a.on("data", (d) => b.write(d))
      .on("close", () => b.destroy())
      .on("error", () => b.destroy());
    b.on("data", (d) => a.write(d))
      .on("close", () => a.destroy())
      .on("error", () => a.destroy());
  });
  return new Promise((res) => server.listen(o.port, o.host, res));
}

const dial = (o, kind) =>
  new Promise((res, rej) => {
    const s = net.connect({ port: o.port, host: o.host, noDelay: true }, () => {
      s.write(Buffer.from([kind]));
      res(s);
    });
    s.on("error", rej);
  });

export async function connect(o) {
  const queue = [];
  let head = 0;
  const w = new Wire(await dial(o, 0), (d, from, to) => {
    const r = queue[head];
    queue[head++] = undefined;
    if (head > 4096 && head * 2 > queue.length) {
      queue.splice(0, head);
      head = 0;
    }
    r(o.bytes ? Buffer.from(d.subarray(from, to)) : d.utf8Slice(from, to));
  });
  let ow,
    counts = [];
  if (o.scenario === "D") ow = new Wire(await dial(o, 1), (d, from, to) => counts.shift()(Number(d.utf8Slice(from, to))));
  return {
    call(p) {
      if (typeof p === "string") w.sendString(p);
      else w.send(p, 0, p.length);
      return new Promise((r) => {
        queue.push(r);
      });
    },
    oneway(p) {
      ow.sendString(p);
    },
    onewayCount: () =>
      new Promise((r) => {
        counts.push(r);
        ow.sendString("?");
      }),
    shortStreamSeconds: 1, // each one costs a local port for a minute
    async openStream() {
      const bulk = o.scenario === "E2";
      const s = await dial(o, bulk ? 3 : 2);
      let want;
      s.on("data", (d) => {
        want?.(d);
        want = undefined;
      });
      return {
        echo: (b) =>
          new Promise((r) => {
            want = r;
            s.write(b);
          }),
        close: () => {
          o.scenario === "E1" ? s.resetAndDestroy() : s.destroy();
        },
        write: (b) => (s.write(b) ? undefined : new Promise((r) => s.once("drain", r))),
        finish: () =>
          new Promise((r) => {
            want = (d) => r(Number(String(d)));
            s.end();
          }),
      };
    },
  };
}
