// The smallest thing that is still an RPC: named methods (numbers), sequence number ->
// promise, one-way messages, a relay that reads headers and routes frames, and
// multiplexed streams with a credit window. Upper bound for a library in Node; every
// trick can be switched (opts) to see what it is worth.
//
// frame: u32 length of what follows | u8 type | u32 seq or stream | u16 method | payload

import { AsyncLocalStorage } from "node:async_hooks";
import net from "node:net";

const REQ = 1,
  RES = 2,
  ONEWAY = 3,
  OPEN = 4,
  DATA = 5,
  FIN = 6,
  CREDIT = 7;
const HEAD = 11;
const CAP = 128 * 1024;
const WINDOW = 256 * 1024;

const DEFAULTS = {
  flush: "nextTick",
  out: "prealloc",
  read: "data",
  pending: "map",
  completion: "promise",
  timer: "none",
  str: "native",
  write: "stream",
  noDelay: true,
  codec: "none",
};
const BEST = { pending: "ring", read: "onread", str: "js-write-ascii-check", out: "prealloc", flush: "nextTick" };
const settings = (o) => ({ ...DEFAULTS, ...(o.best ? BEST : {}), ...o });

// ---------------------------------------------------------------- strings
function writeAscii(buf, s, p) {
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (c > 127) return buf.utf8Write(s, p);
    buf[p + i] = c;
  }
  return s.length;
}
function readAscii(buf, from, to) {
  const n = to - from;
  if (n > 48) return buf.utf8Slice(from, to);
  let s = "";
  for (let i = from; i < to; i++) {
    const c = buf[i];
    if (c > 127) return buf.utf8Slice(from, to);
    s += String.fromCharCode(c);
  }
  return s;
}
function isAscii(b, f, t) {
  if (t - f > 256) return false;
  for (let i = f; i < t; i++) if (b[i] > 127) return false;
  return true;
}
const STR = {
  native: { put: (b, s, p) => b.utf8Write(s, p), get: (b, f, t) => b.utf8Slice(f, t) },
  latin1: { put: (b, s, p) => b.latin1Write(s, p), get: (b, f, t) => b.latin1Slice(f, t) },
  "js-write": { put: (b, s, p) => (s.length <= 64 ? writeAscii(b, s, p) : b.utf8Write(s, p)), get: (b, f, t) => b.utf8Slice(f, t) },
  "ascii-check": { put: (b, s, p) => b.utf8Write(s, p), get: (b, f, t) => (isAscii(b, f, t) ? b.latin1Slice(f, t) : b.utf8Slice(f, t)) },
  "js-write-ascii-check": {
    put: (b, s, p) => (s.length <= 64 ? writeAscii(b, s, p) : b.utf8Write(s, p)),
    get: (b, f, t) => (isAscii(b, f, t) ? b.latin1Slice(f, t) : b.utf8Slice(f, t)),
  },
  js: { put: (b, s, p) => (s.length <= 64 ? writeAscii(b, s, p) : b.utf8Write(s, p)), get: readAscii },
};

// ---------------------------------------------------------------- codecs
// encode: value -> string | Buffer; decode(buf, from, to) -> value
async function makeCodec(kind, bytes, str) {
  if (kind === "json") return { enc: (v) => JSON.stringify({ msg: v }), dec: (b, f, t) => JSON.parse(b.utf8Slice(f, t)).msg };
  if (kind === "protobufjs") {
    const { default: pb } = await import("protobufjs");
    const T = pb.parse('syntax="proto3"; message Echo { string msg = 1; bytes data = 2; }').root.lookupType("Echo");
    return {
      enc: (v) => T.encode(bytes ? { data: v } : { msg: v }).finish(),
      dec: (b, f, t) => {
        const m = T.decode(b.subarray(f, t));
        return bytes ? m.data : m.msg;
      },
    };
  }
  if (kind === "protobuf-es") {
    const { EchoSchema, create, toBinary, fromBinary } = await import("../fixtures/echo-es.mjs");
    return {
      enc: (v) => toBinary(EchoSchema, create(EchoSchema, bytes ? { data: v } : { msg: v })),
      dec: (b, f, t) => {
        const m = fromBinary(EchoSchema, b.subarray(f, t));
        return bytes ? m.data : m.msg;
      },
    };
  }
  return { enc: null, dec: bytes ? (b, f, t) => Buffer.from(b.subarray(f, t)) : (b, f, t) => str.get(b, f, t) };
}

