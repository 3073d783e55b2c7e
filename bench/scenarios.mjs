// The load loops. They know only the common client interface:
//   call(payload) -> Promise<payload>            payload: string, or Buffer when bytes are asked for
//   oneway(payload) -> void | Promise            fire and forget
//   onewayCount() -> Promise<number>             what the server has received so far
//   openStream() -> Promise<{echo(buf)->Promise<buf>, close()->void|Promise,
//                            write(buf)->void|Promise, finish()->Promise<bytes the server counted>}>
import { cpuSeconds, rssBytes } from "./lib/proc.mjs";
import { quantile } from "./lib/stats.mjs";

export const SMALL = "abcdefghijklmnopqrstuvwxyz012345"; // 32 bytes
const BIG = 64 * 1024;
const now = () => performance.now();
const tick = () => new Promise((r) => setImmediate(r));
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

/** metric: name of the headline number; up: true when more is better; payload: what call() gets */
export const SCENARIOS = {
  A: { title: "A. latency, 1 in flight", metric: "calls/s", needs: "call", run: latency },
  B64: { title: "B. throughput, 64 in flight", metric: "calls/s", needs: "call", run: (c, o) => throughput(c, o, 64, SMALL) },
  B512: { title: "B. throughput, 512 in flight", metric: "calls/s", needs: "call", run: (c, o) => throughput(c, o, 512, SMALL) },
  C: { title: "C. 64 KiB echo, 16 in flight", metric: "MB/s", needs: "call", bytes: true, run: bigEcho },
  D: { title: "D. one-way messages", metric: "msgs/s", needs: "oneway", run: oneway },
  E1: { title: "E. short streams (open+echo+close), 32 at once", metric: "streams/s", needs: "openStream", bytes: true, run: shortStreams },
  E2: { title: "E. one bulk stream, 64 KiB writes", metric: "MB/s", needs: "openStream", bytes: true, run: bulkStream },
  E3: {
    title: "E. server memory per idle open stream",
    metric: "bytes/stream",
    down: true,
    needs: "openStream",
    bytes: true,
    run: idleStreams,
  },
  F64: { title: "F. relay, 64 in flight", metric: "calls/s", needs: "call", relay: true, run: (c, o) => throughput(c, o, 64, SMALL) },
  FA: { title: "F. relay, 1 in flight", metric: "calls/s", needs: "call", relay: true, run: latency },
};

function cpuMeter(o) {
  const at = () => o.pids.map(cpuSeconds);
  const c0 = process.cpuUsage();
  const s0 = at();
  return () => {
    const c = process.cpuUsage(c0);
    const client = (c.user + c.system) / 1e6;
    const rest = at().map((x, i) => x - s0[i]);
    return { client, rest, total: client + rest.reduce((a, b) => a + b, 0) };
  };
}
const per100k = (cpu, n) => ({
  cpu100k: (cpu.total / n) * 1e5,
  cpuClient100k: (cpu.client / n) * 1e5,
  cpuServer100k: ((cpu.rest[0] ?? 0) / n) * 1e5,
});

async function latency(c, o) {
  let end = now() + o.warmup * 1000;
  while (now() < end) await c.call(SMALL);
  const lat = [];
  const cpu = cpuMeter(o);
  const t0 = now();
  end = t0 + o.seconds * 1000;
  let t = t0;
  while (t < end) {
    const r = await c.call(SMALL);
    const u = now();
    if (r.length !== SMALL.length) throw new Error("wrong echo");
    lat.push(u - t);
    t = u;
  }
  const used = cpu();
  lat.sort((a, b) => a - b);
  return {
    value: (lat.length / (t - t0)) * 1000,
    p50us: quantile(lat, 0.5) * 1000,
    p99us: quantile(lat, 0.99) * 1000,
    ...per100k(used, lat.length),
  };
}

async function pump(c, seconds, width, payload) {
  let n = 0;
  const t0 = now();
  const end = t0 + seconds * 1000;
  let stop = false;
  const timer = setTimeout(() => {
    stop = true;
  }, seconds * 1000);
  const one = async () => {
    while (!stop) {
      const r = await c.call(payload);
      if (r.length !== payload.length) throw new Error("wrong echo");
      if ((++n & 255) === 0 && now() > end) stop = true;
    }
  };
  if (c.callCb) {
    // completion by callback, for contenders that want to show it
    await new Promise((done) => {
      let open = width;
      const go = () => {
        if ((++n & 255) === 0 && now() > end) stop = true;
        if (stop) {
          if (--open === 0) done();
        } else c.callCb(payload, go);
      };
      for (let i = 0; i < width; i++) c.callCb(payload, go);
    });
  } else await Promise.all(Array.from({ length: width }, one));
  clearTimeout(timer);
  return { n, ms: now() - t0 };
}

