/** Clients through a gateway to backends in this process, on each transport. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { onEvent } from "../../src/events/channels.js";
import type { GatewayEvent } from "../../src/events/events.js";
import { dialKcp, dialTcp, dialWebSocket } from "../../src/gateway/client/index.js";
import { kcp } from "../../src/gateway/kcp/index.js";
import { tcp } from "../../src/gateway/listen/tcp.js";
import { websocket } from "../../src/gateway/listen/websocket.js";
import { type PipeGateway, pipeGateway } from "../../src/gateway/pipe-gateway.js";
import type { PipeGatewayOptions } from "../../src/gateway/pipe-options.js";
import { Deferred } from "../../src/internal/deferred.js";
import { until } from "../support/until.js";
import { endpointOf, errorOf, quiet, take } from "./support/clients.js";
import { FakeBackends, textOf } from "./support/fake-backends.js";

const HOST = "127.0.0.1";
const everywhere = () => [tcp({ port: 0, host: HOST }), websocket({ port: 0, host: HOST, path: "/game" }), kcp({ port: 0, host: HOST })];

function start(backends: FakeBackends, options: Partial<PipeGatewayOptions> = {}): Promise<PipeGateway> {
  return pipeGateway(backends, { listen: everywhere(), accept: () => ({ to: "1.1.1" }), logger: false, ...options }).start();
}

const DIALS: Readonly<Record<string, (gateway: PipeGateway) => Promise<Duplex>>> = {
  tcp: async (gateway) => quiet(await dialTcp(endpointOf(gateway, "tcp"))),
  websocket: async (gateway) => quiet(await dialWebSocket(`ws://${endpointOf(gateway, "websocket")}/game`)),
  kcp: async (gateway) => quiet(await dialKcp(endpointOf(gateway, "kcp"))),
};

/** How a client fares that is not let in: TCP may be reset while it still dials. */
async function failureOf(dialing: Promise<Duplex>): Promise<{ code?: string; closeCode?: number; message: string }> {
  try {
    const client = await dialing;
    const failed = errorOf(client);
    client.resume();
    client.write("?");
    return await failed;
  } catch (error) {
    return (error as Error).cause as Error;
  }
}

