import assert from "node:assert/strict";
import { encodeFrame, FLAG, GO_AWAY, TYPE } from "../../src/stream/frame.js";
import { RESET } from "../../src/stream/reset-code.js";
import type { SessionOptions } from "../../src/stream/session-options.js";
import { StreamError } from "../../src/stream/stream-error.js";
import { ProtocolError } from "../../src/wire/protocol-error.js";
import { everyCut } from "../wire/support/cuts.js";
import { RawYamux } from "./support/raw-yamux.js";
import { uncaughtOf } from "./support/uncaught.js";

const { syn, ack, fin, rst } = FLAG;
const { data, windowUpdate, ping, goAway } = TYPE;

/** The reason of the error that stream `id` failed with. */
function reasonOf(raw: RawYamux, id: number): string | undefined {
  const error = raw.errors.get(id);
  return StreamError.is(error) ? error.reason : error?.message;
}

suite("yamux session: opening", () => {
  test("streams opened by a dialer and by an acceptor, have odd and even ids and say SYN by a window update", async () => {
    for (const [role, ids] of [
      ["dialer", [1, 3]],
      ["acceptor", [2, 4]],
    ] as const) {
      const raw = new RawYamux(role);
      assert.deepEqual([raw.open().id, raw.open().id], ids);
      assert.deepEqual(await raw.said(), [`update syn ${ids[0]} 0`, `update syn ${ids[1]} 0`]);
    }
  });

  test("bytes written to a stream before its acknowledgment, go out with its SYN in one write", async () => {
    const raw = new RawYamux("dialer");
    raw.open().write("early");
    await raw.clock.settle();
    assert.equal(raw.connection.writes.length, 1);
    assert.deepEqual(await raw.said(), ["update syn 1 0", "data 1 early"]);
  });

  test("a window above the agreed one, is announced with the SYN and with the ACK", async () => {
    const options: SessionOptions = { initialWindowBytes: 100, windowBytes: 1_000 };
    const raw = new RawYamux("dialer", options);
    raw.open();
    await raw.send(windowUpdate, syn, 2);
    assert.deepEqual(await raw.said(), ["update syn 1 900", "update ack 2 900"]);
  });

  for (const [how, type, flags] of [
    ["a window update with ACK", windowUpdate, ack],
    ["data with ACK", data, ack],
    ["data without ACK", data, 0],
    ["an end", windowUpdate, fin],
  ] as const) {
    test(`${how} as the first word on a stream, acknowledges it`, async () => {
      const raw = new RawYamux("dialer");
      const stream = raw.open();
      let told = 0;
      stream.on("acknowledged", () => told++);
      assert.equal(raw.session.status().unacknowledged, 1);
      await raw.send(type, flags, 1, type === data ? "x" : 0);
      assert.deepEqual([told, stream.opening, raw.session.status().unacknowledged], [1, "open", 0]);
    });
  }

  test("SYN, data and FIN in one frame, are a stream with data and an end", async () => {
    const raw = new RawYamux("dialer");
    await raw.send(data, syn | fin, 2, "all of it");
    const chunks = await raw.offered[0]!.toArray();
    assert.equal(Buffer.concat(chunks).toString(), "all of it");
  });

  test("SYN and RST in one frame, are no stream at all", async () => {
    const raw = new RawYamux("dialer");
    await raw.send(windowUpdate, syn | rst, 2);
    await raw.send(data, syn | rst, 4, "dropped");
    await raw.send(ping, syn, 0, 9);
    assert.deepEqual([raw.offered.length, await raw.said()], [0, ["ping ack 0 9"]]);
  });

  test("more opens than the peer may be asked for, are held until it has acknowledged others, in order", async () => {
    const raw = new RawYamux("dialer", { maxUnacknowledged: 2, maxHeldOpens: 2 });
    const streams = [raw.open(), raw.open(), raw.open(), raw.open()];
    streams[2]!.write("third");
    assert.throws(
      () => raw.open(),
      (error) => StreamError.is(error) && error.reason === "unavailable" && /4 streams wait/.test(error.message),
    );
    assert.deepEqual(await raw.said(), ["update syn 1 0", "update syn 3 0"]);
    assert.deepEqual([raw.session.status().unacknowledged, raw.session.status().held], [2, 2]);
    await raw.send(windowUpdate, ack, 3);
    assert.deepEqual(await raw.said(), ["update syn 5 0", "data 5 third"]);
    streams[0]!.destroy();
    assert.deepEqual(await raw.said(), ["update rst 1 1", "update syn 7 0"]);
  });

  test("a held stream that is destroyed, was never heard of by the peer", async () => {
    const raw = new RawYamux("dialer", { maxUnacknowledged: 1 });
    raw.open();
    raw.open().destroy();
    await raw.send(windowUpdate, ack, 1);
    assert.deepEqual(await raw.said(), ["update syn 1 0"]);
  });

  test("a stream that is not acknowledged in time, fails and tells the peer", async () => {
    const raw = new RawYamux("dialer", { openTimeoutMs: 1_000, maxUnacknowledged: 1 });
    raw.open();
    raw.open();
    await raw.clock.advance(2_000);
    assert.deepEqual([reasonOf(raw, 1), reasonOf(raw, 3)], ["timeout", "timeout"]);
    assert.match(raw.errors.get(1)!.message, /not acknowledged within 1000 ms/);
    assert.deepEqual(await raw.said(), ["update syn 1 0", "update rst 1 1"]);
  });

  test("streams offered beyond the backlog, are refused, and there is room again when one was accepted", async () => {
    const raw = new RawYamux("acceptor", { acceptBacklog: 2 }, false);
    for (const id of [1, 3, 5]) await raw.send(windowUpdate, syn, id);
    assert.deepEqual(await raw.said(), ["update rst 5 2"]);
    raw.offered[0]!.accept();
    await raw.send(windowUpdate, syn, 7);
    assert.deepEqual(
      raw.offered.map(({ id }) => id),
      [1, 3, 7],
    );
    assert.deepEqual(await raw.said(), ["update ack 1 0"]);
  });

  test("an offered stream that nobody takes, is refused after a while", async () => {
    const raw = new RawYamux("acceptor", { openTimeoutMs: 1_000 }, false);
    await raw.send(windowUpdate, syn, 1);
    await raw.clock.advance(2_000);
    assert.deepEqual([await raw.said(), raw.session.status().streams], [["update rst 1 2"], 0]);
  });

  test("streams beyond maxStreams, are refused to the peer and an error to the opener", async () => {
    const raw = new RawYamux("acceptor", { maxStreams: 1 });
    await raw.send(windowUpdate, syn, 1);
    await raw.send(windowUpdate, syn, 3);
    assert.deepEqual(await raw.said(), ["update ack 1 0", "update rst 3 2"]);
    assert.throws(() => raw.open(), /1 streams are open \(maxStreams\)/);
  });

  test("the peer's openers race each other, their streams come in any order", async () => {
    const raw = new RawYamux("acceptor");
    await raw.send(windowUpdate, syn, 5);
    await raw.send(windowUpdate, syn, 3);
    assert.deepEqual(
      raw.offered.map(({ id }) => id),
      [5, 3],
    );
  });

  test("ids used up, are told to the owner, and only another session opens more", async () => {
    const raw = new RawYamux("dialer", { firstStreamId: 2 ** 32 - 3 });
    raw.open();
    assert.deepEqual(raw.unavailable, []);
    const last = raw.open();
    assert.deepEqual([last.id, raw.unavailable, raw.session.phase], [2 ** 32 - 1, ["ids-used-up"], "draining"]);
    assert.throws(
      () => raw.open(),
      (error) => StreamError.is(error) && error.reason === "unavailable" && /ids are used up/.test(error.message),
    );
    await raw.send(data, ack, 2 ** 32 - 1, "still alive");
    assert.equal(String(last.read()), "still alive");
  });

  test("an acceptor's listener that throws, costs that stream and no other", async () => {
    const raw = new RawYamux("acceptor");
    const boom = new Error("boom");
    raw.offered.push = () => {
      throw boom;
    };
    const uncaught = await uncaughtOf(() => raw.send(windowUpdate, syn, 1));
    assert.deepEqual([uncaught, await raw.said(), raw.session.phase], [[boom], ["update rst 1 4"], "open"]);
  });
});

