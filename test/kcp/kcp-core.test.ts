import assert from "node:assert/strict";
import { COMMAND, HEADER_BYTES, resetDatagram } from "../../src/kcp/segment.js";
import { CONVERSATION, coreWith, flushed, readAll, segmentsOf, settle } from "./support/core-pair.js";

/** IPv4 and UDP headers. */
const OVERHEAD_BYTES = 28;
const wire = (datagrams: readonly Buffer[]): number => datagrams.reduce((sum, { length }) => sum + length + OVERHEAD_BYTES, 0);

suite("KCP core", () => {
  test("small writes of one turn, leave in one segment", () => {
    const core = coreWith();
    for (const text of ["a", "b", "c"]) core.send(Buffer.from(text));
    const [segment, ...others] = segmentsOf(flushed(core, 0));
    assert.equal(others.length, 0);
    assert.equal(segment!.end - segment!.start, 3);
  });

  test("a message of several fragments, arrives as one with their numbers counting down", () => {
    const [a, b] = [coreWith({ mode: "message" }), coreWith({ mode: "message" })];
    const message = Buffer.alloc(3_000, "m");
    a.send(message);
    a.send(Buffer.from("next"));
    const datagrams = flushed(a, 0);
    assert.deepEqual(
      segmentsOf(datagrams).map(({ fragment }) => fragment),
      [2, 1, 0, 0],
    );
    for (const datagram of datagrams) b.input(datagram, 1);
    assert.deepEqual(readAll(b), [message, Buffer.from("next")]);
  });

  test("a segment overtaken by as many as `resend` says, is sent again at once", () => {
    const [a, b] = [coreWith(), coreWith()];
    for (let index = 0; index < 3; index++) a.send(Buffer.alloc(1_376, index));
    a.send(Buffer.alloc(40 * 1_376)); // more than the window: these are not the last segments of all
    const [, second, third] = flushed(a, 0);
    b.input(second!, 1);
    b.input(third!, 1);
    for (const datagram of flushed(b, 1)) a.input(datagram, 2);
    assert.ok(a.nextUpdateAt(2) <= 2);
    assert.deepEqual(segmentsOf(flushed(a, 2)).filter(({ command, sequence }) => command === COMMAND.push && sequence === 0).length, 1);
    assert.equal(a.retransmissions, 1);
  });

  test("no answer, the segment is sent again after 30 ms and then half as long again each time; without noDelay 100 ms and twice", () => {
    for (const [noDelay, expected] of [
      [true, [30, 45, 68]],
      [false, [100, 200, 400]],
    ] as const) {
      const [a, b] = [coreWith({ noDelay }), coreWith({ noDelay })];
      for (let now = 0; now < 40; now++) {
        a.send(Buffer.from("x"));
        settle(a, b, now);
        readAll(b);
      }
      a.send(Buffer.from("lost"));
      const sentAt: number[] = [];
      for (let now = 1_000; now < 2_000; now++) if (a.nextUpdateAt(now) <= now && flushed(a, now).length > 0) sentAt.push(now);
      const gaps = sentAt.slice(1).map((at, index) => at - sentAt[index]!);
      for (const [index, gap] of expected.entries()) assert.ok(Math.abs(gaps[index]! - gap) <= 1, `${gaps}`);
    }
  });

  test("answers take longer than they are waited for, that is measured and nothing more is sent twice", () => {
    const [a, b] = [coreWith(), coreWith()];
    const pathMs = 250; // each way; an answer is waited for 200 ms at first
    const onTheWay: { readonly at: number; readonly to: typeof a; readonly datagram: Buffer }[] = [];
    const sentTwice: number[] = [];
    for (let now = 0; now < 20_000; now += 5) {
      if (now % 1_000 === 0) {
        a.send(Buffer.from("once a second"));
        sentTwice.push(a.retransmissions);
      }
      for (; onTheWay[0] !== undefined && onTheWay[0].at <= now; onTheWay.shift()) onTheWay[0].to.input(onTheWay[0].datagram, now);
      readAll(b);
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        if (from.nextUpdateAt(now) > now) continue;
        for (const datagram of flushed(from, now)) onTheWay.push({ at: now + pathMs, to, datagram });
      }
    }
    assert.ok(Math.abs(a.roundTripMs! - 2 * pathMs) < 10, `${a.roundTripMs}`);
    assert.ok(sentTwice[1]! > 0, "the first one was");
    assert.equal(sentTwice.at(-1), sentTwice[1]);
  });

  test("the same segment arrives twice in one turn, the first one is acknowledged: the peer learns how long it waited", () => {
    const [a, b] = [coreWith(), coreWith()];
    a.send(Buffer.from("waits to be read"));
    const datagrams = [...flushed(a, 0), ...flushed(a, 200)];
    assert.equal(datagrams.length, 2);
    for (const datagram of datagrams) b.input(datagram, 600);
    for (const datagram of flushed(b, 600)) a.input(datagram, 600);
    assert.equal(a.roundTripMs, 600);
  });

  test("nobody answers, the link is dead after deadLink transmissions and about 50 s", () => {
    const core = coreWith();
    core.send(Buffer.from("x"));
    let sent = 0;
    let now = 0;
    for (; core.failure === undefined && now < 200_000; now += 10) if (core.nextUpdateAt(now) <= now) core.flush(now, () => sent++);
    assert.equal(core.failure?.code, "DEAD_LINK");
    assert.equal(sent, 20);
    assert.ok(now > 40_000 && now < 80_000, `${now}`);
  });

  test("the peer reads nothing, at most its window is held there and asked for; it reads, the rest comes", () => {
    const [a, b] = [coreWith({ sendWindow: 64 }), coreWith({ receiveWindow: 8 })];
    a.send(Buffer.alloc(20 * 1_376));
    let now = 0;
    const asked: number[] = [];
    const step = (): void => {
      for (const datagram of a.nextUpdateAt(now) <= now ? flushed(a, now) : []) {
        if (segmentsOf([datagram]).some(({ command }) => command === COMMAND.askWindow)) asked.push(now);
        b.input(datagram, now);
      }
      for (const datagram of b.nextUpdateAt(now) <= now ? flushed(b, now) : []) a.input(datagram, now);
    };
    for (; now < 60_000; now += 10) step();
    assert.equal(b.heldSegments, 8);
    assert.equal(a.failure, undefined, "it lives");
    assert.ok(asked.length > 5 && asked.length < 20, `${asked}`);
    let bytes = 0;
    for (const end = now + 5_000; now < end; now += 10) {
      bytes += readAll(b).reduce((sum, { length }) => sum + length, 0);
      step();
    }
    assert.equal(bytes, 20 * 1_376);
  });

  test("segments beyond the window, are dropped and not acknowledged", () => {
    const [a, b] = [coreWith(), coreWith({ receiveWindow: 4 })];
    a.send(Buffer.alloc(10 * 1_376));
    const faults = flushed(a, 0).map((datagram) => b.input(datagram, 0));
    assert.deepEqual(faults.filter((fault) => fault === "window").length, 6);
    assert.equal(b.heldSegments, 4);
    assert.ok(segmentsOf(flushed(b, 0)).every(({ command, sequence }) => command !== COMMAND.ack || sequence < 4));
  });

  test("an acknowledgement of what was never sent, counts for nothing", () => {
    const [a, b] = [coreWith(), coreWith({}, { firstSequence: 5 })];
    b.send(Buffer.from("x"));
    a.send(Buffer.from("y"));
    flushed(a, 0);
    const [datagram] = flushed(b, 0); // says that 5 segments of ours have arrived
    assert.equal(a.input(datagram!, 1), "acknowledgement");
    assert.equal(a.isSettled, false);
  });

  test("both end, each side sees the other's end after all data, and is settled", () => {
    const [a, b] = [coreWith(), coreWith()];
    a.send(Buffer.from("last words"));
    a.end();
    b.end();
    settle(a, b, 0);
    assert.equal(b.hasEnded, false, "there is something to read");
    assert.equal(readAll(b).join(""), "last words");
    assert.ok(a.hasEnded && b.hasEnded && a.isSettled && b.isSettled);
  });

  test("ends are not told, an empty segment is an empty message", () => {
    const [a, b] = [coreWith({ mode: "message" }), coreWith({ mode: "message", tellEnds: false })];
    a.end();
    settle(a, b, 0);
    assert.deepEqual(readAll(b), [Buffer.alloc(0)]);
    assert.equal(b.hasEnded, false);
  });

  test("a reset that knows what is in flight, ends the session; any other one is ignored", () => {
    const core = coreWith();
    const failureOf = () => core.failure?.code;
    core.send(Buffer.alloc(3 * 1_376));
    flushed(core, 0);
    for (const guess of [4, 1_000, 2 ** 32 - 1]) assert.equal(core.input(resetDatagram(CONVERSATION, guess), 1), "reset");
    assert.equal(failureOf(), undefined);
    core.input(resetDatagram(CONVERSATION, 2), 1);
    assert.equal(failureOf(), "RESET");
  });

  test("a peer in stream mode sends to one in message mode out of step, or a message too large: the session fails", () => {
    const small = coreWith({ mode: "message", maxMessageBytes: 2_000 });
    const large = coreWith({ mode: "message" });
    large.send(Buffer.alloc(2_001));
    for (const datagram of flushed(large, 0)) small.input(datagram, 0);
    assert.equal(small.failure?.code, "MESSAGE_TOO_LARGE");
    const narrow = coreWith({ mode: "message", receiveWindow: 1 });
    const other = coreWith({ mode: "message" });
    other.send(Buffer.alloc(2_001));
    for (const datagram of flushed(other, 0)) narrow.input(datagram, 0);
    assert.equal(narrow.failure?.code, "MESSAGE_TOO_LARGE");
  });

  test("with a congestion window, one segment goes out first, and twice as many after each round", () => {
    const [a, b] = [coreWith({ congestionControl: true }), coreWith()];
    a.send(Buffer.alloc(32 * 1_376));
    const rounds = [];
    for (let now = 0; now < 50; now += 10) {
      const datagrams = flushed(a, now);
      rounds.push(datagrams.length);
      for (const datagram of datagrams) b.input(datagram, now + 5);
      readAll(b);
      for (const datagram of flushed(b, now + 5)) a.input(datagram, now + 10);
    }
    assert.deepEqual(rounds.slice(0, 4), [1, 2, 4, 8]);
  });

  suite("a peer that has not proved its address", () => {
    test("gets no more bytes than it sent, also of an answer that is larger and never acknowledged", () => {
      const [client, server] = [coreWith(), coreWith({}, { isProven: false, timestampOffset: 0xdeadbeef })];
      client.send(Buffer.alloc(100));
      let received = 0;
      let sent = 0;
      for (const datagram of flushed(client, 0)) {
        received += wire([datagram]);
        server.input(datagram, 0);
      }
      server.send(Buffer.alloc(100_000));
      for (let now = 0; now < 60_000; now += 10) if (server.nextUpdateAt(now) <= now) sent += wire(flushed(server, now));
      assert.ok(sent > 0 && sent <= received, `${sent} of ${received}`);
      assert.equal(server.isProven, false);
    });

    test("acknowledges with the timestamp that only it can know, and everything flows", () => {
      const [client, server] = [coreWith(), coreWith({}, { isProven: false, timestampOffset: 0xdeadbeef })];
      client.send(Buffer.from("?"));
      for (const datagram of flushed(client, 0)) server.input(datagram, 0);
      server.send(Buffer.alloc(10_000));
      const [probe] = flushed(server, 0);
      assert.equal(probe!.length, HEADER_BYTES + 1, "as much as the question has earned");
      client.input(probe!, 1);
      for (const datagram of flushed(client, 1)) server.input(datagram, 2);
      assert.equal(server.isProven, true);
      settle(client, server, 3);
      assert.equal(Buffer.concat(readAll(client)).length, 10_000);
    });

    test("is answered after a while, as a backend does: as soon as the answer is there, not when the question comes again", () => {
      const [client, server] = [coreWith(), coreWith({}, { isProven: false })];
      client.send(Buffer.alloc(32));
      for (const datagram of flushed(client, 0)) server.input(datagram, 0);
      assert.deepEqual(flushed(server, 0), [], "an acknowledgement alone would leave too little");
      assert.equal(server.nextUpdateAt(0), Number.POSITIVE_INFINITY);
      server.send(Buffer.alloc(32));
      assert.ok(server.nextUpdateAt(20) <= 20);
      for (const datagram of flushed(server, 20)) client.input(datagram, 20);
      assert.equal(readAll(client)[0]?.length, 32);
    });

    test("acknowledges with a guessed timestamp, and stays unproven", () => {
      const [client, server] = [coreWith(), coreWith({}, { isProven: false, timestampOffset: 0xdeadbeef })];
      client.send(Buffer.alloc(500));
      for (const datagram of flushed(client, 0)) server.input(datagram, 0);
      server.send(Buffer.alloc(50));
      const [answer] = flushed(server, 0);
      client.input(answer!, 1);
      const [acknowledgement] = flushed(client, 1);
      acknowledgement!.writeUInt32LE(12_345, 8);
      server.input(acknowledgement!, 2);
      assert.equal(server.isSettled, true);
      assert.equal(server.isProven, false);
    });

    test("sends without reading or ending, holds a small window", () => {
      const [client, server] = [coreWith({ sendWindow: 512 }), coreWith({ receiveWindow: 512 }, { isProven: false })];
      client.send(Buffer.alloc(200 * 1_376));
      for (const datagram of flushed(client, 0)) server.input(datagram, 0);
      assert.equal(server.heldSegments, 32);
    });

    test("sends a message that is larger than the small window, and it arrives", () => {
      const large = { mode: "message", receiveWindow: 128, sendWindow: 128, maxMessageBytes: 80_000 } as const;
      const [client, server] = [coreWith(large), coreWith(large, { isProven: false })];
      client.send(Buffer.alloc(80_000));
      for (let now = 0; now < 2_000; now += 10) settle(client, server, now);
      assert.equal(server.receive()?.length, 80_000);
    });
  });
});
