/** Listeners by themselves: what is bounded before there is a client, and what strangers get. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, get } from "node:http";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { dialTcp, dialWebSocket } from "../../src/gateway/client/index.js";
import type { ClientConnection, Listening, ListenOptions, ListenRefusal } from "../../src/gateway/listen/listener.js";
import { tcp } from "../../src/gateway/listen/tcp.js";
import { websocket } from "../../src/gateway/listen/websocket.js";
import type { WebSocketListenOptions } from "../../src/gateway/listen/websocket-options.js";
import { AUTHORITY, keyPair } from "../support/certificates.js";
import { until } from "../support/until.js";
import { errorOf, take } from "./support/clients.js";
import { connectTo, frame, rawWebSocket, UPGRADE } from "./support/raw-websocket.js";

const HOST = "127.0.0.1";
const identity = keyPair("localhost");

/** Gives every client back what it says. */
function echo({ stream }: ClientConnection): void {
  stream.on("error", () => {});
  void pipeline(stream, stream).catch(() => {});
}

async function listenWebSocket(
  options: Partial<WebSocketListenOptions> = {},
  onClient = echo,
  settings: ListenOptions = {},
): Promise<Listening> {
  return websocket({ port: 0, host: HOST, ...options }).listen(onClient, settings);
}

/** All that a raw connection hears after it has said `text`. */
async function answerTo(listening: Listening, text: string | Buffer): Promise<string> {
  const socket = connectTo(listening);
  socket.write(text);
  let heard = "";
  socket.on("data", (chunk: Buffer) => {
    heard += chunk.toString("latin1");
  });
  await once(socket, "close");
  return heard;
}

const url = ({ endpoint: { port } }: Listening, path = "/"): string => `ws://${HOST}:${port}${path}`;
suite("TCP listeners", () => {
  test("a client alone, is a stream with its address", async () => {
    const clients: ClientConnection[] = [];
    await using listening = await tcp({ port: 0, host: HOST }).listen((client) => {
      clients.push(client);
      echo(client);
    });
    const client = await dialTcp(`${HOST}:${listening.endpoint.port}`);
    client.end("hello");
    assert.equal((await take(client, 5)).toString(), "hello");
    const [{ remoteAddress, remotePort, transport, headers } = assert.fail()] = clients;
    assert.deepEqual(
      { remoteAddress, remotePort, transport, headers },
      { remoteAddress: HOST, remotePort: client.localPort, transport: "tcp", headers: {} },
    );
  });

  test("TLS, half-closed by the client, it reads its answer", async () => {
    await using listening = await tcp({ port: 0, host: HOST, tls: identity }).listen(echo);
    const client = await dialTcp(`localhost:${listening.endpoint.port}`, { tls: { ca: AUTHORITY } });
    client.end("in secret");
    assert.equal((await take(client, 9)).toString(), "in secret");
  });

  test("a TLS client that is aborted, hears so", async () => {
    await using listening = await tcp({ port: 0, host: HOST, tls: identity }).listen((client) => {
      client.stream.on("error", () => {});
      client.abort(undefined);
    });
    const client = await dialTcp(`localhost:${listening.endpoint.port}`, { tls: { ca: AUTHORITY } });
    client.resume();
    assert.match((await errorOf(client)).code ?? "", /^ERR_SSL/);
  });

  test("TLS handshakes that dawdle, end after their time, and their count is bounded by cutting the oldest", async () => {
    const refused: ListenRefusal[] = [];
    const options = { port: 0, host: HOST, tls: identity, handshakeTimeoutMs: 300, maxHandshakes: 2 };
    await using listening = await tcp(options).listen(echo, { onRefused: (cause) => refused.push(cause) });
    const slow = [connectTo(listening), connectTo(listening), connectTo(listening)];
    await Promise.all(slow.map((socket) => once(socket, "close")));
    assert.deepEqual(refused, ["handshakeEvicted", "handshakeTimeout", "handshakeTimeout"]);
    assert.deepEqual(listening.refused, { handshakeEvicted: 1, handshakeTimeout: 2 });
    const client = await dialTcp(`localhost:${listening.endpoint.port}`, { tls: { ca: AUTHORITY } });
    client.end("served");
    assert.equal((await take(client, 6)).toString(), "served");
  });

  test("random bytes where TLS is expected, are refused and counted", async () => {
    await using listening = await tcp({ port: 0, host: HOST, tls: identity }).listen(echo);
    await answerTo(listening, Buffer.alloc(64, 0x5a));
    assert.deepEqual(listening.refused, { handshakeFailed: 1 });
  });

  test("another certificate, is what new clients see", async () => {
    const listener = tcp({ port: 0, host: HOST, tls: identity });
    await using listening = await listener.listen(echo);
    listener.setTls(keyPair("self-signed"));
    await assert.rejects(dialTcp(`localhost:${listening.endpoint.port}`, { tls: { ca: AUTHORITY } }), /self.signed/);
  });

  test("closed while a client stays, the port is free at once and the client cut when the time is over", async () => {
    const listening = await tcp({ port: 0, host: HOST }).listen(echo);
    const client = await dialTcp(`${HOST}:${listening.endpoint.port}`);
    client.on("error", () => {}).resume();
    await until(() => listening.clients === 1);
    const gone = new Promise((resolve) => client.once("close", resolve));
    await Promise.all([listening.close({ timeoutMs: 20 }), gone]);
    await assert.rejects(dialTcp(`${HOST}:${listening.endpoint.port}`), /refused/);
  });
});