suite("yamux session: ending streams", () => {
  test("an end, is a frame of its own, in the same write as the last bytes", async () => {
    const raw = new RawYamux("dialer");
    raw.open().end("bye");
    const other = raw.open();
    other.write("one");
    await raw.clock.settle();
    other.end();
    const said = ["update syn 1 0", "update syn 3 0", "data 1 bye", "update fin 1 0", "data 3 one", "update fin 3 0"];
    assert.deepEqual(await raw.said(), said);
  });

  test("a stream ended by the peer, can be written to until this side ends it, and is forgotten then", async () => {
    const raw = new RawYamux("acceptor");
    await raw.send(data, syn | fin, 1, "question");
    const [stream] = raw.offered;
    assert.equal(Buffer.concat(await stream!.toArray()).toString(), "question");
    stream!.write("ans");
    await raw.clock.settle();
    stream!.end("wer");
    assert.deepEqual(await raw.said(), ["update ack 1 0", "data 1 ans", "data 1 wer", "update fin 1 0"]);
    assert.equal(raw.session.status().streams, 0);
  });

  test("an end behind data that nobody has read yet, comes behind that data", async () => {
    const raw = new RawYamux("dialer");
    for (const text of ["a", "b", "c"]) await raw.send(data, text === "a" ? syn : 0, 2, text);
    await raw.send(windowUpdate, fin, 2);
    const read: string[] = [];
    for await (const chunk of raw.offered[0]!) read.push(String(chunk));
    assert.equal(read.join(""), "abc");
  });

  test("destroy without and with an error, and reset, tell the peer why", async () => {
    const raw = new RawYamux("dialer");
    raw.open().destroy();
    raw.open().destroy(new Error("broken"));
    raw.open().reset(70_000);
    raw.open().destroy(new StreamError("reset", "passed on", { resetCode: 80_000 }));
    const said = await raw.said();
    assert.deepEqual(
      said.slice(1).filter((text) => text.includes("rst")),
      [`update rst 1 ${RESET.cancelled}`, `update rst 3 ${RESET.failed}`, "update rst 5 70000", "update rst 7 80000"],
    );
  });

  test("a reset by the peer, is an error with its code, before the bytes that nobody has read", async () => {
    const raw = new RawYamux("dialer");
    await raw.send(data, syn, 2, "unread");
    await raw.send(windowUpdate, rst, 2, 70_001);
    const error = raw.errors.get(2);
    assert.ok(StreamError.is(error) && error.reason === "reset" && error.resetCode === 70_001);
    await assert.rejects(raw.offered[0]!.toArray(), error);
    assert.deepEqual([await raw.said(), raw.session.status().streams, raw.session.status().unreadBytes], [["update ack 2 0"], 0, 0]);
  });

  test("a reset without a code before the acknowledgment, is a refusal; after it, it is not", async () => {
    const raw = new RawYamux("dialer");
    raw.open();
    raw.open();
    raw.open();
    await raw.send(windowUpdate, rst, 1);
    await raw.send(windowUpdate, ack, 3);
    await raw.send(data, rst, 3);
    await raw.send(windowUpdate, ack | rst, 5, 0);
    assert.deepEqual([reasonOf(raw, 1), reasonOf(raw, 3), reasonOf(raw, 5)], ["refused", "reset", "reset"]);
  });

  test("a write that is under way when its stream is reset, fails", async () => {
    const raw = new RawYamux("dialer", { initialWindowBytes: 2 });
    const stream = raw.open();
    const failed = new Promise((resolve) => stream.write("more than the window", resolve));
    await raw.send(windowUpdate, ack, 1);
    await raw.send(windowUpdate, rst, 1, RESET.cancelled);
    assert.equal(await failed, raw.errors.get(1));
    assert.match(raw.errors.get(1)!.message, /stream 1 to test:1 was reset by the peer: cancelled/);
  });

  test("frames for a stream that this side has reset, are dropped and do no harm", async () => {
    const raw = new RawYamux("acceptor");
    await raw.send(data, syn, 1, "x");
    raw.offered[0]!.destroy();
    await raw.send(data, 0, 1, "on its way");
    await raw.send(windowUpdate, fin, 1, 5);
    await raw.send(windowUpdate, rst, 1);
    assert.deepEqual([raw.session.phase, raw.session.status().strayFrames], ["open", 2]);
    assert.deepEqual(await raw.said(), ["update ack 1 0", "update rst 1 1"]);
  });

  test("a stream destroyed in the middle of a frame, lets the rest of that frame pass by", async () => {
    const raw = new RawYamux("acceptor");
    const frame = encodeFrame(data, syn, 1, 0, Buffer.from("0123456789"));
    await raw.sendBytes(frame.subarray(0, 15));
    raw.offered[0]!.destroy();
    await raw.sendBytes(frame.subarray(15));
    await raw.send(ping, syn, 0, 1);
    assert.deepEqual(await raw.said(), ["update ack 1 0", "update rst 1 1", "ping ack 0 1"]);
  });
});

