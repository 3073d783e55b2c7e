/** Clients that mean ill: what they may hold is bounded, the counters say why they were refused, and the others are served. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { parseEndpoint } from "../../src/addr/endpoint.js";
import { dialKcp, dialTcp, dialWebSocket } from "../../src/gateway/client/index.js";
import { type KcpListenerOptions, kcp } from "../../src/gateway/kcp/index.js";
import { tcp } from "../../src/gateway/listen/tcp.js";
import { websocket } from "../../src/gateway/listen/websocket.js";
import { type PipeGateway, pipeGateway } from "../../src/gateway/pipe-gateway.js";
import type { ListenerStatus } from "../../src/gateway/status.js";
import { COMMAND, HEADER_BYTES, writeHeader } from "../../src/kcp/segment.js";
import { keyPair } from "../support/certificates.js";
import { until } from "../support/until.js";
import { endpointOf, quiet, take } from "./support/clients.js";
import { FakeBackends } from "./support/fake-backends.js";
import { type Bound, connectTo, frame, rawWebSocket } from "./support/raw-websocket.js";

const HOST = "127.0.0.1";
const DIALS = {
  tcp: (gateway: PipeGateway) => dialTcp(endpointOf(gateway, "tcp")),
  websocket: (gateway: PipeGateway) => dialWebSocket(`ws://${endpointOf(gateway, "websocket")}/`),
  kcp: (gateway: PipeGateway) => dialKcp(endpointOf(gateway, "kcp")),
};

const boundOf = (gateway: PipeGateway, transport: string): Bound => ({ endpoint: parseEndpoint(endpointOf(gateway, transport)) });

function listenerOf(gateway: PipeGateway, transport: string): ListenerStatus {
  const listener = gateway.status().listeners.find((each) => each.transport === transport);
  assert.ok(listener !== undefined, transport);
  return listener;
}

/** A backend that gives everybody back what they say. */
class Echoes extends FakeBackends {
  override async openStream(...args: Parameters<FakeBackends["openStream"]>): ReturnType<FakeBackends["openStream"]> {
    const stream = await super.openStream(...args);
    const { backend } = this.opened.at(-1)!;
    backend.pipe(backend);
    return stream;
  }
}

async function start(ofKcp: Partial<KcpListenerOptions> = {}): Promise<PipeGateway> {
  const limits = { handshakeTimeoutMs: 300, maxHandshakes: 50 };
  const listen = [
    tcp({ port: 0, host: HOST }),
    tcp({ port: 0, host: HOST, tls: keyPair("localhost"), ...limits }),
    websocket({ port: 0, host: HOST, maxMessageBytes: 1_000, ...limits }),
    kcp({ port: 0, host: HOST, ...ofKcp }),
  ];
  return pipeGateway(new Echoes(), { listen, accept: () => ({ to: "1.1.1" }), logger: false }).start();
}

/** A client of each transport, who was there before. */
async function honest(gateway: PipeGateway): Promise<Duplex[]> {
  const clients = await Promise.all(Object.values(DIALS).map(async (dial): Promise<Duplex> => quiet(await dial(gateway))));
  await allServed(clients);
  return clients;
}

async function allServed(clients: readonly Duplex[]): Promise<void> {
  for (const client of clients) {
    client.write("still here");
    assert.equal((await take(client, 10)).toString(), "still here");
  }
}

/** A datagram that begins a KCP session of its own. */
function firstDatagram(conversation: number): Buffer {
  const datagram = Buffer.alloc(HEADER_BYTES + 32);
  writeHeader(datagram, 0, conversation, COMMAND.push, 0, 128, 1, 0, 0, 32);
  return datagram;
}