suite("WebSocket listeners", () => {
  test("a client alone, is a stream with its headers and its path", async () => {
    const clients: ClientConnection[] = [];
    await using listening = await listenWebSocket({ path: "/game" }, (client) => {
      clients.push(client);
      echo(client);
    });
    const client = await dialWebSocket(url(listening, "/game?room=7"), { headers: { "X-Token": "abc" } });
    client.write("hello");
    assert.equal((await take(client, 5)).toString(), "hello");
    assert.equal(clients[0]?.url, "/game?room=7");
    assert.equal(clients[0]?.headers["x-token"], "abc");
    client.end();
  });

  test("in message mode, each message arrives as one", async () => {
    await using listening = await listenWebSocket({ mode: "message" });
    const client = await dialWebSocket(url(listening), { mode: "message" });
    const heard: string[] = [];
    client.on("data", (message: Uint8Array) => {
      heard.push(Buffer.from(message).toString());
      if (heard.length === 3) client.end();
    });
    for (const text of ["one", "", "three"]) client.write(Buffer.from(text));
    await once(client, "close");
    assert.deepEqual(heard, ["one", "", "three"]);
  });

  test("on a server that is there, its requests and another listener's path go on", async () => {
    const server = createServer((_request, response) => response.end("the page"));
    await once(server.listen(0, HOST), "listening");
    const game = await websocket({ server, path: "/game" }).listen(echo);
    const chat = await websocket({ server, path: "/chat" }).listen(echo);
    for (const path of ["/game", "/chat"]) {
      const client = await dialWebSocket(url(game, path));
      client.write(path);
      assert.equal((await take(client, 5)).toString(), path);
      client.resume().end();
      await once(client, "close");
    }
    const [response] = await once(get(`http://${HOST}:${game.endpoint.port}/`), "response");
    assert.equal((await take(response as unknown as Duplex, 8)).toString(), "the page");
    await Promise.all([game.close(), chat.close()]);
    server.close();
    server.closeAllConnections();
  });

  test("a page of another origin, is refused with 403 and counted; programs without one come in", async () => {
    await using listening = await listenWebSocket({ origins: ["https://game.example.com"] });
    await assert.rejects(dialWebSocket(url(listening), { headers: { origin: "https://evil.example.com" } }), /403/);
    assert.deepEqual(listening.refused, { origin: 1 });
    for (const headers of [{}, { origin: "https://game.example.com" }]) {
      const client = await dialWebSocket(url(listening), { headers });
      client.resume().end();
      await once(client, "close");
    }
  });

  test("behind a proxy that says so, the client's address is the one in the header", async () => {
    const addresses: string[] = [];
    await using listening = await listenWebSocket({ remoteAddressOf: (headers, address) => headers["x-real-ip"] ?? address }, (client) => {
      addresses.push(client.remoteAddress);
      echo(client);
    });
    const client = await dialWebSocket(url(listening), { headers: { "x-real-ip": "203.0.113.9" } });
    client.resume().end();
    await once(client, "close");
    assert.deepEqual(addresses, ["203.0.113.9"]);
  });

  test("a request that is no WebSocket's, random bytes, a wrong path: answered, counted, gone", async () => {
    await using listening = await listenWebSocket({ path: "/game" });
    assert.match(await answerTo(listening, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), /^HTTP\/1.1 426 .*Upgrade: websocket/s);
    assert.match(await answerTo(listening, Buffer.alloc(64, 0x5a)), /^HTTP\/1.1 400/);
    assert.match(await answerTo(listening, `GET /chat HTTP/1.1\r\nHost: a\r\n${UPGRADE}\r\n`), /^HTTP\/1.1 404/);
    assert.match(
      await answerTo(listening, "GET /game HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
      /^HTTP\/1.1 4\d\d/,
    );
    assert.deepEqual(listening.refused, { notFound: 2, handshakeFailed: 2 });
    assert.equal(listening.clients, 0);
  });

  test("connections that ask for nothing, end after their time, and an honest client is served meanwhile", async () => {
    await using listening = await listenWebSocket({ handshakeTimeoutMs: 300, maxHandshakes: 50 });
    const slow = Array.from({ length: 100 }, () => connectTo(listening));
    for (const socket of slow) socket.write("GET / HT");
    const gone = slow.map((socket) => once(socket, "close"));
    await until(() => (listening.refused.handshakeEvicted ?? 0) === 50);
    const client = await dialWebSocket(url(listening));
    client.write("served");
    assert.equal((await take(client, 6)).toString(), "served");
    client.resume().end();
    await Promise.all(gone);
    const { handshakeEvicted = 0, handshakeTimeout = 0 } = listening.refused;
    assert.ok(handshakeEvicted >= 50 && handshakeEvicted + handshakeTimeout === 100, JSON.stringify(listening.refused));
  });

  test("a frame that announces more than is taken, ends with 1009 before its bytes are there", async () => {
    await using listening = await listenWebSocket({ maxMessageBytes: 1_000 });
    const { socket } = await rawWebSocket(listening);
    socket.write(frame(0x82, Buffer.alloc(0), 2 ** 31));
    const [answer] = await once(socket, "data");
    assert.equal((answer as Buffer)[0], 0x88);
    assert.equal((answer as Buffer).readUInt16BE(2), 1009);
    socket.destroy();
    await until(() => listening.clients === 0);
  });

  test("a client that offers compression, gets none, and a compressed bomb ends with 1002", async () => {
    await using listening = await listenWebSocket();
    const { socket, headers } = await rawWebSocket(listening, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    assert.doesNotMatch(headers, /extensions/i);
    socket.write(frame(0xc2, Buffer.alloc(1_000)));
    const [answer] = await once(socket, "data");
    assert.equal((answer as Buffer).readUInt16BE(2), 1002);
    socket.destroy();
    await until(() => listening.clients === 0);
  });

  test("a client that answers no pings, is cut; one that does stays", async () => {
    const dead: string[] = [];
    await using listening = await listenWebSocket({ pingIntervalMs: 50 }, ({ stream }) => {
      stream.resume();
      stream.on("error", (error) => dead.push(error.message));
    });
    const { socket } = await rawWebSocket(listening);
    const lively = await dialWebSocket(url(listening));
    await once(socket, "close");
    await until(() => listening.clients === 1);
    assert.deepEqual(dead, ["it answers no pings"]);
    lively.resume().end();
    await once(lively, "close");
  });

  test("TLS, as wss:", async () => {
    await using listening = await listenWebSocket({ tls: identity });
    const client = await dialWebSocket(`wss://localhost:${listening.endpoint.port}/`, { ca: AUTHORITY });
    client.write("in secret");
    assert.equal((await take(client, 9)).toString(), "in secret");
    client.resume().end();
    await once(client, "close");
  });

  test("neither a port nor a server, or both, is an error that says so", () => {
    assert.throws(() => websocket({}), /either port or server/);
    assert.throws(() => websocket({ port: 0, server: createServer() }), /either port or server/);
    assert.throws(() => websocket({ port: 0, pth: "/" } as WebSocketListenOptions), /did you mean "path"/);
  });
});