suite("pipeGateway", () => {
  for (const [transport, dial] of Object.entries(DIALS)) {
    suite(transport, () => {
      test("what a client says reaches its backend, and the answer comes back", async () => {
        const backends = new FakeBackends();
        await using gateway = await start(backends, {
          accept: (client) => ({ to: "1.1.1", protocol: "game", metadata: { ip: client.remoteAddress, over: client.transport } }),
        });
        const client = await dial(gateway);
        client.write("hello");
        const { backend, options } = await backends.nth(1);
        assert.equal((await take(backend, 5)).toString(), "hello");
        backend.write("hello yourself");
        assert.equal((await take(client, 14)).toString(), "hello yourself");
        assert.deepEqual(options.metadata, { ip: HOST, over: transport });
        assert.equal(options.protocol, "game");
        const { bytesIn, bytesOut, clients, streams } = gateway.status();
        assert.deepEqual({ bytesIn, bytesOut, clients, streams }, { bytesIn: 5, bytesOut: 14, clients: 1, streams: 1 });
        backend.destroy();
        await errorOrClose(client);
      });

      test("4 MiB both ways at once, all arrives in order", async function () {
        this.timeout(60_000);
        const backends = new FakeBackends();
        await using gateway = await start(backends);
        const client = await dial(gateway);
        const sent = Buffer.alloc(4 * 1024 ** 2);
        for (let index = 0; index < sent.length; index += 4) sent.writeUInt32LE(index, index);
        client.write(sent);
        const { backend } = await backends.nth(1);
        backend.write(sent);
        const [there, back] = await Promise.all([take(backend, sent.length), take(client, sent.length)]);
        assert.ok(there.equals(sent));
        assert.ok(back.equals(sent));
        backend.destroy();
        await errorOrClose(client);
      });

      test("the backend ends, the client reads all of it and the end", async () => {
        const backends = new FakeBackends();
        await using gateway = await start(backends);
        const client = await dial(gateway);
        client.write("?");
        const { backend } = await backends.nth(1);
        backend.resume();
        backend.end("the last word");
        assert.equal(await textOf(client), "the last word");
        client.end();
        await until(() => gateway.status().clients === 0);
        assert.equal(gateway.status().closed.ended, 1);
      });

      test("the backend resets, the client notices that this is no end", async () => {
        const backends = new FakeBackends();
        await using gateway = await start(backends);
        const client = await dial(gateway);
        client.resume();
        client.write("?");
        const { backend } = await backends.nth(1);
        await take(backend, 1);
        const failed = errorOf(client);
        backend.destroy();
        const { code, closeCode } = await failed;
        assert.equal(closeCode ?? code, { tcp: "ECONNRESET", websocket: 1014, kcp: "RESET" }[transport]);
        await until(() => gateway.status().clients === 0);
        assert.equal(gateway.status().closed.backendLost, 1);
      });

      test("the client resets, the backend's stream fails", async () => {
        const backends = new FakeBackends();
        await using gateway = await start(backends);
        const client = await dial(gateway);
        client.write("?");
        const { backend } = await backends.nth(1);
        await take(backend, 1);
        const failed = errorOf(backend);
        if ("resetAndDestroy" in client) (client as Duplex & { resetAndDestroy(): void }).resetAndDestroy();
        else client.destroy();
        backend.resume();
        assert.equal((await failed).message, "reset");
        await until(() => gateway.status().clients === 0);
        assert.equal(gateway.status().closed.clientLost, 1);
      });

      test("no backend can be opened, the client is told after three attempts", async () => {
        const backends = new FakeBackends();
        backends.fail = () => new Error("nobody is there");
        const attempts: (readonly [number, string | undefined])[] = [];
        await using gateway = await start(backends, {
          accept: (_client, { attempt, failure }) => {
            attempts.push([attempt, failure?.message]);
            return { to: "1.1.1" };
          },
        });
        const { code, closeCode } = await failureOf(dial(gateway));
        assert.equal(closeCode ?? code, { tcp: "ECONNRESET", websocket: 1013, kcp: "RESET" }[transport]);
        assert.deepEqual(attempts, [
          [1, undefined],
          [2, "nobody is there"],
          [3, "nobody is there"],
        ]);
        await until(() => gateway.status().clients === 0);
        assert.equal(gateway.status().closed.noBackend, 1);
        assert.equal(gateway.status().retries, 2);
      });

      test("accept says no, the client is refused", async () => {
        await using gateway = await start(new FakeBackends(), { accept: () => ({ refuse: "not you", code: 4_001 }) });
        const { code, closeCode, message } = await failureOf(dial(gateway));
        assert.equal(closeCode ?? code, { tcp: "ECONNRESET", websocket: 4_001, kcp: "RESET" }[transport]);
        if (transport === "websocket") assert.match(message, /not you/);
        await until(() => gateway.status().clients === 0);
        assert.equal(gateway.status().closed.refused, 1);
      });

      test("a client that never reads, holds its buffer limit and its backend back, and is cut when it stalls", async function () {
        this.timeout(20_000);
        const backends = new FakeBackends();
        const bufferBytes = 32 * 1024;
        await using gateway = await start(backends, { bufferBytes, stallTimeoutMs: 1_000 });
        const client = await dial(gateway);
        client.on("error", () => {});
        client.write("?");
        client.pause();
        const { backend } = await backends.nth(1);
        const chunk = Buffer.alloc(16 * 1024);
        let written = 0;
        const pump = (): void => {
          while (!backend.destroyed && backend.write(chunk)) written += chunk.length;
        };
        backend.on("drain", pump);
        pump();
        let most = 0;
        while (gateway.status().closed.stalled === 0) {
          for (const { waitingBytes } of gateway.clients()) most = Math.max(most, waitingBytes);
          await new Promise((resolve) => setImmediate(resolve));
        }
        assert.ok(most > 0 && most <= 2 * (bufferBytes + 64 * 1024), `${most} bytes`);
        assert.ok(written < 32 * 1024 ** 2, `${written} bytes`);
        client.destroy();
      });

      test("closed with a client that does not leave, it says goodbye when the time is over", async () => {
        const backends = new FakeBackends();
        const gateway = await start(backends);
        const client = await dial(gateway);
        client.resume();
        client.write("?");
        const { backend } = await backends.nth(1);
        await take(backend, 1);
        const failed = errorOrClose(client);
        assert.deepEqual(await gateway.close({ timeoutMs: 20 }), { clientsCut: 1 });
        const error = await failed;
        if (transport !== "websocket") assert.equal(error?.code, { tcp: "ECONNRESET", kcp: "RESET" }[transport]);
        assert.equal(gateway.status().phase, "closed");
        assert.equal(gateway.status().closed.closing, 1);
        assert.ok(backend.destroyed);
      });
    });
  }

  for (const transport of ["tcp", "kcp"]) {
    test(`a half-closed client over ${transport}, gets its answer`, async () => {
      const backends = new FakeBackends();
      await using gateway = await start(backends);
      const client = await DIALS[transport]!(gateway);
      client.end("the question");
      const { backend } = await backends.nth(1);
      assert.equal(await textOf(backend), "the question");
      backend.end("the answer");
      assert.equal(await textOf(client), "the answer");
      await until(() => gateway.status().clients === 0);
      assert.equal(gateway.status().closed.ended, 1);
    });
  }

  test("a WebSocket that leaves in order, the backend reads all of it and an end, and an answer is reset", async () => {
    const backends = new FakeBackends();
    await using gateway = await start(backends);
    const client = await DIALS.websocket!(gateway);
    client.resume();
    client.end("goodbye");
    const { backend } = await backends.nth(1);
    assert.equal(await textOf(backend), "goodbye");
    await once(client, "close");
    const failed = errorOf(backend);
    backend.write("are you there?");
    await failed;
    await until(() => gateway.status().clients === 0);
    assert.equal(gateway.status().closed.clientLeft, 1);
  });

  test("a backend that is lost before a byte went either way, accept is asked again and the client notices nothing", async () => {
    const backends = new FakeBackends();
    await using gateway = await start(backends, { accept: (_client, { attempt }) => ({ to: attempt === 1 ? "1.1.1" : "1.1.2" }) });
    const client = await DIALS.tcp!(gateway);
    const first = await backends.nth(1);
    first.backend.destroy();
    const second = await backends.nth(2);
    assert.equal(second.target, "1.1.2");
    client.write("here I am");
    assert.equal((await take(second.backend, 9)).toString(), "here I am");
    second.backend.write("there");
    assert.equal((await take(client, 5)).toString(), "there");
    assert.equal(gateway.status().retries, 1);
    gateway.destroy();
  });

  test("accept throws, the client is cut and the log says why", async () => {
    const warnings: string[] = [];
    const nothing = (): void => {};
    const logger = {
      trace: nothing,
      debug: nothing,
      info: nothing,
      error: nothing,
      warn: (_: object, text: string) => void warnings.push(text),
    };
    await using gateway = await start(new FakeBackends(), {
      logger,
      accept: () => {
        throw new Error("no table of rooms");
      },
    });
    assert.equal((await failureOf(DIALS.websocket!(gateway))).closeCode, 1011);
    assert.deepEqual(warnings, ["accept() failed: no table of rooms"]);
  });

  test("accept takes too long, its signal is aborted and the client cut", async () => {
    let signal: AbortSignal | undefined;
    await using gateway = await start(new FakeBackends(), {
      acceptTimeoutMs: 50,
      accept: (_client, context) => {
        signal = context.signal as AbortSignal;
        return new Promise(() => {});
      },
    });
    await failureOf(DIALS.tcp!(gateway));
    await until(() => gateway.status().clients === 0);
    assert.equal(signal?.aborted, true);
    assert.equal(gateway.status().closed.acceptFailed, 1);
  });

  test("the client goes while its stream is being opened, the opening is aborted and a stream that comes late is destroyed", async () => {
    const backends = new FakeBackends();
    const held = new Deferred<void>();
    backends.fail = () => held.promise;
    await using gateway = await start(backends);
    const client = await DIALS.websocket!(gateway);
    await until(() => gateway.clients()[0]?.phase === "opening");
    client.destroy();
    await until(() => gateway.status().clients === 0);
    held.resolve();
    const { backend, options } = await backends.nth(1);
    assert.equal(options.signal?.aborted, true);
    await until(() => backend.destroyed);
    assert.equal(gateway.status().closed.clientLost, 1);
  });

  test("more clients than it takes, those beyond are refused with a reason and counted, and the rest is served", async () => {
    const backends = new FakeBackends();
    const refused: GatewayEvent[] = [];
    const stop = onEvent("clusterts:gateway", (event) => event.type === "refused" && refused.push(event));
    await using gateway = await start(backends, { maxClients: 1 });
    const client = await DIALS.tcp!(gateway);
    await backends.nth(1);
    await assert.rejects(DIALS.websocket!(gateway), /503/);
    assert.equal((await failureOf(DIALS.tcp!(gateway))).code, "ECONNRESET");
    assert.equal(gateway.status().refused.maxClients, 2);
    assert.deepEqual(
      refused.map((event) => event.type === "refused" && [event.transport, event.cause]),
      [
        ["websocket", "maxClients"],
        ["tcp", "maxClients"],
      ],
    );
    client.write("still here");
    assert.equal((await take((await backends.nth(1)).backend, 10)).toString(), "still here");
    gateway.destroy();
    stop();
  });

  test("more clients from one address than allowed, are refused", async () => {
    const backends = new FakeBackends();
    await using gateway = await start(backends, { maxClientsPerAddress: 1 });
    await DIALS.tcp!(gateway);
    await backends.nth(1);
    await failureOf(DIALS.tcp!(gateway));
    assert.equal(gateway.status().refused.maxClientsPerAddress, 1);
    gateway.destroy();
    await until(() => gateway.status().clients === 0);
    assert.equal(gateway.status().addresses, 0);
  });

  for (const [option, cause, closeCode] of [
    ["idleTimeoutMs", "idle", 1008],
    ["firstByteTimeoutMs", "silent", 1008],
  ] as const) {
    test(`a client that says nothing for ${option}, is told and cut`, async () => {
      const backends = new FakeBackends();
      await using gateway = await start(backends, { [option]: 60 });
      const client = await DIALS.websocket!(gateway);
      client.resume();
      assert.equal((await errorOf(client)).closeCode, closeCode);
      await until(() => gateway.status().clients === 0);
      assert.equal(gateway.status().closed[cause], 1);
    });
  }

  test("each client, has its events from the opening to the end", async () => {
    const backends = new FakeBackends();
    const events: GatewayEvent[] = [];
    const stop = onEvent("clusterts:gateway", (event) => events.push(event));
    await using gateway = await start(backends);
    const client = await DIALS.tcp!(gateway);
    client.end("12345");
    const { backend } = await backends.nth(1);
    backend.resume();
    backend.end("123");
    await textOf(client);
    await until(() => gateway.status().clients === 0);
    const facts = { node: "1.2.1", id: 1, transport: "tcp", remote: HOST };
    assert.deepEqual(events[0], { type: "opened", ...facts, peer: "1.1.1" });
    const [, closed] = events;
    assert.ok(closed?.type === "closed" && closed.openMs >= 0);
    assert.deepEqual(
      { ...closed, openMs: 0 },
      { type: "closed", ...facts, cause: "ended", reason: "", openMs: 0, bytesIn: 5, bytesOut: 3 },
    );
    stop();
  });

  test("a port that is taken, start fails and closes the others", async () => {
    await using taken = await start(new FakeBackends(), { listen: [tcp({ port: 0, host: HOST })] });
    const port = Number(endpointOf(taken, "tcp").split(":")[1]);
    const free = tcp({ port: 0, host: HOST });
    const gateway = pipeGateway(new FakeBackends(), { listen: [free, tcp({ port, host: HOST })], accept: () => ({ to: "1.1.1" }) });
    await assert.rejects(gateway.start(), { code: "EADDRINUSE" });
    await assert.rejects(dialTcp(endpointOf(gateway, "tcp")), /refused/);
    assert.equal(gateway.status().phase, "closed");
  });

  test("wrong options, are all named", () => {
    const wrong = { listen: [], acept: () => ({ to: "1.1.1" }), maxClients: 0 } as unknown as PipeGatewayOptions;
    assert.throws(() => pipeGateway(new FakeBackends(), wrong), /listen.*accept.*maxClients.*"acept" \(did you mean "accept"\?\)/s);
    const messages = { listen: [websocket({ port: 0, mode: "message" })], accept: () => ({ to: "1.1.1" as const }) };
    assert.throws(() => pipeGateway(new FakeBackends(), messages), /mode "stream"/);
  });
});

/** The error that a stream closes with, if any. */
async function errorOrClose(stream: Duplex): Promise<{ code?: string } | undefined> {
  if (stream.closed) return undefined;
  stream.resume();
  return new Promise((resolve) => {
    stream.once("error", (error: Error & { code?: string }) => resolve(error));
    stream.once("close", () => resolve(undefined));
  });
}