// ---------------------------------------------------------------- the wire
class Wire {
  constructor(sock, s, onFrame) {
    this.sock = sock;
    this.s = s;
    this.str = STR[s.str];
    this.out = Buffer.allocUnsafeSlow(CAP);
    this.pos = 0;
    this.list = [];
    this.armed = false;
    this.onFrame = onFrame;
    this.rest = null;
    this.restLen = 0;
    this.waiting = [];
    this.flush = this.flush.bind(this);
    sock.setNoDelay(s.noDelay);
    sock.on("error", () => sock.destroy());
    sock.on("drain", () => {
      const w = this.waiting;
      this.waiting = [];
      for (const f of w) f();
    });
  }
  listen() {
    this.sock.on("data", (d) => this.feed(d, d.length));
  }
  /** d may be a buffer that is used again after this call */
  feed(d, len) {
    let p = 0;
    if (this.restLen) {
      // a frame began in an earlier chunk: complete it in the side buffer
      const take = (n) => {
        // bring the side buffer to n bytes, if d has them
        const k = Math.min(n - this.restLen, len - p);
        if (k > 0) {
          if (this.rest.length < n) {
            const r = Buffer.allocUnsafeSlow(Math.max(n, 2 * this.rest.length));
            this.rest.copy(r, 0, 0, this.restLen);
            this.rest = r;
          }
          d.copy(this.rest, this.restLen, p, p + k);
          this.restLen += k;
          p += k;
        }
        return this.restLen >= n;
      };
      if (!take(4)) return;
      const n = this.rest.readUInt32LE(0) + 4;
      if (!take(n)) return;
      const b = this.rest;
      this.restLen = 0;
      if (n > 65536) this.rest = null; // handed out whole
      this.frame(b, 0, n);
      this.rest ??= Buffer.allocUnsafeSlow(4096);
    }
    while (len - p >= 4) {
      const n = (d[p] | (d[p + 1] << 8) | (d[p + 2] << 16) | (d[p + 3] << 24)) + 4;
      if (len - p < n) break;
      this.frame(d, p, p + n);
      p += n;
    }
    if (p < len) {
      const k = len - p;
      if (!this.rest || this.rest.length < k) this.rest = Buffer.allocUnsafeSlow(Math.max(4096, k));
      d.copy(this.rest, 0, p, len);
      this.restLen = k;
    }
  }
  frame(b, p, end) {
    this.onFrame(
      b[p + 4],
      (b[p + 5] | (b[p + 6] << 8) | (b[p + 7] << 16) | (b[p + 8] << 24)) >>> 0,
      b[p + 9] | (b[p + 10] << 8),
      b,
      p + HEAD,
      end,
      p,
    );
  }
  arm() {
    if (this.armed) return;
    this.armed = true;
    switch (this.s.flush) {
      case "nextTick":
        process.nextTick(this.flush);
        break;
      case "microtask":
        queueMicrotask(this.flush);
        break;
      case "immediate":
        setImmediate(this.flush);
        break;
      case "cork":
        this.sock.cork();
        process.nextTick(this.flush);
        break;
    }
  }
  room(n) {
    if (this.pos + n > this.out.length) {
      this.put();
      if (n > this.out.length) this.out = Buffer.allocUnsafeSlow(n);
    }
    return this.pos;
  }
  head(p, n, type, seq, method) {
    const o = this.out;
    const len = n + HEAD - 4;
    o[p] = len;
    o[p + 1] = len >>> 8;
    o[p + 2] = len >>> 16;
    o[p + 3] = len >>> 24;
    o[p + 4] = type;
    o[p + 5] = seq;
    o[p + 6] = seq >>> 8;
    o[p + 7] = seq >>> 16;
    o[p + 8] = seq >>> 24;
    o[p + 9] = method;
    o[p + 10] = method >>> 8;
  }
  done(n) {
    this.pos += n;
    if (this.s.out === "each" || this.s.out === "writev" || this.s.out === "concat") this.put();
    if (this.s.flush === "sync") this.flush();
    else this.arm();
  }
  sendString(type, seq, method, v) {
    const p = this.room(HEAD + v.length * 3);
    const n = this.str.put(this.out, v, p + HEAD);
    this.head(p, n, type, seq, method);
    this.done(HEAD + n);
  }
  sendBytes(type, seq, method, d, from, to) {
    const n = to - from;
    const p = this.room(HEAD + n);
    if (n < 24) for (let i = 0; i < n; i++) this.out[p + HEAD + i] = d[from + i];
    else if (n === d.length) this.out.set(d, p + HEAD);
    else d.copy(this.out, p + HEAD, from, to);
    this.head(p, n, type, seq, method);
    this.done(HEAD + n);
  }
  /** a whole frame as it came */
  forward(b, from, to) {
    const p = this.room(to - from);
    b.copy(this.out, p, from, to);
    this.done(to - from);
  }
  /** what has been gathered goes to the socket, or to the list the flush will send */
  put() {
    if (!this.pos) return;
    const n = this.pos;
    this.pos = 0;
    switch (this.s.out) {
      case "writev":
      case "concat":
        this.list.push(Buffer.from(this.out.subarray(0, n)));
        return;
      case "each":
        this.sock.write(Buffer.from(this.out.subarray(0, n)));
        return;
      case "fresh":
        this.sock.write(this.out.subarray(0, n));
        this.out = Buffer.allocUnsafeSlow(CAP);
        return;
      default:
        if (this.s.write === "handle") {
          this.raw(this.out.subarray(0, n));
          return;
        }
        this.sock.write(this.out.subarray(0, n));
        if (this.sock.writableLength) this.out = Buffer.allocUnsafeSlow(CAP);
    }
  }
  raw(b) {
    // past the Writable machinery, straight to libuv (a private API; only to see the cost)
    const h = this.sock._handle;
    if (!h) return;
    const req = new this.WriteWrap();
    req.handle = h;
    req.oncomplete = () => {};
    req.async = false;
    req.bytes = 0;
    req.buffer = b;
    h.writeBuffer(req, b);
    this.out = this.Info[1] ? Buffer.allocUnsafeSlow(CAP) : this.out;
  }
  flush() {
    this.armed = false;
    this.put();
    if (this.list.length) {
      const l = this.list;
      this.list = [];
      if (this.s.out === "concat") this.sock.write(l.length === 1 ? l[0] : Buffer.concat(l));
      else {
        this.sock.cork();
        for (const b of l) this.sock.write(b);
        this.sock.uncork();
      }
    }
    if (this.s.flush === "cork") this.sock.uncork();
  }
  get full() {
    return this.sock.writableNeedDrain;
  }
  drained() {
    return new Promise((r) => this.waiting.push(r));
  }
}

