/**
 * One process of bench/kcp.mjs:
 *   kcp-peer.mjs server <address>                 echoes; prints "LISTENING <port>", and for each line of stdin one of figures
 *   kcp-peer.mjs relay <server's port> <loss>     loses datagrams both ways; prints "LISTENING <port>"
 *   kcp-peer.mjs client <address> stream <bytes> <sessions>   as kcp-go's: prints "ECHOED <milliseconds>" of the last one and ends
 *   kcp-peer.mjs idle <address> <sessions>        opens sessions that have said one byte; prints "OPEN <sessions>"
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { pipeline } from "node:stream";
import { internals } from "./lib/internals.mjs";

const { dialKcp, listenKcp } = await internals("kcp/index.ts");

const WINDOWS = { sendWindow: 512, receiveWindow: 512 };
const WRITE_BYTES = 16_384;
const RECEIVE_BUFFER_BYTES = 4 * 1024 ** 2;

const [role, address, ...rest] = process.argv.slice(2);
await { server, client, idle, relay }[role]();

async function server() {
  const listener = await listenKcp(
    { listen: address, ...WINDOWS, maxSessionsPerHost: 100_000, maxUnprovenSessions: 100_000, idleTimeoutMs: false },
    (session) => pipeline(session, session, () => {}),
  );
  console.log("LISTENING", listener.endpoint.port);
  process.stdin.on("data", () => {
    globalThis.gc?.();
    const { user, system } = process.cpuUsage();
    console.log("FIGURES", JSON.stringify({ cpuMs: (user + system) / 1_000, rss: process.memoryUsage().rss, sessions: listener.sessions }));
  });
  process.stdin.on("end", () => process.exit());
}

async function client() {
  const [, bytes, sessions] = rest;
  let ms = 0;
  for (let count = 0; count < Number(sessions); count++) ms = await echo(Number(bytes));
  console.log("ECHOED", ms);
  process.exit();
}

/** Milliseconds until all of it was back. */
async function echo(total) {
  const session = await dialKcp(address, WINDOWS);
  const startedAt = performance.now();
  let bytes = 0;
  const echoed = new Promise((resolve) => {
    session.on("data", (chunk) => {
      bytes += chunk.length;
      if (bytes >= total) resolve();
    });
  });
  for (let offset = 0; offset < total; offset += WRITE_BYTES)
    if (!session.write(Buffer.alloc(Math.min(WRITE_BYTES, total - offset), offset))) await once(session, "drain");
  await echoed;
  const ms = performance.now() - startedAt;
  session.on("error", () => {}).destroy();
  return ms;
}

async function idle() {
  const sessions = Number(rest[0]);
  const keepaliveMs = rest[1] === "quiet" ? false : 15_000;
  for (let open = 0; open < sessions; ) {
    const batch = Array.from({ length: Math.min(100, sessions - open) }, async () => {
      const session = await dialKcp(address, { ...WINDOWS, keepaliveMs, idleTimeoutMs: false });
      session.write("x");
      await once(session, "data");
    });
    open += batch.length;
    await Promise.all(batch);
  }
  console.log("OPEN", sessions);
  process.stdin.on("end", () => process.exit()).resume();
}

async function relay() {
  const [serverPort, loss] = [Number(address), Number(rest[0])];
  const front = createSocket("udp4").bind(0, "127.0.0.1");
  const upstreams = new Map();
  const upstreamOf = (port) => {
    const upstream = createSocket("udp4").bind(0, "127.0.0.1", () => upstream.setRecvBufferSize(RECEIVE_BUFFER_BYTES));
    upstream.on("message", (datagram) => Math.random() < loss || front.send(datagram, port, "127.0.0.1"));
    upstreams.set(port, upstream);
    return upstream;
  };
  front.on("message", (datagram, { port }) => {
    if (Math.random() >= loss) (upstreams.get(port) ?? upstreamOf(port)).send(datagram, serverPort, "127.0.0.1");
  });
  await once(front, "listening");
  front.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  console.log("LISTENING", front.address().port);
  process.stdin.on("end", () => process.exit()).resume();
}