suite("a gateway under attack", () => {
  test("random bytes at every port, become no clients where there is a handshake, and are counted", async () => {
    await using gateway = await start();
    const clients = await honest(gateway);
    const { accepted } = gateway.status();
    for (const transport of ["tls", "websocket"]) {
      const sockets = Array.from({ length: 20 }, () => connectTo(boundOf(gateway, transport)));
      for (const socket of sockets) socket.resume().end(randomBytes(2_000));
      await Promise.all(sockets.map((socket) => once(socket, "close")));
      await until(() => listenerOf(gateway, transport).refused.handshakeFailed === 20);
    }
    const socket = createSocket("udp4");
    const { port } = boundOf(gateway, "kcp").endpoint;
    const before = listenerOf(gateway, "kcp").counters.malformed!;
    for (let count = 0; count < 100; count++) {
      await new Promise((resolve) => socket.send(randomBytes(1 + ((count * 37) % 1_400)), port, HOST, resolve));
    }
    await until(() => listenerOf(gateway, "kcp").counters.malformed === before + 100);
    socket.close();
    assert.equal(gateway.status().accepted, accepted);
    await allServed(clients);
    gateway.destroy();
  });

  test("messages that are too large, compressed or malformed, cost their clients the connection, and are counted as their fault", async () => {
    await using gateway = await start();
    const clients = await honest(gateway);
    for (const bytes of [
      frame(0x82, Buffer.alloc(0), 2 ** 31), // announces 2 GiB
      frame(0xc2, Buffer.alloc(1_000)), // compressed, which was not agreed
      frame(0x83, Buffer.alloc(10)), // of a kind that there is not
      frame(0x81, Buffer.from([0xff, 0xfe])), // a text that is none
    ]) {
      const { socket } = await rawWebSocket(boundOf(gateway, "websocket"));
      socket.write(bytes);
      await once(socket, "data");
      socket.destroy();
    }
    await until(() => gateway.status().closed.clientFault === 4);
    await until(() => gateway.status().clients === clients.length);
    await allServed(clients);
    gateway.destroy();
  });

  test("handshakes that take their time, the oldest are cut beyond a number and the others in time", async () => {
    await using gateway = await start();
    const clients = await honest(gateway);
    for (const [transport, first] of [
      ["tls", Buffer.from([22, 3, 1, 2, 0])],
      ["websocket", Buffer.from("GET / HT")],
    ] as const) {
      const sockets = Array.from({ length: 120 }, () => connectTo(boundOf(gateway, transport)));
      const closed = sockets.map((socket) => new Promise((resolve) => socket.once("close", resolve))); // some before all are served
      for (const socket of sockets) socket.resume().write(first);
      await allServed(clients);
      await Promise.all(closed);
      const { handshakeEvicted = 0, handshakeTimeout = 0 } = listenerOf(gateway, transport).refused;
      assert.ok(handshakeEvicted >= 70 && handshakeEvicted + handshakeTimeout === 120, `${handshakeEvicted} and ${handshakeTimeout}`);
    }
    gateway.destroy();
  });

  test("first datagrams of 3,000 forged sessions, as many as may be unproven are held, and no more bytes go out than came", async () => {
    await using gateway = await start({ maxUnprovenSessions: 50 });
    const clients = await honest(gateway);
    const at = listenerOf(gateway, "kcp").counters;
    const { port } = boundOf(gateway, "kcp").endpoint;
    const sockets = Array.from({ length: 30 }, () => createSocket("udp4"));
    let sent = 0;
    for (let conversation = 1; conversation <= 3_000; conversation++) {
      await new Promise((resolve) => sockets[conversation % 30]!.send(firstDatagram(conversation), port, HOST, resolve));
      sent++;
      if (conversation % 500 === 0) await allServed(clients);
    }
    const refused = (): number => listenerOf(gateway, "kcp").refused.kcpUnproven ?? 0;
    await until(() => refused() === sent - 50);
    const { unprovenSessions, bytesIn, bytesOut } = listenerOf(gateway, "kcp").counters;
    assert.equal(unprovenSessions, 50);
    assert.equal(gateway.status().clients, clients.length + 50);
    assert.ok(bytesOut! - at.bytesOut! < bytesIn! - at.bytesIn!, `${bytesIn} in, ${bytesOut} out`);
    await allServed(clients);
    for (const socket of sockets) socket.close();
    gateway.destroy();
  });
});