suite("yamux session: what is against the protocol", () => {
  const open = encodeFrame(windowUpdate, syn, 1, 0);
  const cases: [string, Uint8Array[], RegExp][] = [
    ["a version that does not exist", [Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)], /version 1/],
    ["a type that does not exist", [encodeFrame(7, 0, 0, 0)], /type 7/],
    ["data on stream 0", [encodeFrame(data, 0, 0, 0, Buffer.from("x"))], /stream 0/],
    ["a window update on stream 0", [encodeFrame(windowUpdate, 0, 0, 1)], /stream 0/],
    ["a ping on a stream", [encodeFrame(ping, syn, 1, 1)], /a ping on stream 1/],
    ["a go-away on a stream", [encodeFrame(goAway, 0, 1, 0)], /a go-away on stream 1/],
    ["a SYN with an id of this side's", [encodeFrame(windowUpdate, syn, 2, 0)], /opens stream 2: an id of this side's/],
    ["a SYN for a stream that is open", [open, open], /opens stream 1, which is open/],
    ["a frame on a stream of this side's that was never opened", [encodeFrame(data, 0, 4, 0)], /stream 4, which was never opened/],
    [
      "a frame on a stream of the peer's that was never opened",
      [open, encodeFrame(windowUpdate, rst, 3, 0)],
      /stream 3, which was never opened/,
    ],
    ["data beyond the window", [open, encodeFrame(data, 0, 1, 11)], /11 bytes of data, where credit was for 10/],
    [
      "data behind the end",
      [open, encodeFrame(data, fin, 1, 0), encodeFrame(data, 0, 1, 0, Buffer.from("x"))],
      /data on stream 1 behind its end/,
    ],
    ["a second end", [open, encodeFrame(data, fin, 1, 0), encodeFrame(windowUpdate, fin, 1, 0)], /an end on stream 1 behind its end/],
    ["more credit than there can be", [open, encodeFrame(windowUpdate, 0, 1, 2 ** 32 - 1)], /above 2\^32-1/],
  ];
  for (const [what, frames, says] of cases) {
    test(`${what}, ends the session with the code for it and an error that says so`, async () => {
      const raw = new RawYamux("acceptor", { initialWindowBytes: 10 });
      const other = raw.open();
      for (const frame of frames) await raw.sendBytes(frame);
      assert.deepEqual((await raw.said()).at(-1), `go-away 0 ${GO_AWAY.protocolError}`);
      assert.equal(raw.connection.state, "ended");
      raw.connection.handler!.onClose(undefined);
      const [error] = raw.closed;
      assert.ok(error instanceof ProtocolError);
      assert.match(error.message, says);
      assert.match(error.message, /^the peer at test:1 broke the protocol: /);
      assert.deepEqual([reasonOf(raw, other.id), raw.session.status().streams], ["lost", 0]);
    });
  }

  test("an end twice and a window update behind the end of a finished stream, are allowed as far as the specification goes", async () => {
    const raw = new RawYamux("acceptor");
    await raw.sendBytes(open);
    await raw.send(data, fin, 1);
    await raw.send(windowUpdate, 0, 1, 100);
    await raw.send(windowUpdate, 0xfff0, 1, 1);
    assert.equal(raw.session.phase, "open");
  });
});

