/** Gateways, backends and clients in processes of their own, some of which are killed. */
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import type { AddressText } from "../../src/addr/logical-address.js";
import { discoveryServer } from "../../src/discovery/server/adapter.js";
import { type DiscoveryServer, startDiscoveryServer } from "../../src/discovery/server/index.js";
import { dialKcp, dialTcp, dialWebSocket } from "../../src/gateway/client/index.js";
import { kcp } from "../../src/gateway/kcp/index.js";
import { tcp } from "../../src/gateway/listen/tcp.js";
import { websocket } from "../../src/gateway/listen/websocket.js";
import { type PipeGateway, pipeGateway } from "../../src/gateway/pipe-gateway.js";
import type { PipeGatewayOptions } from "../../src/gateway/pipe-options.js";
import type { ClusterStream } from "../../src/node/cluster-stream.js";
import { type ClusterNode, createNode } from "../../src/node/node.js";
import { until } from "../support/until.js";
import { endpointOf, quiet, take } from "./support/clients.js";

const HOST = "127.0.0.1";

/** What one test has started. */
class Place implements AsyncDisposable {
  readonly server: DiscoveryServer;
  readonly #nodes: ClusterNode[] = [];
  readonly #children: ChildProcess[] = [];
  readonly #gateways: PipeGateway[] = [];

  constructor(server: DiscoveryServer) {
    this.server = server;
  }

  static async open(): Promise<Place> {
    return new Place(await startDiscoveryServer({ listen: `${HOST}:0`, logger: false }));
  }

  async node(address: AddressText, onStream?: (stream: ClusterStream) => void): Promise<ClusterNode> {
    const node = createNode({ address, discovery: discoveryServer(this.server.endpoint), logger: false });
    if (onStream !== undefined) node.onStream(onStream);
    this.#nodes.push(node);
    return await node.start();
  }

  /** A gateway on all transports, in this process. */
  async gateway(node: ClusterNode, options: Partial<PipeGatewayOptions> & Pick<PipeGatewayOptions, "accept">): Promise<PipeGateway> {
    const listen = [tcp({ port: 0, host: HOST }), websocket({ port: 0, host: HOST }), kcp({ port: 0, host: HOST })];
    const gateway = await pipeGateway(node, { listen, logger: false, ...options }).start();
    this.#gateways.push(gateway);
    return gateway;
  }

