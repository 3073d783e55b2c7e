import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server, Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { SocketConnection } from "../../src/transport/socket-connection.js";
import { openListener } from "../../src/transport/socket-listener.js";
import { TcpTransport } from "../../src/transport/tcp.js";
import type { Connection, Listener } from "../../src/transport/transport.js";
import { transportContract } from "../contract/transport.js";
import { RecordingHandler, turns } from "../support/recording-handler.js";

transportContract("TCP", () => {
  const transport = new TcpTransport();
  return { dialer: transport, listener: transport, endpoint: { host: "127.0.0.1", port: 0 } };
});

suite("TCP transport", () => {
  const cleanups: (() => unknown)[] = [];
  const { signal } = new AbortController();

  teardown(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function listen(host: string): Promise<{ listener: Listener; accepted: Promise<Connection> }> {
    let resolve: (connection: Connection) => void;
    const accepted = new Promise<Connection>((settle) => {
      resolve = settle;
    });
    const listener = await new TcpTransport().listen({ host, port: 0 }, (connection) => {
      cleanups.push(() => connection.destroy());
      resolve(connection);
    });
    cleanups.push(() => listener.close());
    return { listener, accepted };
  }

  async function dial(transport: TcpTransport, host: string, port: number): Promise<Connection> {
    const connection = await transport.dial({ host, port }, signal);
    cleanups.push(() => connection.destroy());
    return connection;
  }

  /** A transport for which the name has these addresses; counts the lookups. */
  function named(...addresses: string[]): { transport: TcpTransport; lookups: string[] } {
    const lookups: string[] = [];
    const transport = new TcpTransport({
      lookup: async (host) => {
        lookups.push(host);
        return addresses;
      },
    });
    return { transport, lookups };
  }

  /** Every socket that a transport has wrapped since, with what it asked for about delay. */
  function wrappedSockets(): Map<Socket, boolean | undefined> {
    const original = Socket.prototype.setNoDelay;
    const sockets = new Map<Socket, boolean | undefined>();
    Socket.prototype.setNoDelay = function (noDelay) {
      sockets.set(this, noDelay);
      return original.call(this, noDelay);
    };
    cleanups.push(() => {
      Socket.prototype.setNoDelay = original;
    });
    return sockets;
  }

  test("both ends, send without Nagle's delay", async () => {
    const sockets = wrappedSockets();
    const { listener, accepted } = await listen("127.0.0.1");
    await Promise.all([dial(new TcpTransport(), "127.0.0.1", listener.endpoint.port), accepted]);
    assert.deepEqual([...sockets.values()], [true, true]);
    const ports = [...sockets.keys()].map((socket) => socket.localPort);
    assert.equal(new Set(ports).size, 2);
    assert.ok(ports.includes(listener.endpoint.port));
  });

  test("no handler yet, nothing is read at either end", async () => {
    const sockets = wrappedSockets();
    const { listener, accepted } = await listen("127.0.0.1");
    const near = await dial(new TcpTransport(), "127.0.0.1", listener.endpoint.port);
    const far = await accepted;
    near.write(Buffer.alloc(10_000));
    far.write(Buffer.alloc(10_000));
    await turns(20);
    assert.deepEqual(
      [...sockets.keys()].map((socket) => socket.bytesRead),
      [0, 0],
    );
    const handlers = [new RecordingHandler(), new RecordingHandler()] as const;
    near.setHandler(handlers[0]);
    far.setHandler(handlers[1]);
    await Promise.all(handlers.map((handler) => handler.until((h) => h.byteCount === 10_000)));
  });

  test("each chunk that arrives, has memory of its own", async () => {
    const { listener, accepted } = await listen("127.0.0.1");
    const near = await dial(new TcpTransport(), "127.0.0.1", listener.endpoint.port);
    const handler = new RecordingHandler();
    (await accepted).setHandler(handler);
    for (let count = 1; count <= 20; count++) {
      near.write(Buffer.alloc(1_000, count));
      await handler.until((h) => h.byteCount === count * 1_000);
    }
    for (const [index, chunk] of handler.chunks.entries()) assert.ok(chunk.every((byte) => byte === index + 1));
    assert.equal(new Set(handler.chunks.map((chunk) => chunk.buffer)).size, handler.chunks.length);
  });

  test("the first two of three addresses refuse, the third is reached; each dial looks the name up anew", async () => {
    const { listener } = await listen("127.0.0.1");
    const { transport, lookups } = named("127.0.0.2", "127.0.0.3", "127.0.0.1");
    const connection = await dial(transport, "game.test", listener.endpoint.port);
    assert.equal(connection.remote, `127.0.0.1:${listener.endpoint.port}`);
    await dial(transport, "game.test", listener.endpoint.port);
    assert.deepEqual(lookups, ["game.test", "game.test"]);
  });

  test("every address of a name refuses, the error lists them", async () => {
    const { listener } = await listen("127.0.0.1");
    const { port } = listener.endpoint;
    await assert.rejects(dial(named("127.0.0.2", "127.0.0.3").transport, "game.test", port), {
      code: "ECONNREFUSED",
      message: `dial game.test:${port}: 127.0.0.2 ECONNREFUSED, 127.0.0.3 ECONNREFUSED`,
    });
  });

  test("a literal address, is not looked up", async () => {
    const { listener } = await listen("127.0.0.1");
    const { transport, lookups } = named();
    await dial(transport, "127.0.0.1", listener.endpoint.port);
    assert.deepEqual(lookups, []);
  });

  test("localhost, is found by the system's resolver", async () => {
    const { listener } = await listen("127.0.0.1");
    await dial(new TcpTransport(), "localhost", listener.endpoint.port);
  });

  test("a name that does not exist, fails with the resolver's code and the endpoint", async () => {
    const cause = Object.assign(new Error("getaddrinfo ENOTFOUND nowhere.test"), { code: "ENOTFOUND" });
    const transport = new TcpTransport({ lookup: () => Promise.reject(cause) });
    await assert.rejects(transport.dial({ host: "nowhere.test", port: 1 }, signal), {
      code: "ENOTFOUND",
      message: "dial nowhere.test:1: no address for nowhere.test (ENOTFOUND)",
      cause,
    });
    await assert.rejects(named().transport.dial({ host: "nowhere.test", port: 1 }, signal), { code: "ENOTFOUND" });
  });

  test("abort while the name is looked up, fails at once and dials nobody when the answer comes", async () => {
    const { listener, accepted } = await listen("127.0.0.1");
    let answer: (addresses: string[]) => void = () => {};
    const transport = new TcpTransport({
      lookup: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    });
    const controller = new AbortController();
    const reason = new Error("no longer wanted");
    const dialing = transport.dial({ host: "slow.test", port: listener.endpoint.port }, controller.signal);
    controller.abort(reason);
    await assert.rejects(dialing, reason);
    answer(["127.0.0.1"]);
    const probe = await dial(new TcpTransport(), "127.0.0.1", listener.endpoint.port);
    const handler = new RecordingHandler();
    (await accepted).setHandler(handler);
    probe.write(Buffer.from("the probe is the first to be accepted"));
    await handler.until((h) => h.byteCount > 0);
  });

  test("a peer over IPv6, is named with brackets", async function () {
    if (!hasAddress("::1")) this.skip();
    const { listener, accepted } = await listen("::1");
    const near = await dial(new TcpTransport(), "::1", listener.endpoint.port);
    assert.equal(near.remote, `[::1]:${listener.endpoint.port}`);
    const far = await accepted;
    assert.match(far.remote, /^\[::1\]:\d+$/);
    assert.deepEqual([near.isLoopback, far.isLoopback], [true, true]);
  });

  test("an IPv4 peer of a listener on all interfaces, is named and known as IPv4", async function () {
    if (!hasAddress("::1")) this.skip();
    const { listener, accepted } = await listen("::");
    await dial(new TcpTransport(), "127.0.0.1", listener.endpoint.port);
    const far = await accepted;
    assert.match(far.remote, /^127\.0\.0\.1:\d+$/);
    assert.equal(far.isLoopback, true);
  });

  test("a peer by this machine's outer address, is not loopback", async function () {
    const outer = Object.values(networkInterfaces())
      .flat()
      .find((address) => address?.family === "IPv4" && !address.internal)?.address;
    if (outer === undefined) this.skip();
    const { listener, accepted } = await listen("0.0.0.0");
    const near = await dial(new TcpTransport(), outer, listener.endpoint.port);
    assert.deepEqual([near.isLoopback, (await accepted).isLoopback], [false, false]);
  });

  test("a connection that is destroyed with unsent bytes, drops those that the kernel holds too", async () => {
    const server = await plainServer();
    const near = await dial(new TcpTransport(), "127.0.0.1", server.port);
    const handler = new RecordingHandler();
    near.setHandler(handler);
    const peer = await server.accepted;
    peer.pause();
    let takenByKernel = 0;
    while (near.write(Buffer.alloc(64 * 1024))) takenByKernel += 64 * 1024;
    near.destroy(new Error("slow peer"));
    assert.equal((await handler.closed())?.message, "slow peer");
    assert.equal(near.bufferedBytes, 0);
    peer.resume();
    await new Promise((resolve) => peer.once("close", resolve));
    assert.ok(peer.bytesRead < takenByKernel, `the peer could read all ${takenByKernel} bytes`);
  });

  test("a live peer of a destroyed connection, sees ECONNRESET", async () => {
    const { listener, accepted } = await listen("127.0.0.1");
    const near = await dial(new TcpTransport(), "127.0.0.1", listener.endpoint.port);
    const handler = new RecordingHandler();
    (await accepted).setHandler(handler);
    near.setHandler(new RecordingHandler());
    near.write(Buffer.from("hello"));
    await handler.until((h) => h.byteCount === 5);
    near.destroy();
    assert.equal(((await handler.closed()) as NodeJS.ErrnoException).code, "ECONNRESET");
  });

  test("a peer that resets while nobody has a handler, is reported to the handler that comes", async () => {
    const server = await plainServer();
    const near = await dial(new TcpTransport(), "127.0.0.1", server.port);
    const peer = await server.accepted;
    peer.resetAndDestroy();
    await once(peer, "close");
    const handler = new RecordingHandler();
    near.setHandler(handler);
    assert.equal(((await handler.closed()) as NodeJS.ErrnoException).code, "ECONNRESET");
  });

  test("a socket that has closed before it is wrapped, gives one onClose with its error", async () => {
    const server = await plainServer();
    const socket = connect(server.port, "127.0.0.1");
    await once(socket, "connect");
    socket.on("error", () => {});
    const lost = new Error("lost meanwhile");
    socket.destroy(lost);
    await new Promise((resolve) => socket.once("close", resolve));
    const connection = new SocketConnection(socket, { identity: undefined, channelBinding: undefined });
    const handler = new RecordingHandler();
    connection.setHandler(handler);
    assert.deepEqual(handler.closings, []);
    assert.equal(await handler.closed(), lost);
  });

  test("destroyed within onData while the socket holds further chunks, they are not delivered", async () => {
    const server = await plainServer();
    const socket = connect(server.port, "127.0.0.1");
    const peer = await server.accepted;
    for (const length of [1, 2]) {
      peer.write("x");
      while (socket.readableLength < length) await turns(1);
    }
    socket.pause();
    const connection = new SocketConnection(socket, { identity: undefined, channelBinding: undefined });
    const handler = new RecordingHandler({ onData: () => connection.destroy() });
    connection.setHandler(handler);
    await handler.closed();
    assert.equal(handler.text, "x");
  });

  test("an error while accepting, is reported and the listener goes on", async () => {
    const server = createServer((socket) => cleanups.push(() => socket.destroy()));
    const reported: unknown[] = [];
    const listener = await openListener(server, { host: "127.0.0.1", port: 0 }, (...report) => reported.push(...report));
    cleanups.push(() => listener.close());
    const error = new Error("accept EMFILE");
    server.emit("error", error);
    assert.deepEqual(reported, [error, listener.endpoint]);
    await dial(new TcpTransport(), "127.0.0.1", listener.endpoint.port);
  });

  test("an address that this machine does not have, listen fails with EADDRNOTAVAIL and a hint", async () => {
    await assert.rejects(
      new TcpTransport().listen({ host: "203.0.113.1", port: 0 }, () => {}),
      {
        code: "EADDRNOTAVAIL",
        message: "listen 203.0.113.1:0: EADDRNOTAVAIL (this machine does not have that address)",
      },
    );
  });

  async function plainServer(): Promise<{ port: number; accepted: Promise<Socket> }> {
    const server: Server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    cleanups.push(() => server.close());
    const accepted = new Promise<Socket>((resolve) => {
      server.once("connection", (socket) => {
        socket.on("error", () => {});
        cleanups.push(() => socket.destroy());
        resolve(socket);
      });
    });
    const address = server.address();
    assert.ok(address !== null && typeof address === "object");
    return { port: address.port, accepted };
  }
});

function hasAddress(address: string): boolean {
  return Object.values(networkInterfaces())
    .flat()
    .some((candidate) => candidate?.address === address);
}