suite("yamux session: pings and time", () => {
  test("a ping of the peer, is answered with its value", async () => {
    const raw = new RawYamux("acceptor");
    await raw.send(ping, syn, 0, 0xdead_beef);
    assert.deepEqual(await raw.said(), [`ping ack 0 ${0xdead_beef}`]);
  });

  test("a ping of this side, resolves with the time that its answer took; other answers mean nothing", async () => {
    const raw = new RawYamux("dialer");
    const both = Promise.all([raw.session.ping(), raw.session.ping()]);
    const [frame, ...more] = await raw.frames();
    assert.deepEqual([frame!.flags, more], [syn, []]);
    await raw.clock.advance(30);
    await raw.send(ping, ack, 0, (frame!.length + 1) >>> 0);
    await raw.clock.advance(12);
    await raw.send(ping, ack, 0, frame!.length);
    assert.deepEqual([await both, raw.session.status().rttMs], [[42, 42], 42]);
  });

  test("a peer that is silent, is pinged, and is lost when it does not answer", async () => {
    const raw = new RawYamux("dialer", { keepaliveMs: 1_000, keepaliveTimeoutMs: 500 });
    raw.open();
    await raw.frames();
    await raw.clock.advance(900);
    assert.deepEqual(await raw.said(), []);
    await raw.clock.advance(300);
    assert.match((await raw.said())[0]!, /^ping syn 0 /);
    await raw.clock.advance(900);
    assert.equal(raw.connection.state, "destroyed");
    assert.equal(reasonOf(raw, 1), "lost");
    assert.match(raw.errors.get(1)!.message, /no byte for \d+ ms and no answer to a ping/);
    raw.connection.handler!.onClose(undefined);
    assert.match(raw.closed[0]!.message, /^the session with test:1 is dead/);
    assert.equal(raw.clock.pendingTimers, 0);
  });

  test("a peer that answers its pings, is kept for hours", async () => {
    const raw = new RawYamux("dialer", { keepaliveMs: 1_000, keepaliveTimeoutMs: 500 });
    for (let second = 0; second < 120; second++) {
      await raw.clock.advance(1_000);
      for (const frame of await raw.frames()) await raw.send(ping, ack, 0, frame.length);
    }
    assert.equal(raw.session.phase, "open");
  });

  test("bytes that come while pings stay unanswered, do not keep a session whose own bytes get nowhere", async () => {
    const raw = new RawYamux("acceptor", { keepaliveMs: 1_000, keepaliveTimeoutMs: 500, unansweredMs: 4_000 });
    await raw.clock.advance(10);
    await raw.send(windowUpdate, syn, 1);
    for (let tenth = 0; tenth < 60 && raw.session.phase === "open"; tenth++) {
      await raw.clock.advance(100);
      await raw.send(data, 0, 1, "x");
    }
    assert.match(raw.errors.get(1)!.message, /bytes arrive but a ping is unanswered/);
  });

  test("a process that was stopped, reads what came meanwhile before it judges", async () => {
    const raw = new RawYamux("dialer", { keepaliveMs: 1_000, keepaliveTimeoutMs: 500 });
    await raw.clock.advance(1_200);
    const [sent] = await raw.frames();
    raw.clock.nextTurn(() => raw.connection.handler!.onData(encodeFrame(ping, ack, 0, sent!.length)));
    await raw.clock.stall(60_000);
    assert.equal(raw.session.phase, "open");
  });

  test("a peer that asks for answers and reads none, is given up", async () => {
    const raw = new RawYamux("dialer");
    raw.connection.isFull = true;
    const pings = Buffer.concat(Array.from({ length: 1_000 }, () => encodeFrame(ping, syn, 0, 1)));
    for (let round = 0; round < 30; round++) await raw.sendBytes(pings);
    assert.equal(raw.session.phase, "ending");
    await raw.clock.advance(2_000);
    assert.equal(raw.connection.state, "destroyed");
  });
});