async function throughput(c, o, width, payload) {
  await pump(c, o.warmup, width, payload);
  const cpu = cpuMeter(o);
  const { n, ms } = await pump(c, o.seconds, width, payload);
  return { value: (n / ms) * 1000, ...per100k(cpu(), n) };
}

async function bigEcho(c, o) {
  const payload = c.bigAsString ? "x".repeat(BIG) : Buffer.alloc(BIG, 120);
  await pump(c, o.warmup, 16, payload);
  const cpu = cpuMeter(o);
  const { n, ms } = await pump(c, o.seconds, 16, payload);
  const used = cpu();
  return { value: (n * BIG) / 1e6 / (ms / 1000), cpuPerGB: (used.total / (n * BIG)) * 1e9 };
}

async function oneway(c, o) {
  const BURST = 20000;
  const burst = async () => {
    for (let i = 0; i < BURST; i++) {
      const p = c.oneway(SMALL);
      if (p) await p;
      if ((i & 511) === 511) await tick();
    }
    sent += BURST;
    const giveUp = now() + 4000;
    for (;;) {
      got = await c.onewayCount();
      if (got >= sent) return;
      if (now() > giveUp) throw new Error(`lost messages: sent ${sent}, received ${got}`);
      await tick();
    }
  };
  let sent = 0,
    got = 0;
  let end = now() + o.warmup * 1000;
  do await burst();
  while (now() < end);
  const from = sent;
  const cpu = cpuMeter(o);
  const t0 = now();
  end = t0 + o.seconds * 1000;
  do await burst();
  while (now() < end);
  const ms = now() - t0;
  const n = sent - from;
  return { value: (n / ms) * 1000, ...per100k(cpu(), n) };
}

async function shortStreams(c, o) {
  const small = Buffer.from(SMALL);
  const go = async (seconds) => {
    let n = 0,
      stop = false;
    const t0 = now();
    const timer = setTimeout(() => {
      stop = true;
    }, seconds * 1000);
    const one = async () => {
      while (!stop) {
        const s = await c.openStream();
        const r = await s.echo(small);
        if (r.length !== small.length) throw new Error("wrong echo");
        await s.close();
        n++;
      }
    };
    await Promise.all(Array.from({ length: 32 }, one));
    clearTimeout(timer);
    return { n, ms: now() - t0 };
  };
  await go(o.warmup);
  const cpu = cpuMeter(o);
  const { n, ms } = await go(Math.min(o.seconds, c.shortStreamSeconds ?? o.seconds));
  return { value: (n / ms) * 1000, ...per100k(cpu(), n) };
}

async function bulkStream(c, o) {
  const chunk = Buffer.alloc(BIG, 120);
  const go = async (seconds) => {
    const s = await c.openStream();
    const t0 = now();
    const end = t0 + seconds * 1000;
    let n = 0;
    while (now() < end) {
      for (let i = 0; i < 8; i++) {
        const p = s.write(chunk);
        if (p) await p;
        n += BIG;
      }
    }
    const got = await s.finish();
    if (got !== n) throw new Error(`bulk: wrote ${n}, server counted ${got}`);
    return { n, ms: now() - t0 };
  };
  await go(o.warmup);
  const cpu = cpuMeter(o);
  const { n, ms } = await go(o.seconds);
  const used = cpu();
  return { value: n / 1e6 / (ms / 1000), cpuPerGB: (used.total / n) * 1e9 };
}

async function idleStreams(c, o) {
  const small = Buffer.from(SMALL);
  const N = o.idleStreams ?? 10000;
  const server = o.pids[0];
  const gc = async () => {
    for (let i = 0; i < 2; i++) {
      process.kill(server, "SIGUSR2");
      await sleep(150);
    }
    globalThis.gc?.();
  };
  const hold = [];
  const open = async (n) => {
    let left = n;
    const one = async () => {
      while (left-- > 0) {
        const s = await c.openStream();
        await s.echo(small);
        hold.push(s);
      }
    };
    await Promise.all(Array.from({ length: 50 }, one));
  };
  // warm the code paths, then close, so that only the streams themselves are counted
  await open(300);
  await Promise.all(hold.splice(0).map((s) => s.close()));
  await sleep(200);
  await gc();
  const before = rssBytes(server);
  const mine = rssBytes(process.pid);
  const t0 = now();
  await open(N);
  const openMs = now() - t0;
  await sleep(200);
  await gc();
  const after = rssBytes(server);
  return { value: (after - before) / N, clientBytes: (rssBytes(process.pid) - mine) / N, opened: N, openMs };
}