async function internals(s) {
  if (s.write !== "handle") return;
  const { TCP } = process.binding("tcp_wrap");
  const { WriteWrap, streamBaseState } = process.binding("stream_wrap");
  void TCP;
  Wire.prototype.WriteWrap = WriteWrap;
  Wire.prototype.Info = {
    get 1() {
      return streamBaseState[2];
    },
  };
}

function accept(s, sock, onWire) {
  if (s.read === "onread") {
    // an accepted socket takes no onread option: hand its handle to a new Socket that does
    const h = sock._handle;
    sock._handle = null;
    const buffer = Buffer.allocUnsafeSlow(64 * 1024);
    let w;
    const s2 = new net.Socket({
      handle: h,
      onread: {
        buffer,
        callback: (n, b) => {
          w.feed(b, n);
          return true;
        },
      },
    });
    w = onWire(s2);
    s2.read(0);
    return;
  }
  onWire(sock).listen();
}

function serve(s, o, onWire) {
  const server = net.createServer({ noDelay: s.noDelay, pauseOnConnect: s.read === "onread" }, (sock) => accept(s, sock, onWire));
  return new Promise((res) => server.listen(o.port, o.host, () => res({ port: o.port })));
}

function dial(s, port, host, onFrame) {
  return new Promise((res, rej) => {
    let w;
    const opts = { port, host, noDelay: s.noDelay };
    const on = s.read.startsWith("onread");
    if (on)
      opts.onread = {
        buffer: Buffer.allocUnsafeSlow(64 * 1024),
        callback: (n, b) => {
          w.feed(b, n);
          return true;
        },
      };
    const sock = net.connect(opts, () => res(w));
    sock.once("error", rej);
    w = new Wire(sock, s, onFrame);
    if (!on) w.listen();
  });
}

