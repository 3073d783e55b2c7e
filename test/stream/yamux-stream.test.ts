import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { Duplex, Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { encodeFrame, FLAG, TYPE } from "../../src/stream/frame.js";
import { StreamError } from "../../src/stream/stream-error.js";
import type { YamuxStream } from "../../src/stream/yamux-stream.js";
import { SeededRandom } from "../support/seeded-random.js";
import { until } from "../support/until.js";
import { RawYamux } from "./support/raw-yamux.js";
import { echo, sessionPair } from "./support/session-pair.js";

const { data, windowUpdate } = TYPE;
const { syn, ack } = FLAG;
const MIB = 1024 ** 2;

suite("yamux stream: as a duplex", () => {
  test("pipeline there and back, gives the same bytes and closes both ends", async () => {
    const { dialer, acceptor } = await sessionPair();
    const bytes = Buffer.from(new SeededRandom(3).bytes(3 * MIB));
    const hash = createHash("sha256");
    const stream = dialer.open();
    await pipeline(Readable.from([bytes.subarray(0, 100_000), bytes.subarray(100_000)]), stream, hash);
    assert.equal(hash.digest("hex"), createHash("sha256").update(bytes).digest("hex"));
    await until(() => dialer.status().streams + acceptor.status().streams === 0);
    assert.deepEqual([stream.closed, stream.bytesIn, stream.bytesOut], [true, bytes.length, bytes.length]);
    assert.deepEqual(await dialer.close(), { cutStreams: 0 });
  });

  test("web streams made of it, carry bytes both ways", async () => {
    const { dialer } = await sessionPair();
    const { readable, writable } = Duplex.toWeb(dialer.open());
    const writer = writable.getWriter();
    await writer.write(Buffer.from("by the web"));
    void writer.close();
    const chunks: Uint8Array[] = [];
    for await (const chunk of readable as unknown as AsyncIterable<Uint8Array>) chunks.push(chunk);
    assert.equal(Buffer.concat(chunks).toString(), "by the web");
    dialer.destroy();
  });

  test("a loop that comes to the end, leaves the other direction open for an answer", async () => {
    const answer = async (stream: YamuxStream): Promise<void> => {
      let count = 0;
      for await (const chunk of stream) count += chunk.length;
      stream.end(`${count} bytes`);
    };
    const { dialer } = await sessionPair({ onStream: (stream) => void answer(stream) });
    const stream = dialer.open();
    stream.end(Buffer.alloc(1_000_000));
    assert.equal(Buffer.concat(await stream.toArray()).toString(), "1000000 bytes");
    dialer.destroy();
  });

  test("a loop that is left before the end, resets the stream as cancelled", async () => {
    const far: YamuxStream[] = [];
    const { dialer } = await sessionPair({ onStream: (stream) => void far.push(stream.on("error", () => undefined)) });
    const stream = dialer.open();
    stream.write("x");
    await until(() => far.length === 1);
    far[0]!.write("one");
    for await (const chunk of stream) {
      assert.equal(String(chunk), "one");
      break;
    }
    const [error] = await once(far[0]!, "error");
    assert.ok(StreamError.is(error) && error.reason === "reset");
    assert.match(error.message, /cancelled/);
    dialer.destroy();
  });

  test("corked writes, leave in one frame", async () => {
    const raw = new RawYamux("dialer");
    const stream = raw.open();
    await raw.frames();
    stream.cork();
    for (const text of ["a", "b", "c"]) stream.write(text);
    stream.uncork();
    assert.deepEqual(await raw.said(), ["data 1 abc"]);
  });

  test("writes of one turn on many streams, leave in one write", async () => {
    const raw = new RawYamux("dialer");
    for (let index = 0; index < 50; index++) raw.open().write("hello");
    await raw.clock.settle();
    assert.equal(raw.connection.writes.length, 1);
  });

  test("empty chunks behind the end's own, do not send a second end", async () => {
    const raw = new RawYamux("dialer");
    const stream = raw.open();
    for (let index = 0; index < 3; index++) stream.write(Buffer.alloc(0));
    stream.end(Buffer.alloc(0));
    assert.deepEqual(await raw.said(), ["update syn 1 0", "update fin 1 0"]);
  });

  test("a listener that throws, is uncaught and costs no byte of its own or another stream", async () => {
    const { uncaughtOf } = await import("./support/uncaught.js");
    const raw = new RawYamux("acceptor");
    const seen: string[] = [];
    await raw.send(windowUpdate, syn, 1);
    await raw.send(windowUpdate, syn, 3);
    for (const stream of raw.offered) {
      stream.on("data", (chunk) => {
        seen.push(`${stream.id} ${chunk}`);
        if (stream.id === 1) throw new Error("in a listener");
      });
    }
    await raw.clock.settle();
    const both = Buffer.concat([encodeFrame(data, 0, 1, 0, Buffer.from("a")), encodeFrame(data, 0, 3, 0, Buffer.from("b"))]);
    const thrown = await uncaughtOf(() => raw.sendBytes(Buffer.concat([both, both])));
    assert.deepEqual(seen, ["1 a", "3 b", "1 a", "3 b"]);
    assert.equal(thrown.length, 2);
  });
});

suite("yamux stream: flow control", () => {
  test("a reader that does not read, gets one window and no more; reading half of it lets as much more come", async () => {
    const raw = new RawYamux("acceptor", { initialWindowBytes: 100 });
    await raw.send(data, syn, 1, "x".repeat(100));
    assert.deepEqual(await raw.said(), ["update ack 1 0"]);
    const [stream] = raw.offered;
    stream!.read(49);
    assert.deepEqual(await raw.said(), []);
    stream!.read(1);
    assert.deepEqual(await raw.said(), ["update 1 50"]);
    assert.equal(stream!.unreadBytes, 50);
  });

  for (const how of ["flowing", "iterated", "read by hand", "decoded"] as const) {
    test(`a stream that is ${how}, gets ten windows through`, async () => {
      const { dialer } = await sessionPair({
        options: { initialWindowBytes: 1_000 },
        onStream: (stream) => {
          stream.accept();
          stream.resume().end(Buffer.alloc(10_000, "é"));
        },
      });
      const stream = dialer.open().end();
      let bytes = 0;
      if (how === "decoded") stream.setEncoding("utf8");
      if (how === "iterated") for await (const chunk of stream) bytes += chunk.length;
      else if (how === "read by hand") stream.on("readable", () => (bytes += stream.read()?.length ?? 0));
      else stream.on("data", (chunk) => (bytes += Buffer.byteLength(chunk)));
      if (how !== "iterated") await once(stream, "end");
      assert.equal(bytes, 10_000);
      await dialer.close();
    });
  }

  test("bytes that come while others wait in a paused reader, are not forgotten", async () => {
    const raw = new RawYamux("acceptor");
    await raw.send(data, syn, 1, "a");
    const [stream] = raw.offered;
    stream!.read(0); // asks, and takes nothing
    for (const text of ["b", "c", "d"]) await raw.send(data, 0, 1, text);
    assert.equal(stream!.read(4)?.toString(), "abcd");
  });

  test("the part of a frame that is still on its way, counts as used", async () => {
    const raw = new RawYamux("acceptor", { initialWindowBytes: 100 });
    const frame = encodeFrame(data, syn, 1, 0, Buffer.alloc(100));
    await raw.sendBytes(frame.subarray(0, 12 + 10));
    raw.offered[0]!.read(10);
    assert.deepEqual(await raw.said(), ["update ack 1 0"]);
    await raw.sendBytes(frame.subarray(12 + 10, 12 + 60));
    raw.offered[0]!.read(50);
    assert.deepEqual(await raw.said(), ["update 1 60"]);
  });

  test("read(n) above the window, enlarges it, so that it does not wait for ever", async () => {
    const { dialer } = await sessionPair({
      options: { initialWindowBytes: 1_000, maxUnreadBytes: 20_000 },
      onStream: (stream) => {
        stream.accept();
        stream.on("error", () => undefined).write(Buffer.alloc(10_000));
      },
    });
    const stream = dialer.open().on("error", () => undefined);
    assert.equal(stream.read(10_000), null);
    await once(stream, "readable");
    await until(() => stream.unreadBytes === 10_000);
    assert.equal(stream.read(10_000)?.length, 10_000);
    assert.throws(() => stream.read(20_001), RangeError);
    dialer.destroy();
  });

  test("a held stream that somebody reads from already, sends nothing before its SYN", async () => {
    const raw = new RawYamux("dialer", { maxUnacknowledged: 1, initialWindowBytes: 10, windowBytes: 100 });
    raw.open();
    raw.open().resume();
    assert.deepEqual(await raw.said(), ["update syn 1 90"]);
    await raw.send(windowUpdate, ack, 1);
    assert.deepEqual(await raw.said(), ["update syn 3 90"]);
  });

  test("a writer, is told to wait by its stream, and goes on with the peer's credit", async () => {
    const raw = new RawYamux("dialer", { initialWindowBytes: 10, highWaterBytes: 20 });
    const stream = raw.open();
    assert.deepEqual([stream.write("0123456789abcde"), stream.write("fghij")], [true, false]);
    assert.deepEqual(await raw.said(), ["update syn 1 0", "data 1 0123456789"]);
    let drained = false;
    stream.once("drain", () => {
      drained = true;
    });
    await raw.send(windowUpdate, ack, 1, 5);
    assert.deepEqual([await raw.said(), drained], [["data 1 abcde"], false]);
    await raw.send(windowUpdate, 0, 1, 100);
    assert.deepEqual([await raw.said(), drained], [["data 1 fghij"], true]);
  });

  test("a thousand readers that do not read, stay within the session's budget, and another stream flows", async () => {
    const budget = 1_000_000; // half of what their windows add up to
    const { dialer, acceptor } = await sessionPair({
      options: { initialWindowBytes: 2_000, maxUnreadBytes: budget, maxUnacknowledged: 2_000, acceptBacklog: 2_000 },
      onStream: (stream) => {
        stream.accept();
        stream.on("error", () => undefined);
        stream.once("readable", () => {
          if (String(stream.read(4)) === "echo") stream.pipe(stream);
        });
      },
    });
    const errors: Error[] = [];
    for (let index = 0; index < 1_000; index++) {
      const stream = dialer.open().on("error", (error) => errors.push(error));
      stream.write("idle");
      stream.write(Buffer.alloc(2_000));
    }
    await until(() => acceptor.status().overBudget > 0 && errors.length > 0);
    assert.ok(StreamError.is(errors[0]) && errors[0].reason === "reset");
    assert.match(errors[0].message, /too much was unread/);
    assert.ok(acceptor.status().unreadBytes <= budget);
    const stream = dialer.open();
    stream.write("echo");
    const sink = new Writable({ write: (_chunk, _encoding, done) => done() });
    stream.end(Buffer.alloc(300_000));
    await pipeline(stream, sink);
    assert.ok(acceptor.status().unreadBytes <= budget);
    dialer.destroy();
  });

  test("past the budget, a stream that is being read is spared, and one that nobody reads is reset", async () => {
    const raw = new RawYamux("acceptor", { maxUnreadBytes: 100 });
    await raw.send(data, syn, 1, "x".repeat(20));
    await raw.send(data, syn, 3, "y".repeat(40));
    await raw.clock.advance(1_000);
    raw.offered[1]!.read();
    await raw.send(data, 0, 3, "y".repeat(90));
    assert.deepEqual([raw.errors.has(1), raw.errors.has(3)], [true, false]);
  });

  test("past the budget, as many streams are reset as it takes", async () => {
    const raw = new RawYamux("acceptor", { maxUnreadBytes: 100 });
    await raw.send(data, syn, 1, "x".repeat(10));
    await raw.send(data, syn, 3, "x".repeat(20));
    await raw.clock.advance(1_000);
    await raw.send(data, syn, 5, "y".repeat(99));
    assert.deepEqual([...raw.errors.keys()].sort(), [1, 3]);
    assert.equal(raw.session.status().unreadBytes, 99);
  });

  test("past the budget, the fullest stream is the one that is reset, with an error that says so", async () => {
    const raw = new RawYamux("acceptor", { maxUnreadBytes: 100 });
    await raw.send(data, syn, 1, "x".repeat(60));
    await raw.send(data, syn, 3, "y".repeat(30));
    await raw.send(data, 0, 3, "y".repeat(20));
    const error = raw.errors.get(1);
    assert.ok(StreamError.is(error) && error.reason === "over-budget");
    assert.match(
      error.message,
      /110 bytes of the session's streams are unread, more than 100 \(maxUnreadBytes\), and 60 of them are its own/,
    );
    assert.deepEqual(await raw.said(), ["update ack 1 0", "update ack 3 0", "update rst 1 3"]);
    assert.deepEqual([raw.session.status().unreadBytes, raw.session.status().overBudget], [50, 1]);
  });
});

suite("yamux writer", () => {
  test("streams with much to send, take turns of 64 KiB, and a small one does not wait for them", async () => {
    const raw = new RawYamux("dialer", { initialWindowBytes: MIB, highWaterBytes: MIB });
    for (let index = 0; index < 3; index++) raw.open().write(Buffer.alloc(300_000));
    raw.open().write("small");
    await raw.clock.settle();
    const turns = (await raw.frames()).filter(({ type }) => type === data).map(({ streamId, length }) => [streamId, length]);
    assert.deepEqual(turns.slice(0, 4), [
      [1, 65_536],
      [3, 65_536],
      [5, 65_536],
      [7, 5],
    ]);
    for (const id of [1, 3, 5]) {
      const sizes = turns.filter(([streamId]) => streamId === id).map(([, size]) => size!);
      assert.equal(
        sizes.reduce((sum, size) => sum + size, 0),
        300_000,
      );
      assert.ok(sizes.every((size) => size <= 65_536));
    }
  });

  test("while the connection takes nothing, at most one buffer was written, data waits with the streams, and all of it leaves in the end", async () => {
    const raw = new RawYamux("dialer", { initialWindowBytes: 8 * MIB, highWaterBytes: 8 * MIB });
    raw.connection.isFull = true;
    const stream = raw.open();
    const bytes = Buffer.from(new SeededRandom(1).bytes(2 * MIB));
    stream.write(bytes);
    await raw.clock.settle();
    assert.equal(raw.connection.writes.length, 1);
    assert.ok(raw.connection.writes[0]!.length <= 256 * 1024);
    raw.connection.drain();
    const payload = (await raw.frames()).map((frame) => frame.payload).join("");
    assert.equal(Buffer.from(payload, "latin1").compare(bytes), 0);
  });

  test("an echo over connections with small buffers, is right for many streams at once", async () => {
    const { dialer } = await sessionPair({ socketBufferBytes: 3_000, onStream: echo });
    const echoes = Array.from({ length: 20 }, async (_, index) => {
      const bytes = Buffer.from(new SeededRandom(index).bytes(100_000));
      const stream = dialer.open();
      stream.end(bytes);
      assert.equal(Buffer.concat(await stream.toArray()).compare(bytes), 0);
    });
    await Promise.all(echoes);
    await dialer.close();
  });
});