  /** Starts a program; resolves with what it says first. */
  async child<T = unknown>(program: string, ...args: string[]): Promise<{ child: ChildProcess; said: T }> {
    const child = fork(fileURLToPath(new URL(`support/${program}`, import.meta.url)), args, {
      execArgv: ["--import", "tsx"],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#children.push(child);
    const [said] = await once(child, "message");
    return { child, said: said as T };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill("SIGKILL");
    for (const gateway of this.#gateways) gateway.destroy();
    await Promise.all(this.#gateways.map((gateway) => gateway.close()));
    await Promise.all(this.#nodes.map((node) => node.close({ timeoutMs: 1 })));
    await this.server.close();
  }
}

/** One message there and back. */
async function echo(client: Duplex, text: string): Promise<void> {
  client.write(text);
  assert.equal((await take(client, text.length)).toString(), text);
}

/** Resolves when it has closed; what is ended is ended here, too. */
function closed(client: Duplex): Promise<unknown> {
  client.once("end", () => client.end()).resume();
  return new Promise((resolve) => client.once("close", resolve));
}

suite("gateways with processes", function () {
  this.timeout(60_000);

  test("a backend is killed, its clients on every transport are closed within a second and no others", async () => {
    await using place = await Place.open();
    const { child } = await place.child("backend-process.ts", place.server.endpoint, "1.1.1");
    await place.child("backend-process.ts", place.server.endpoint, "1.1.2");
    const node = await place.node("1.2.1");
    await node.waitFor(1, { count: 2 });
    let accepted = 0;
    const gateway = await place.gateway(node, { accept: () => ({ to: accepted++ % 2 === 0 ? "1.1.1" : "1.1.2" }) });
    const clients: Duplex[] = [];
    for (const dial of [
      () => dialTcp(endpointOf(gateway, "tcp")),
      () => dialWebSocket(`ws://${endpointOf(gateway, "websocket")}/`),
      () => dialKcp(endpointOf(gateway, "kcp")),
    ]) {
      // One for either backend, in turn.
      for (const text of ["one", "two"]) {
        const client = quiet(await dial());
        await echo(client, text);
        clients.push(client);
      }
    }
    const [tcpClient, tcpOther, webClient, webOther, kcpClient, kcpOther] = clients as [Duplex, Duplex, Duplex, Duplex, Duplex, Duplex];
    const gone = [tcpClient, webClient, kcpClient].map(closed);
    const killedAt = performance.now();
    child.kill("SIGKILL");
    await Promise.all(gone);
    const took = performance.now() - killedAt;
    assert.ok(took < 1_000, `${took} ms`);
    await until(() => gateway.status().closed.backendLost === 3);
    for (const client of [tcpOther, webOther, kcpOther]) await echo(client, "still here");
    assert.equal(gateway.status().clients, 3);
  });

  test("a gateway is killed, its streams end at the backend with an error", async () => {
    await using place = await Place.open();
    const streams: ClusterStream[] = [];
    const failures: Error[] = [];
    await place.node("1.1.1", (stream) => {
      streams.push(stream);
      stream.on("error", (error) => failures.push(error));
      stream.on("data", (chunk) => stream.write(chunk));
    });
    const { child, said: endpoint } = await place.child<string>("gateway-process.ts", place.server.endpoint);
    const clients = [quiet(await dialTcp(endpoint)), quiet(await dialTcp(endpoint))];
    for (const client of clients) await echo(client, "hello");
    const gone = clients.map(closed);
    child.kill("SIGKILL");
    await until(() => failures.length === 2);
    assert.ok(streams.every((stream) => stream.destroyed));
    await Promise.all(gone);
  });

  test("a client that never reads while its backend floods it, others on the same backend are served as before", async () => {
    await using place = await Place.open();
    const chunk = Buffer.alloc(64 * 1024);
    await place.node("1.1.1", (stream) => {
      stream.on("error", () => {});
      stream.once("data", (first: Uint8Array) => {
        if (Buffer.from(first).toString() !== "flood") {
          stream.write(first);
          stream.on("data", (next) => stream.write(next));
          return;
        }
        const pump = (): void => {
          while (!stream.destroyed && stream.write(chunk));
        };
        stream.on("drain", pump);
        pump();
      });
    });
    const node = await place.node("1.2.1");
    await node.waitFor(1);
    const gateway = await place.gateway(node, { accept: () => ({ to: "1.1.1" }), bufferBytes: 64 * 1024 });
    const flooded: Duplex[] = [
      await dialTcp(endpointOf(gateway, "tcp")),
      await dialWebSocket(`ws://${endpointOf(gateway, "websocket")}/`),
      await dialKcp(endpointOf(gateway, "kcp")),
    ];
    for (const client of flooded) {
      quiet(client).pause();
      client.write("flood");
    }
    await until(() => gateway.clients().filter(({ waitingBytes }) => waitingBytes >= 64 * 1024).length === flooded.length);
    const other = quiet(await dialTcp(endpointOf(gateway, "tcp")));
    for (let n = 0; n < 200; n++) await echo(other, `message ${n}`);
    for (const { waitingBytes } of gateway.clients()) assert.ok(waitingBytes <= 256 * 1024, `${waitingBytes} bytes`);
    for (const client of [...flooded, other]) client.destroy();
  });

  test("clients that half-close, get the backend's answer and its end", async () => {
    await using place = await Place.open();
    await place.child("backend-process.ts", place.server.endpoint, "1.1.1");
    const node = await place.node("1.2.1");
    await node.waitFor(1);
    const gateway = await place.gateway(node, { accept: () => ({ to: "1.1.1" }) });
    const question = Buffer.alloc(300_000, "?");
    for (const dial of [() => dialTcp(endpointOf(gateway, "tcp")), () => dialKcp(endpointOf(gateway, "kcp"))]) {
      const client: Duplex = await dial();
      client.end(question);
      const answer: Buffer[] = [];
      for await (const chunk of client) answer.push(chunk as Buffer);
      assert.ok(Buffer.concat(answer).equals(question));
    }
    await until(() => gateway.status().closed.ended === 2);
  });

  test("10,000 connections in a burst from two processes, those beyond the limit are refused and counted, and who was there is served", async () => {
    await using place = await Place.open();
    await place.child("backend-process.ts", place.server.endpoint, "1.1.1");
    const node = await place.node("1.2.1");
    await node.waitFor(1);
    const gateway = await place.gateway(node, { accept: () => ({ to: "1.1.1" }), maxClients: 500, maxClientsPerAddress: 500 });
    const endpoint = endpointOf(gateway, "tcp");
    const there = quiet(await dialTcp(endpoint));
    await echo(there, "first");
    const bursts = [0, 1].map(() => place.child<{ served: number; refused: number }>("burst-process.ts", endpoint, "5000"));
    let isOver = false;
    const over = Promise.all(bursts).finally(() => {
      isOver = true;
    });
    let echoes = 0;
    while (!isOver) {
      await echo(there, `message ${echoes++}`);
      assert.ok(gateway.status().clients <= 500);
    }
    const outcomes = (await over).map(({ said }) => said);
    const served = outcomes.reduce((sum, each) => sum + each.served, 0);
    const refused = outcomes.reduce((sum, each) => sum + each.refused, 0);
    assert.equal(served + refused, 10_000);
    assert.ok(served > 0 && refused > 0 && echoes > 10, `${served} served, ${refused} refused, ${echoes} echoes`);
    const { refused: byLimit, listeners } = gateway.status();
    const { burst = 0 } = listeners.find(({ transport }) => transport === "tcp")!.refused;
    assert.equal(byLimit.maxClients + byLimit.maxClientsPerAddress + burst, refused);
    await until(() => gateway.status().clients === 1);
    there.destroy();
  });
});