// ---------------------------------------------------------------- streams (credit window per direction)
class Stream {
  constructor(w, id, table) {
    this.w = w;
    this.id = id;
    this.table = table;
    this.credit = WINDOW;
    this.owed = 0;
    this.wait = null;
    this.ondata = null;
    this.onfin = null;
    table.set(id, this);
  }
  write(b) {
    this.w.sendBytes(DATA, this.id, 0, b, 0, b.length);
    this.credit -= b.length;
    if (this.credit <= 0)
      return new Promise((r) => {
        this.wait = r;
      });
    if (this.w.full) return this.w.drained();
  }
  gotData(b, from, to) {
    this.owed += to - from;
    if (this.owed >= WINDOW / 2) {
      const c = Buffer.allocUnsafe(4);
      c.writeUInt32LE(this.owed);
      this.owed = 0;
      this.w.sendBytes(CREDIT, this.id, 0, c, 0, 4);
    }
    this.ondata(b, from, to);
  }
  gotCredit(n) {
    this.credit += n;
    if (this.credit > 0 && this.wait) {
      const r = this.wait;
      this.wait = null;
      r();
    }
  }
  fin() {
    this.w.sendBytes(FIN, this.id, 0, NONE, 0, 0);
  }
}
const NONE = Buffer.alloc(0);

// ---------------------------------------------------------------- roles
export async function startServer(o) {
  const s = settings(o);
  await internals(s);
  const codec = await makeCodec(s.codec, o.bytes, STR[s.str]);
  const als = s.als ? new AsyncLocalStorage() : null;
  const echo = o.handler ?? (s.handlerKind === "async" ? async (v) => v : (v) => v);
  const methods = [null, echo];
  let oneways = 0;
  return serve(s, o, (sock) => {
    const streams = new Map();
    const reply = (seq, v) => {
      if (codec.enc) v = codec.enc(v);
      if (typeof v === "string") w.sendString(RES, seq, 0, v);
      else w.sendBytes(RES, seq, 0, v, 0, v.length);
    };
    const handle = (seq, method, v) => {
      const r = methods[method](v);
      if (r && typeof r.then === "function") r.then((x) => reply(seq, x));
      else reply(seq, r);
    };
    const w = new Wire(sock, s, (type, seq, method, b, from, to) => {
      switch (type) {
        case REQ:
          if (method === 2) {
            reply(seq, String(oneways));
            return;
          }
          if (als) als.run({ seq }, handle, seq, method, codec.dec(b, from, to));
          else handle(seq, method, codec.dec(b, from, to));
          return;
        case ONEWAY:
          codec.dec(b, from, to);
          oneways++;
          return;
        case OPEN: {
          const st = new Stream(w, seq, streams);
          let n = 0;
          if (method === 1) {
            st.ondata = (_bb, f, t) => {
              n += t - f;
            };
            st.onfin = () => {
              st.write(Buffer.from(String(n)));
              st.fin();
            };
          } else {
            st.ondata = (bb, f, t) => st.w.sendBytes(DATA, st.id, 0, bb, f, t);
            st.onfin = () => st.fin();
          }
          return;
        }
        case DATA:
          streams.get(seq)?.gotData(b, from, to);
          return;
        case CREDIT:
          streams.get(seq)?.gotCredit(b.readUInt32LE(from));
          return;
        case FIN: {
          const st = streams.get(seq);
          streams.delete(seq);
          st?.onfin();
          return;
        }
      }
    });
    return w;
  });
}

/** reads every header, looks the target up, forwards the frame (gathered per tick) */
export async function startRelay(o) {
  const s = settings(o);
  await internals(s);
  const routes = new Map(); // method -> upstream, to have one look-up per frame
  return serve(s, o, (sock) => {
    let up = null;
    const early = [];
    const down = new Wire(sock, s, (_type, _seq, method, b, _from, to, start) => {
      const target = routes.get(method) ?? up;
      if (!target) early.push(Buffer.from(b.subarray(start, to)));
      else target.forward(b, start, to);
    });
    dial(s, o.upstreamPort, o.host, (_type, _seq, _method, b, _from, to, start) => down.forward(b, start, to)).then((u) => {
      up = u;
      for (const e of early) up.forward(e, 0, e.length);
    });
    return down;
  });
}

