import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { TlsTransport, type TlsTransportOptions } from "../../src/transport/tls.js";
import { TlsError } from "../../src/transport/tls-error.js";
import type { Connection, Listener } from "../../src/transport/transport.js";
import { transportContract } from "../contract/transport.js";
import { certified, credentialsOf, keyPair } from "../support/certificates.js";
import { FakeClock } from "../support/fake-clock.js";
import { RecordingHandler, turns } from "../support/recording-handler.js";
import { until } from "../support/until.js";

transportContract("mutual TLS", () => ({
  dialer: new TlsTransport(credentialsOf(certified("1.2.1"))),
  listener: new TlsTransport(credentialsOf(certified("1.3.1"))),
  endpoint: { host: "127.0.0.1", port: 0 },
}));

suite("TLS transport", () => {
  const cleanups: (() => unknown)[] = [];
  const { signal } = new AbortController();

  teardown(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function listen(options: TlsTransportOptions = {}): Promise<{ listener: Listener; accepted: Promise<Connection> }> {
    const transport = new TlsTransport(credentialsOf(certified("1.3.1")), options);
    let resolve: (connection: Connection) => void;
    const accepted = new Promise<Connection>((settle) => {
      resolve = settle;
    });
    const listener = await transport.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
      cleanups.push(() => connection.destroy());
      resolve(connection);
    });
    cleanups.push(() => listener.close());
    return { listener, accepted };
  }

  function stranger({ endpoint }: Listener): Socket {
    const socket = connect({ host: endpoint.host, port: endpoint.port, allowHalfOpen: true });
    socket.on("error", () => {});
    cleanups.push(() => socket.destroy());
    return socket;
  }

  const dial = async (certificate: string, { endpoint }: Listener): Promise<Connection> => {
    const connection = await new TlsTransport(credentialsOf(certified(certificate))).dial(endpoint, signal);
    cleanups.push(() => connection.destroy());
    return connection;
  };

  test("both ends have the same channel binding, another one for each connection, and know each other's names", async () => {
    const bindings = new Set<string>();
    for (let round = 0; round < 2; round++) {
      const { listener, accepted } = await listen();
      const near = await dial("1.2.1", listener);
      const far = await accepted;
      const handlers = [new RecordingHandler(), new RecordingHandler()] as const;
      near.setHandler(handlers[0]);
      far.setHandler(handlers[1]);
      assert.deepEqual([near.identity, far.channelBinding], [undefined, undefined], "not known yet");
      near.write(Buffer.from("a"));
      far.write(Buffer.from("b"));
      await Promise.all(handlers.map((handler) => handler.until((h) => h.byteCount === 1)));
      assert.deepEqual(near.identity, { uris: ["clusterts://default/1.3.1"], subject: "CN=1.3.1" });
      assert.deepEqual(far.identity, { uris: ["clusterts://default/1.2.1"], subject: "CN=1.2.1" });
      assert.equal(near.channelBinding?.length, 32);
      assert.deepEqual(Buffer.from(near.channelBinding), far.channelBinding);
      bindings.add(Buffer.from(near.channelBinding).toString("hex"));
    }
    assert.equal(bindings.size, 2);
  });

  test("a peer that is not believed, gets last words and nothing that was written for it; its bytes reach nobody", async () => {
    const said: (Uint8Array | undefined)[] = [];
    const lastWords = Buffer.from("not you");
    const { listener, accepted } = await listen({
      refusal: (_error, text) => {
        said.push(text);
        return lastWords;
      },
    });
    const near = await dial("foreign", listener);
    const far = await accepted;
    const handlers = [new RecordingHandler(), new RecordingHandler()] as const;
    near.setHandler(handlers[0]);
    far.setHandler(handlers[1]);
    near.write(Buffer.from("let me in"));
    far.write(Buffer.from("for others"));
    const error = await handlers[1].closed();
    assert.ok(error instanceof TlsError && error.kind === "certificate");
    assert.deepEqual([far.identity, far.channelBinding, handlers[1].byteCount, far.bufferedBytes], [undefined, undefined, 0, 0]);
    assert.equal(far.write(Buffer.from("late")), true);
    await handlers[0].closed();
    assert.equal(handlers[0].text, "not you");
    assert.deepEqual(said, [undefined]);
  });

  test("plain text, is answered in plain text, and reaches nobody", async () => {
    const { listener, accepted } = await listen({ refusal: (error, said) => Buffer.from(`${error.kind}: ${Buffer.from(said!)}`) });
    const socket = stranger(listener);
    socket.write("hello");
    const handler = new RecordingHandler();
    (await accepted).setHandler(handler);
    const error = await handler.closed();
    assert.ok(error instanceof TlsError && error.kind === "plainText");
    assert.equal(handler.byteCount, 0);
    const [answer] = await once(socket, "data");
    assert.equal(String(answer), "plainText: hello");
  });

  test("a refused peer that does not go, is cut off after a second", async () => {
    const clock = new FakeClock();
    const { listener, accepted } = await listen({ clock, refusal: () => Buffer.from("go") });
    const socket = stranger(listener);
    socket.write("hello");
    const handler = new RecordingHandler();
    (await accepted).setHandler(handler);
    await handler.closed();
    socket.resume();
    await once(socket, "end"); // its end; ours stays open
    assert.equal(clock.pendingTimers, 1);
    await clock.advance(999);
    assert.equal(socket.destroyed, false);
    await clock.advance(1);
    // What is written to a connection that is cut off, is answered with a reset.
    const closed = new Promise((resolve) => socket.once("close", resolve));
    const timer = setInterval(() => socket.write("still here"), 1);
    cleanups.push(() => clearInterval(timer));
    await closed;
    assert.equal(clock.pendingTimers, 0);
  });

  test("nothing is read or computed before a connection is used", async () => {
    const { listener, accepted } = await listen();
    const near = await dial("1.2.1", listener);
    near.setHandler(new RecordingHandler());
    near.write(Buffer.from("a"));
    const far = await accepted;
    await turns(50);
    assert.equal(near.channelBinding, undefined, "the acceptor has not said its part of the handshake");
    const handler = new RecordingHandler();
    far.setHandler(handler);
    await handler.until((h) => h.text === "a");
  });

  test("a handshake that the dialer gives up, leaves nothing at either end", async () => {
    for (let wait = 0; wait < 12; wait++) {
      const { listener, accepted } = await listen();
      const near = await dial("1.2.1", listener);
      const handlers = [new RecordingHandler(), new RecordingHandler()] as const;
      near.setHandler(handlers[0]);
      near.write(Buffer.from("never"));
      (await accepted).setHandler(handlers[1]);
      await turns(wait);
      const reason = new Error("given up");
      near.destroy(reason);
      assert.equal(await handlers[0].closed(), reason);
      await handlers[1].closed();
      assert.deepEqual(
        handlers.map((handler) => handler.closings.length),
        [1, 1],
      );
    }
  });

  test("credentials that are replaced, are for connections that begin afterwards; those under way go on with theirs", async () => {
    const transport = new TlsTransport(credentialsOf(certified("1.3.1")));
    const accepted: Connection[] = [];
    const listener = await transport.listen({ host: "127.0.0.1", port: 0 }, (connection) => accepted.push(connection));
    cleanups.push(() => listener.close());
    const first = await dial("1.2.1", listener);
    const handler = new RecordingHandler();
    first.setHandler(handler);
    await until(() => accepted.length === 1);
    const far = new RecordingHandler();
    accepted[0]!.setHandler(far);
    accepted[0]!.write(Buffer.from("before"));
    await handler.until((h) => h.text === "before");
    transport.replace(credentialsOf({ ...keyPair("foreign-1.3.1"), ca: certified("1.3.1").ca }));
    const second = await dial("1.2.1", listener);
    const refused = new RecordingHandler();
    second.setHandler(refused);
    await until(() => accepted.length === 2);
    accepted[1]!.setHandler(new RecordingHandler());
    assert.match(String(await refused.closed()), /authority that is not in tls.ca/);
    first.write(Buffer.from("still here"));
    await far.until((h) => h.text === "still here");
    for (const connection of accepted) connection.destroy();
  });
});
