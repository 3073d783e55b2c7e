/** What clients that mean ill do, at a pace. Each gives how often it did it, and when it began and ended. */
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import net from "node:net";
import { sleep } from "../scenarios/client.mjs";
import { HOST } from "./place.mjs";

/** Sockets that an attacker of KCP has, for as many forged ports. */
const UDP_SOCKETS = 100;
const TICK_MS = 5;
const UPGRADE = `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`;
const KCP_PUSH = 81;
const KCP_HEADER_BYTES = 24;
const NOISE = randomBytes(64 * 1024);

/** Per process; two of them attack. `port`: whose listener is attacked. */
export const ATTACKS = {
  "random bytes over TCP": { port: "tcp", perSecond: 200, once: ({ port }) => say(port, NOISE.subarray(0, 4_096)) },
  "random bytes over WebSocket": { port: "websocket", perSecond: 200, once: ({ port }) => say(port, NOISE.subarray(0, 4_096)) },
  "random bytes over KCP": { port: "kcp", perSecond: 4_000, prepare: udpSockets, once: garbage },
  "oversized WebSocket frames": { port: "websocket", perSecond: 200, once: ({ port }) => sayUpgraded(port, frame(0x82, 2 ** 31, 16_384)) },
  "compression bombs": { port: "websocket", perSecond: 200, once: ({ port }) => sayUpgraded(port, frame(0xc2, 16_384, 16_384)) },
  "5,000 connections in a burst, TCP": { port: "tcp", burst: 5_000, once: ({ port }) => connection(port, Buffer.of(1)) },
  "5,000 connections in a burst, WebSocket": { port: "websocket", burst: 5_000, once: ({ port }) => connection(port, UPGRADE) },
  "slow handshakes": { port: "websocket", perSecond: 1_000, once: dawdle },
  "forged KCP addresses": { port: "kcp", perSecond: 4_000, prepare: udpSockets, once: forge },
};

/** One attacker's work. */
export async function attack({ name, ports, seconds }) {
  const { port, perSecond, burst, prepare = () => ({}), once: act } = ATTACKS[name];
  const tools = { port: ports[port], ...(await prepare()) };
  const startedAt = Date.now();
  let done = 0;
  if (burst !== undefined) {
    const all = Array.from({ length: burst }, () => act(tools));
    await Promise.all(all);
    done = burst;
  } else {
    for (let due = 0; Date.now() - startedAt < seconds * 1_000; await sleep(TICK_MS)) {
      for (due = ((Date.now() - startedAt) / 1_000) * perSecond; done < due; done++) act(tools);
    }
  }
  return { done, startedAt, endedAt: Date.now() };
}

function connectTo(port) {
  return net.connect(port, HOST).on("error", () => {}); // refused, most likely
}

/** Says something, hears what comes, and goes. */
function say(port, bytes) {
  const socket = connectTo(port);
  socket.once("data", () => socket.destroy());
  socket.write(bytes);
}

function sayUpgraded(port, bytes) {
  const socket = connectTo(port);
  socket.once("data", () => socket.resume().write(bytes));
  socket.write(UPGRADE);
}

/** Stays as long as it may, until it was heard or refused. */
async function connection(port, bytes) {
  const socket = connectTo(port);
  socket.on("connect", () => socket.write(bytes));
  await Promise.race([once(socket, "data"), once(socket, "close")]).catch(() => {});
}

/** A request that comes letter by letter, and never whole. */
function dawdle({ port }) {
  const socket = connectTo(port);
  let at = 0;
  const timer = setInterval(() => socket.write(UPGRADE[at++ % 30]), 1_000);
  socket.once("close", () => clearInterval(timer));
  socket.write("GET / HTTP/1.1\r\nX: ");
}

async function udpSockets() {
  const sockets = Array.from({ length: UDP_SOCKETS }, () => createSocket("udp4"));
  for (const socket of sockets) {
    socket.bind(0, HOST);
    await once(socket, "listening");
    socket.on("message", () => {}); // read, and never answered
  }
  return { sockets };
}

const any = (below) => Math.floor(Math.random() * below);

function garbage({ port, sockets }) {
  const at = any(NOISE.length - 1_400);
  sockets[any(sockets.length)].send(NOISE.subarray(at, at + any(1_400)), port, HOST);
}

/** The first segment of a session that nobody goes on with. */
function forge({ port, sockets }) {
  const datagram = Buffer.alloc(KCP_HEADER_BYTES + 200);
  datagram.writeUInt32LE(any(2 ** 32), 0);
  datagram[4] = KCP_PUSH;
  datagram.writeUInt16LE(128, 6);
  datagram.writeUInt32LE(200, 20);
  sockets[any(sockets.length)].send(datagram, port, HOST);
}

/** Announces `length` bytes, and has `there` of them. */
function frame(firstByte, length, there) {
  const header = Buffer.alloc(14);
  header[0] = firstByte;
  header[1] = 0x80 | 127;
  header.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([header, Buffer.alloc(there)]);
}