export async function connect(o) {
  const s = settings(o);
  await internals(s);
  const codec = await makeCodec(s.codec, o.bytes, STR[s.str]);
  let seq = 0;
  const RING = 65536;
  const ring = s.pending === "ring" ? new Array(RING).fill(undefined) : null;
  const map = new Map();
  const streams = new Map();
  const w = await dial(s, o.port, o.host, (type, id, _method, b, from, to) => {
    if (type === RES) {
      let f;
      if (ring) {
        f = ring[id & (RING - 1)];
        ring[id & (RING - 1)] = undefined;
      } else {
        f = map.get(id);
        map.delete(id);
      }
      if (typeof f === "function") f(codec.dec(b, from, to));
      else f.r(codec.dec(b, from, to));
    } else if (type === DATA) streams.get(id)?.gotData(b, from, to);
    else if (type === CREDIT) streams.get(id)?.gotCredit(b.readUInt32LE(from));
    else if (type === FIN) {
      const st = streams.get(id);
      streams.delete(id);
      st?.onfin?.();
    }
  });
  const add = ring
    ? (id, f) => {
        ring[id & (RING - 1)] = f;
      }
    : (id, f) => {
        map.set(id, f);
      };
  const send = (type, id, method, v) => {
    if (codec.enc) v = codec.enc(v);
    if (typeof v === "string") w.sendString(type, id, method, v);
    else w.sendBytes(type, id, method, v, 0, v.length);
  };
  // deadlines: one timer per call, a shared coarse wheel, or an AbortSignal per call
  const slots = Array.from({ length: 64 }, () => []);
  if (s.timer === "wheel") {
    let at = 0;
    setInterval(() => {
      at = (at + 1) & 63;
      const l = slots[at];
      slots[at] = [];
      for (const id of l) if (map.has(id)) map.get(id)(new Error("deadline"));
    }, 100).unref();
    slots.put = (id) => slots[(at + 50) & 63].push(id);
  }
  let call;
  const plain = (p) =>
    new Promise((r) => {
      const id = (seq = (seq + 1) >>> 0);
      add(id, r);
      send(REQ, id, 1, p);
    });
  if (s.timer === "each") {
    call = (p) =>
      new Promise((r, rej) => {
        const id = (seq = (seq + 1) >>> 0);
        const t = setTimeout(() => {
          map.delete(id);
          rej(new Error("deadline"));
        }, 5000);
        add(id, (v) => {
          clearTimeout(t);
          r(v);
        });
        send(REQ, id, 1, p);
      });
  } else if (s.timer === "wheel") {
    call = (p) =>
      new Promise((r) => {
        const id = (seq = (seq + 1) >>> 0);
        add(id, r);
        slots.put(id);
        send(REQ, id, 1, p);
      });
  } else if (s.timer === "scan") {
    // a deadline in each pending entry; the map keeps insertion order, so one look at its
    // head every 100 ms finds what is overdue (one common timeout; else one map per timeout)
    let clock = Date.now();
    setInterval(() => {
      clock = Date.now();
      for (const [id, f] of map) {
        if (f.at === undefined) continue;
        if (f.at > clock) break;
        map.delete(id);
        f.rej(new Error("deadline"));
      }
    }, 100).unref();
    call = (p) =>
      new Promise((r, rej) => {
        const id = (seq = (seq + 1) >>> 0);
        map.set(id, { r, rej, at: clock + 5000 });
        send(REQ, id, 1, p);
      });
  } else if (s.timer === "abort") {
    call = (p) =>
      new Promise((r, rej) => {
        const id = (seq = (seq + 1) >>> 0);
        const ac = new AbortController();
        const stop = () => {
          map.delete(id);
          rej(ac.signal.reason);
        };
        ac.signal.addEventListener("abort", stop, { once: true });
        add(id, (v) => {
          ac.signal.removeEventListener("abort", stop);
          r(v);
        });
        send(REQ, id, 1, p);
      });
  } else if (s.completion === "async") {
    const inner = async (p) => await plain(p);
    call = async (p) => {
      const r = await inner(p);
      return r;
    };
  } else call = plain;
  return {
    call,
    callCb:
      s.completion === "callback"
        ? (p, cb) => {
            const id = (seq = (seq + 1) >>> 0);
            add(id, cb);
            send(REQ, id, 1, p);
          }
        : undefined,
    oneway(p) {
      send(ONEWAY, 0, 1, p);
      if (w.full) return w.drained();
    },
    onewayCount: () =>
      new Promise((r) => {
        const id = (seq = (seq + 1) >>> 0);
        add(id, (v) => r(Number(v)));
        send(REQ, id, 2, "");
      }),
    async openStream() {
      const id = (seq = (seq + 1) >>> 0);
      const st = new Stream(w, id, streams);
      w.sendBytes(OPEN, id, o.scenario === "E2" ? 1 : 0, NONE, 0, 0);
      let want;
      st.ondata = (b, f, t) => {
        const k = want;
        want = undefined;
        k?.(Buffer.from(b.subarray(f, t)));
      };
      return {
        echo: (b) =>
          new Promise((r) => {
            want = r;
            st.write(b);
          }),
        close: () =>
          new Promise((r) => {
            st.onfin = r;
            st.fin();
          }),
        write: (b) => st.write(b),
        finish: () =>
          new Promise((r) => {
            want = (d) => r(Number(String(d)));
            st.fin();
          }),
      };
    },
  };
}