suite("yamux session: leaving", () => {
  test("a go-away by this side, refuses what is offered and lets open streams go on", async () => {
    const raw = new RawYamux("acceptor", {}, false);
    await raw.send(windowUpdate, syn, 1);
    raw.offered[0]!.accept();
    await raw.send(windowUpdate, syn, 3);
    raw.session.goAway();
    await raw.send(windowUpdate, syn, 5);
    assert.deepEqual(await raw.said(), ["update ack 1 0", "update rst 3 2", "go-away 0 0", "update rst 5 2"]);
    assert.throws(() => raw.open(), /this side is closing the session/);
    await raw.send(data, 0, 1, "goes on");
    assert.equal(String(raw.offered[0]!.read()), "goes on");
  });

  test("a go-away by the peer, refuses what it has not acknowledged, held ones too, and lets the others go on", async () => {
    const raw = new RawYamux("dialer", { maxUnacknowledged: 2 });
    const streams = [raw.open(), raw.open(), raw.open()];
    await raw.send(windowUpdate, ack, 1);
    await raw.send(goAway, 0, 0, GO_AWAY.normal);
    assert.deepEqual(
      [1, 3, 5].map((id) => reasonOf(raw, id)),
      [undefined, "refused", "refused"],
    );
    assert.match(raw.errors.get(3)!.message, /refused/);
    assert.deepEqual([raw.unavailable, raw.session.phase, streams[0]!.destroyed], [["peer-left"], "draining", false]);
    assert.throws(() => raw.open(), /the peer takes no new streams/);
  });

  for (const [code, says] of [
    [GO_AWAY.protocolError, /this side broke the protocol/],
    [GO_AWAY.internalError, /its code is 2/],
    [77, /its code is 77/],
  ] as const) {
    test(`a go-away with the code ${code}, ends the session with an error`, async () => {
      const raw = new RawYamux("dialer");
      raw.open();
      await raw.send(goAway, 0, 0, code);
      raw.connection.handler!.onClose(undefined);
      assert.match(raw.closed[0]!.message, says);
      assert.equal(reasonOf(raw, 1), "lost");
    });
  }

  test("a connection that ends, fails every stream that is not ended both ways, and leaves the rest to be read", async () => {
    const raw = new RawYamux("acceptor");
    await raw.send(windowUpdate, syn, 1);
    await raw.send(data, syn | fin, 3, "half");
    await raw.send(data, syn | fin, 5, "whole");
    raw.offered[2]!.end();
    await raw.clock.settle();
    raw.connection.handler!.onClose(undefined);
    await raw.clock.settle();
    assert.deepEqual(
      [1, 3, 5].map((id) => reasonOf(raw, id)),
      ["lost", "lost", undefined],
    );
    assert.match(raw.errors.get(1)!.message, /the peer ended the connection/);
    assert.equal(Buffer.concat(await raw.offered[2]!.toArray()).toString(), "whole");
    assert.deepEqual(raw.closed, [undefined]);
  });

  test("close, waits for streams, then ends the connection, and leaves no timer", async () => {
    const raw = new RawYamux("acceptor");
    await raw.send(windowUpdate, syn, 1);
    const closing = raw.session.close();
    await raw.clock.advance(5_000);
    assert.equal(raw.connection.state, "open");
    raw.offered[0]!.resume().end();
    await raw.send(windowUpdate, fin, 1);
    assert.equal(raw.connection.state, "ended");
    raw.connection.handler!.onClose(undefined);
    assert.deepEqual([await closing, raw.closed, raw.clock.pendingTimers], [{ cutStreams: 0 }, [undefined], 0]);
  });

  test("close that takes too long, cuts what is left and says how much", async () => {
    const raw = new RawYamux("acceptor");
    await raw.send(windowUpdate, syn, 1);
    const closing = raw.session.close({ timeoutMs: 100 });
    await raw.clock.advance(200);
    raw.connection.handler!.onClose(undefined);
    assert.deepEqual([await closing, reasonOf(raw, 1)], [{ cutStreams: 1 }, "lost"]);
  });

  test("destroy while the connection takes nothing, is over after a while all the same", async () => {
    const raw = new RawYamux("dialer", { lingerMs: 500 });
    raw.connection.isFull = true;
    raw.open();
    await raw.frames();
    raw.session.destroy();
    await raw.clock.advance(400);
    assert.equal(raw.connection.state, "open");
    await raw.clock.advance(200);
    assert.equal(raw.connection.state, "destroyed");
    await assert.rejects(raw.session.ping(), /the session is over/);
  });
});

suite("yamux session: every chunking", () => {
  test("an exchange of 64 bytes cut at every place, gives the same streams, bytes and answers", async () => {
    const exchange = Buffer.concat([
      encodeFrame(windowUpdate, syn, 1, 0),
      encodeFrame(data, 0, 1, 0, Buffer.from("abc")),
      encodeFrame(ping, syn, 0, 5),
      encodeFrame(data, fin, 1, 0, Buffer.from("x")),
      encodeFrame(windowUpdate, syn | fin, 3, 0),
    ]);
    assert.equal(exchange.length, 64);
    for (const chunks of everyCut(exchange)) {
      const raw = new RawYamux("acceptor");
      for (const chunk of chunks) raw.connection.handler!.onData(chunk);
      const [first, second] = raw.offered;
      assert.equal(Buffer.concat(await first!.toArray()).toString(), "abcx");
      assert.deepEqual(await second!.toArray(), []);
      assert.deepEqual(await raw.said(), ["update ack 1 0", "ping ack 0 5", "update ack 3 0"]);
    }
  });
});
