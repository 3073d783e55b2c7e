import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { pipeline } from "node:stream";
import { InvalidOptionsError } from "../../src/errors.js";
import {
  dialKcp,
  type KcpDialOptions,
  KcpError,
  type KcpListener,
  type KcpListenOptions,
  type KcpSession,
  listenKcp,
} from "../../src/kcp/index.js";
import { COMMAND, HEADER_BYTES, resetDatagram } from "../../src/kcp/segment.js";
import { until } from "../support/until.js";
import { CONVERSATION, coreWith, flushed, segmentsOf } from "./support/core-pair.js";

suite("KCP sessions", () => {
  const listeners: KcpListener[] = [];
  const dialed: KcpSession[] = [];
  const sockets: Socket[] = [];

  teardown(() => {
    for (const listener of listeners.splice(0)) listener.destroy();
    for (const session of dialed.splice(0)) session.destroy();
    for (const socket of sockets.splice(0)) socket.close();
  });

  const listen = async (onSession: (session: KcpSession) => void, options: Partial<KcpListenOptions> = {}): Promise<KcpListener> => {
    const listener = await listenKcp({ listen: "127.0.0.1:0", ...options }, onSession);
    listeners.push(listener);
    return listener;
  };
  const dial = async (listener: KcpListener, options: KcpDialOptions = {}): Promise<KcpSession> => {
    const session = await dialKcp(`127.0.0.1:${listener.endpoint.port}`, options);
    dialed.push(session);
    return session;
  };
  /** A socket that says to the listener what the test says. */
  const stranger = async (listener: KcpListener): Promise<{ send(datagram: Buffer): Promise<void>; got: Buffer[] }> => {
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    sockets.push(socket);
    await once(socket, "listening");
    const got: Buffer[] = [];
    socket.on("message", (datagram) => got.push(datagram));
    const send = (datagram: Buffer): Promise<void> =>
      new Promise((resolve) => socket.send(datagram, listener.endpoint.port, "127.0.0.1", () => resolve()));
    return { send, got };
  };
  const firstDatagram = (text = "hello"): Buffer => {
    const core = coreWith();
    core.send(Buffer.from(text));
    return flushed(core, 0)[0]!;
  };
  const echo = (session: KcpSession): void => void pipeline(session, session, () => {});
  const failureOf = async (session: KcpSession): Promise<string> => {
    const [error] = await once(session, "error");
    assert.ok(KcpError.is(error), `${error}`);
    return error.code;
  };

  test("a large write in stream mode, comes back whole; both ends, and nothing is left", async () => {
    const listener = await listen(echo);
    const session = await dial(listener);
    const sent = Buffer.alloc(300_000, "clusterts");
    session.end(sent);
    const got: Buffer[] = [];
    for await (const chunk of session) got.push(chunk);
    assert.ok(Buffer.concat(got).equals(sent));
    await until(() => listener.sessions === 0);
    assert.equal(listener.counters.failed, 0);
  });

  test("messages of any size, come back one by one", async () => {
    const listener = await listen(echo, { mode: "message" });
    const session = await dial(listener, { mode: "message" });
    const sizes = [1, 1_376, 1_377, 65_536, 2];
    for (const size of sizes) session.write(Buffer.alloc(size, size));
    session.end();
    const got: number[] = [];
    for await (const message of session) got.push((message as Buffer).length);
    assert.deepEqual(got, sizes);
  });

  test("one side has ended, the other one may go on", async () => {
    const listener = await listen((session) => {
      session.on("error", () => {}); // the test may be over before the last acknowledgement
      session.on("end", () => session.end("the answer")).resume();
    });
    const session = await dial(listener);
    session.end("question");
    const got: Buffer[] = [];
    for await (const chunk of session) got.push(chunk);
    assert.equal(Buffer.concat(got).toString(), "the answer");
  });

  test("one side is destroyed, the other one gets RESET", async () => {
    const listener = await listen((session) => {
      session.on("error", () => {});
      session.once("data", () => session.destroy());
    });
    const session = await dial(listener);
    session.write("hello");
    assert.equal(await failureOf(session), "RESET");
    await until(() => listener.sessions === 0);
  });

  test("the listener was restarted and does not know the session, it answers with a reset that ends it", async () => {
    const listener = await listen(echo);
    const peer = await stranger(listener);
    const core = coreWith({}, { firstSequence: 40 });
    core.send(Buffer.from("go on"));
    await peer.send(flushed(core, 0)[0]!);
    await until(() => peer.got.length > 0);
    assert.deepEqual(peer.got, [resetDatagram(CONVERSATION, 40)]);
    core.input(peer.got[0]!, 1);
    assert.equal(core.failure?.code, "RESET");
    assert.equal(listener.sessions, 0);
  });

  test("nobody listens at the port, the session fails with REFUSED", async () => {
    const listener = await listen(echo);
    listener.destroy();
    const session = await dial(listener);
    session.write("hello");
    assert.equal(await failureOf(session), "REFUSED");
  });

  test("nothing is heard for idleTimeoutMs, the session fails with IDLE", async () => {
    const listener = await listen((session) => session.on("error", () => {}).resume(), { idleTimeoutMs: 100 });
    const session = await dial(listener, { keepaliveMs: false, idleTimeoutMs: 100, tellEnds: false });
    session.write("hello");
    assert.equal(await failureOf(session), "IDLE");
  });

  test("a dialer that asks for signs of life, keeps a silent session", async () => {
    const ended: string[] = [];
    const listener = await listen((session) => session.on("error", (error) => ended.push(error.message)).resume(), {
      idleTimeoutMs: 200,
      unprovenTimeoutMs: 200,
    });
    const session = await dial(listener, { keepaliveMs: 20 });
    session.write("hello");
    await until(() => listener.counters.datagramsIn >= 20);
    assert.equal(listener.sessions, 1);
    assert.deepEqual(ended, []);
  });

  test("the reader is slower than the writer, the writer waits: what is held between them is bounded", async () => {
    const windows = { sendWindow: 16, receiveWindow: 16 };
    let reader: KcpSession | undefined;
    const listener = await listen((session) => {
      reader = session.on("error", () => {});
    }, windows);
    const session = await dial(listener, windows);
    const bytes = Buffer.alloc(10_000);
    let written = 0;
    const write = (): void => {
      do written += bytes.length;
      while (session.write(bytes));
    };
    session.on("drain", write);
    write();
    let read = 0;
    let most = 0;
    await until(() => {
      most = Math.max(most, written - read);
      read += reader?.read(5_000)?.length ?? 0;
      return read > 1_000_000;
    });
    // Both windows, twice over what a stream buffers by itself, and one write too many.
    assert.ok(most > bytes.length && most < 2 * 16 * 1_376 + 4 * 16_384 + bytes.length, `${most}`);
  });

  test("an empty message and one that is too large, are errors of the writer", async () => {
    const listener = await listen(echo, { mode: "message" });
    const empty = await dial(listener, { mode: "message" });
    empty.write(Buffer.alloc(0));
    assert.equal(await failureOf(empty), "EMPTY_MESSAGE");
    const large = await dial(listener, { mode: "message", maxMessageBytes: 100 });
    large.write(Buffer.alloc(101));
    assert.equal(await failureOf(large), "MESSAGE_TOO_LARGE");
  });

  test("the peer acknowledges what the listener's side has sent, its address is proved and the session says so", async () => {
    const proven: boolean[] = [];
    const listener = await listen((session) => {
      proven.push(session.isProven);
      session.on("proven", () => proven.push(session.isProven));
      echo(session);
    });
    const session = await dial(listener);
    session.write("hello");
    await until(() => proven.length === 2);
    assert.deepEqual(proven, [false, true]);
    assert.equal(listener.unprovenSessions, 0);
  });

  test("many sessions on one socket, each gets its own bytes back", async () => {
    const listener = await listen(echo);
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const session = await dial(listener);
        session.write(`session ${index}`);
        const [answer] = await once(session, "data");
        return String(answer)[0] === "s" && session.conversation > 0;
      }),
    );
    assert.ok(answers.every((isRight) => isRight));
    assert.equal(listener.sessions, 50);
  });

  test("the listener closes, open sessions finish, new ones are not taken", async () => {
    let accepted: KcpSession | undefined;
    const listener = await listen((session) => {
      accepted = session;
      echo(session);
    });
    const session = await dial(listener);
    session.write("hello");
    await once(session, "data");
    const closed = listener.close();
    const peer = await stranger(listener);
    await peer.send(firstDatagram());
    session.write("still here");
    const [answer] = await once(session, "data");
    assert.equal(String(answer), "still here");
    assert.equal(listener.sessions, 1);
    session.end();
    session.resume();
    await closed;
    assert.ok(accepted?.destroyed);
  });

  test("the listener closes and a session does not end in time, it fails with CLOSED, its peer with RESET", async () => {
    const failures: Promise<string>[] = [];
    const listener = await listen((session) => {
      failures.push(failureOf(session));
      session.resume();
    });
    const session = await dial(listener);
    const peers = failureOf(session);
    session.write("hello");
    await until(() => failures.length > 0);
    await listener.close({ timeoutMs: 20 });
    assert.equal(await failures[0], "CLOSED");
    assert.equal(await peers, "RESET");
  });

  test("wrong options, are all named", async () => {
    await assert.rejects(listenKcp({ listen: "127.0.0.1:0", mtu: 10, sendWindow: 0, interval: 3 } as never, echo), (error) => {
      assert.ok(error instanceof InvalidOptionsError);
      assert.match(error.message, /mtu: .*; sendWindow: .*|sendWindow: .*; mtu: .*/);
      assert.match(error.message, /"interval" \(did you mean "intervalMs"\?\)/);
      return true;
    });
    await assert.rejects(dialKcp("127.0.0.1:1", { maxMessageBytes: 10_000_000 }), /maxMessageBytes/);
  });

  test("a receive buffer of a size, is asked of the system, and what it has given is told", async () => {
    const [small, standard] = [await listen(echo, { receiveBufferBytes: 32 * 1024 }), await listen(echo)];
    assert.ok(small.receiveBufferBytes >= 32 * 1024, `${small.receiveBufferBytes}`);
    assert.ok(small.receiveBufferBytes < standard.receiveBufferBytes, `${standard.receiveBufferBytes}`);
    small.destroy();
    assert.equal(small.receiveBufferBytes, 0);
  });

  suite("strangers", () => {
    test("garbage, opens nothing, is not answered and is counted", async () => {
      const listener = await listen(echo);
      const peer = await stranger(listener);
      const torn = firstDatagram();
      torn.writeUInt32LE(9, 20);
      const sent = [Buffer.alloc(0), Buffer.alloc(23), Buffer.alloc(1_400, 7), torn, firstDatagram().subarray(0, 26)];
      for (const datagram of sent) await peer.send(datagram);
      await until(() => listener.counters.datagramsIn === sent.length);
      assert.equal(listener.counters.malformed, sent.length);
      assert.equal(listener.sessions, 0);
      assert.equal(listener.counters.datagramsOut, 0);
    });

    test("acknowledgements and probes of no session, open nothing and earn no more bytes than they have", async () => {
      const listener = await listen(echo);
      const peer = await stranger(listener);
      for (const command of [COMMAND.ack, COMMAND.tellWindow, COMMAND.reset, COMMAND.askWindow]) {
        const datagram = resetDatagram(CONVERSATION, 0);
        datagram[4] = command;
        await peer.send(datagram);
      }
      await until(() => listener.counters.unknown === 4 && peer.got.length === 1);
      assert.equal(listener.sessions, 0);
      assert.equal(peer.got[0]!.length, HEADER_BYTES);
    });

    test("a first datagram and silence, is never answered with more bytes; the session is dropped in time", async () => {
      const failures: string[] = [];
      const listener = await listen(
        (session) => {
          session.on("error", (error) => failures.push(KcpError.is(error) ? error.code : String(error)));
          session.write(Buffer.alloc(100_000));
          session.resume();
        },
        { unprovenTimeoutMs: 200 },
      );
      const peer = await stranger(listener);
      const datagram = firstDatagram("a".repeat(200));
      await peer.send(datagram);
      await until(() => failures.length > 0);
      assert.deepEqual(failures, ["UNPROVEN"]);
      assert.equal(listener.sessions, 0);
      assert.equal(listener.unprovenSessions, 0);
      const overhead = 28;
      assert.ok(listener.counters.bytesOut + listener.counters.datagramsOut * overhead <= datagram.length + overhead);
    });

    test("more first datagrams than may be unproven, or from one host: refused, counted, and the rest is served", async () => {
      const listener = await listen(echo, { maxUnprovenSessions: 3, maxSessionsPerHost: 5 });
      const peer = await stranger(listener);
      for (let number = 0; number < 10; number++) {
        const datagram = firstDatagram();
        datagram.writeUInt32LE(number, 0);
        await peer.send(datagram);
      }
      await until(() => listener.counters.datagramsIn === 10);
      assert.equal(listener.sessions, 3);
      assert.equal(listener.counters.refusedUnproven, 7);
    });

    test("a segment that is not the first, opens a session that the application does not hear of", async () => {
      let heard = 0;
      const listener = await listen((session) => {
        heard++;
        echo(session);
      });
      const peer = await stranger(listener);
      const core = coreWith();
      core.send(Buffer.alloc(1_376));
      core.send(Buffer.from("second"));
      const [first, second] = flushed(core, 0);
      await peer.send(second!);
      await until(() => listener.sessions === 1);
      assert.equal(heard, 0);
      await peer.send(first!);
      await until(() => heard === 1);
    });

    test("the last words of a session that has ended, are acknowledged again and open no new one", async () => {
      const listener = await listen(echo);
      const peer = await stranger(listener);
      const core = coreWith();
      core.send(Buffer.from("bye"));
      core.end();
      let last: Buffer[] = [];
      for (let now = 0; !(core.hasEnded && core.isSettled); now += 1) {
        for (const datagram of core.nextUpdateAt(now) <= now ? flushed(core, now) : []) {
          last = [datagram];
          await peer.send(datagram);
        }
        await new Promise((resolve) => setImmediate(resolve));
        for (const datagram of peer.got.splice(0)) core.input(datagram, now);
        core.receive();
      }
      await peer.send(flushed(core, 10_000)[0] ?? last[0]!);
      await until(() => listener.sessions === 0);
      const end = firstDatagram("bye");
      peer.got.length = 0;
      await peer.send(end);
      await until(() => peer.got.length > 0);
      assert.deepEqual(
        segmentsOf(peer.got).map(({ command, unacknowledged }) => [command, unacknowledged]),
        [[COMMAND.ack, 2]],
      );
      assert.equal(listener.sessions, 0);
    });
  });
});
