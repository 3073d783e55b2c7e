import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { systemClock } from "../../src/internal/system-clock.js";
import { type DirectionConditions, MemoryNetwork, type MemoryNetworkOptions } from "../../src/transport/memory.js";
import type { Connection, Listener } from "../../src/transport/transport.js";
import { transportContract } from "../contract/transport.js";
import { FakeClock } from "../support/fake-clock.js";
import { RecordingHandler } from "../support/recording-handler.js";
import { SeededRandom } from "../support/seeded-random.js";

for (const randomCuts of [false, true]) {
  transportContract(`memory ${randomCuts ? "with" : "without"} random cuts`, () => {
    const network = new MemoryNetwork({ clock: systemClock, random: new SeededRandom(1), conditions: { latencyMs: 0, randomCuts } });
    return { dialer: network.transport("a"), listener: network.transport("a"), endpoint: { host: "a", port: 0 } };
  });
}

/** Hosts `a` and `b` on a clock that stands still; `b` listens on port 8000. */
class World {
  readonly clock = new FakeClock();
  readonly lines: string[] = [];
  readonly network: MemoryNetwork;
  readonly accepted: Connection[] = [];

  constructor(seed = 1, options: Partial<MemoryNetworkOptions> = {}) {
    const trace = (line: string): void => {
      this.lines.push(`${this.clock.now()} ${line}`);
    };
    this.network = new MemoryNetwork({ clock: this.clock, random: new SeededRandom(seed), trace, ...options });
    this.network.transport("b");
  }

  listen(port = 8000): Promise<Listener> {
    return this.network.transport("b").listen({ host: "b", port }, (connection) => this.accepted.push(connection));
  }

  dial(signal = new AbortController().signal): Promise<Connection> {
    return this.network.transport("a").dial({ host: "b", port: 8000 }, signal);
  }

  /** A connection from `a` to `b` with a handler at each end. */
  async connect() {
    if (this.accepted.length === 0) await this.listen().catch(() => undefined);
    let near: Connection | undefined;
    const dialing = this.dial().then((connection) => {
      near = connection;
    });
    while (near === undefined) await this.clock.advance(10);
    await dialing;
    const far = this.accepted.at(-1)!;
    const nearHandler = new RecordingHandler();
    const farHandler = new RecordingHandler();
    near.setHandler(nearHandler);
    far.setHandler(farHandler);
    await this.clock.settle();
    return { near, far, nearHandler, farHandler };
  }

  /** Whether `promise` is still pending after an hour. */
  async isPending(promise: Promise<unknown>): Promise<boolean> {
    let settled = false;
    const settle = (): void => {
      settled = true;
    };
    promise.then(settle, settle);
    await this.clock.advance(3_600_000);
    return !settled;
  }
}

const codes = (handler: RecordingHandler): unknown[] => handler.closings.map((error) => error && (error as NodeJS.ErrnoException).code);

suite("memory network: time", () => {
  test("latency 20 there and 30 back, each direction takes its own time", async () => {
    const world = new World();
    const { near, far, nearHandler, farHandler } = await world.connect();
    world.network.shape("a", "b", { latencyMs: 20 });
    world.network.shape("b", "a", { latencyMs: 30 });
    near.write(Buffer.from("there"));
    far.write(Buffer.from("back"));
    await world.clock.advance(19);
    assert.equal(farHandler.text, "");
    await world.clock.advance(1);
    assert.equal(farHandler.text, "there");
    await world.clock.advance(9);
    assert.equal(nearHandler.text, "");
    await world.clock.advance(1);
    assert.equal(nearHandler.text, "back");
  });

  test("latency 0, bytes arrive without time passing but not within the write", async () => {
    const world = new World(1, { conditions: { latencyMs: 0 } });
    const { near, farHandler } = await world.connect();
    near.write(Buffer.from("now"));
    assert.equal(farHandler.text, "");
    await world.clock.settle();
    assert.equal(farHandler.text, "now");
  });

  test("a dial, takes one way there and one back", async () => {
    const world = new World(1, { conditions: { latencyMs: 10 } });
    await world.listen();
    let connected = false;
    const dialing = world.dial().then(() => {
      connected = true;
    });
    await world.clock.advance(10);
    assert.deepEqual([world.accepted.length, connected], [1, false]);
    await world.clock.advance(10);
    await dialing;
    assert.equal(connected, true);
  });

  test("jitter, spreads the arrivals and never reorders them", async () => {
    const world = new World(7, { conditions: { latencyMs: 5, jitterMs: 50 } });
    const arrivedAt: number[] = [];
    const { near, far, farHandler } = await world.connect();
    const handler = new RecordingHandler({ onData: () => arrivedAt.push(world.clock.now()) });
    far.setHandler(handler);
    let sent = "";
    for (let index = 0; index < 50; index++) {
      near.write(Buffer.from(`${index} `));
      sent += `${index} `;
      await world.clock.advance(3);
    }
    await world.clock.advance(100);
    assert.equal(handler.text, sent);
    assert.equal(farHandler.byteCount, 0);
    assert.ok(new Set(arrivedAt).size > 5);
  });

  test("1,000 bytes per second, 500 bytes take half a second more", async () => {
    const world = new World(1, { conditions: { randomCuts: false } });
    const { near, farHandler } = await world.connect();
    world.network.shape("a", "b", { bytesPerSecond: 1_000, maxChunkBytes: 100 });
    near.write(Buffer.alloc(500));
    await world.clock.advance(101);
    assert.equal(farHandler.byteCount, 100);
    await world.clock.advance(399);
    assert.equal(farHandler.byteCount, 400);
    await world.clock.advance(1);
    assert.equal(farHandler.byteCount, 500);
  });

  test("nothing is under way, no timer is left", async () => {
    const world = new World();
    const { near } = await world.connect();
    near.write(Buffer.alloc(1_000));
    await world.clock.advance(100);
    assert.equal(world.clock.pendingTimers, 0);
    near.end();
    await world.clock.advance(100);
    assert.deepEqual([world.clock.pendingTimers, world.network.connectionCount], [0, 0]);
  });

  test("both ends destroyed with bytes under way, no timer is left", async () => {
    const world = new World();
    const { near, far } = await world.connect();
    near.write(Buffer.alloc(1_000));
    far.write(Buffer.alloc(1_000));
    await world.clock.settle();
    assert.equal(world.clock.pendingTimers, 2);
    near.destroy();
    far.destroy();
    assert.deepEqual([world.clock.pendingTimers, world.network.connectionCount], [0, 0]);
  });
});

suite("memory network: bytes", () => {
  test("a short write behind a long one that waits, does not overtake it though there is room", async () => {
    const world = new World(1, { socketBufferBytes: 100 });
    const { near, farHandler } = await world.connect();
    assert.equal(near.write(Buffer.alloc(150, "a")), false);
    assert.equal(near.write(Buffer.alloc(10, "b")), false);
    await world.clock.advance(100);
    assert.equal(farHandler.text, "a".repeat(150) + "b".repeat(10));
  });

  test("random cuts, the writes of a turn arrive merged and cut elsewhere, whole and in order", async () => {
    const world = new World(3);
    const { near, farHandler } = await world.connect();
    const writes = Array.from({ length: 100 }, (_, index) => Buffer.alloc(37, index));
    for (const [index, bytes] of writes.entries()) {
      near.write(bytes);
      if (index % 10 === 9) await world.clock.advance(10);
    }
    assert.deepEqual(farHandler.bytes, Buffer.concat(writes));
    assert.ok(farHandler.chunks.length > 10 && farHandler.chunks.length < 100, `${farHandler.chunks.length} chunks`);
    let end = 0;
    const isCutWithinWrite = farHandler.chunks.some((chunk) => {
      end += chunk.length;
      return end % 37 !== 0;
    });
    assert.ok(isCutWithinWrite);
  });

  test("no random cuts, the writes of a turn arrive as one chunk of at most the largest size", async () => {
    const world = new World(3, { conditions: { randomCuts: false, maxChunkBytes: 150 } });
    const { near, farHandler } = await world.connect();
    for (let index = 0; index < 4; index++) near.write(Buffer.alloc(50, index));
    await world.clock.advance(10);
    assert.deepEqual(
      farHandler.chunks.map((chunk) => chunk.length),
      [150, 50],
    );
  });

  test("a buffer that is used again after write returned true, arrives as it was", async () => {
    const world = new World();
    const { near, farHandler } = await world.connect();
    const buffer = Buffer.from("before");
    assert.equal(near.write(buffer), true);
    buffer.fill("x");
    await world.clock.advance(10);
    assert.equal(farHandler.text, "before");
  });

  test("a buffer that is used again though write returned false, arrives spoilt; after onDrain it is free", async () => {
    const world = new World(1, { socketBufferBytes: 10 });
    const { near, nearHandler, farHandler } = await world.connect();
    near.write(Buffer.from("0123456789"));
    const buffer = Buffer.from("before");
    assert.equal(near.write(buffer), false);
    assert.equal(near.bufferedBytes, 6);
    buffer.fill("x");
    await world.clock.advance(100);
    assert.equal(nearHandler.drains, 1);
    assert.equal(farHandler.text, "0123456789xxxxxx");

    const next = Buffer.from("this is longer than ten");
    assert.equal(near.write(next), false);
    near.setHandler(new RecordingHandler({ onDrain: () => next.fill("y") }));
    await world.clock.advance(100);
    assert.equal(farHandler.text, "0123456789xxxxxxthis is longer than ten");
  });

  test("a reader that pauses, the socket buffer fills, then write returns false until it reads again", async () => {
    const world = new World(1, { socketBufferBytes: 1_000 });
    const { near, nearHandler, farHandler } = await world.connect();
    world.network.pauseReading("b", "a");
    assert.equal(near.write(Buffer.alloc(1_000, 1)), true);
    assert.equal(near.write(Buffer.alloc(200, 2)), false);
    assert.equal(near.write(Buffer.alloc(300, 3)), false);
    await world.clock.advance(1_000);
    assert.deepEqual([near.bufferedBytes, nearHandler.drains, farHandler.byteCount], [500, 0, 0]);
    world.network.resumeReading("b", "a");
    await world.clock.advance(1_000);
    assert.deepEqual([near.bufferedBytes, nearHandler.drains], [0, 1]);
    assert.deepEqual(farHandler.bytes, Buffer.concat([Buffer.alloc(1_000, 1), Buffer.alloc(200, 2), Buffer.alloc(300, 3)]));
  });

  test("a reader that pauses, holds back only what is sent to it by that host", async () => {
    const world = new World();
    const { far, nearHandler, farHandler, near } = await world.connect();
    world.network.pauseReading("b", "a");
    near.write(Buffer.from("unread"));
    far.write(Buffer.from("read"));
    await world.clock.advance(10);
    assert.deepEqual([nearHandler.text, farHandler.text], ["read", ""]);
  });
});

suite("memory network: dials", () => {
  test("a host that nobody has made, ENOTFOUND", async () => {
    const world = new World();
    const { signal } = new AbortController();
    await assert.rejects(world.network.transport("a").dial({ host: "nowhere", port: 1 }, signal), { code: "ENOTFOUND" });
  });

  test("dials refused by the network, ECONNREFUSED though somebody listens", async () => {
    const world = new World();
    await world.listen();
    world.network.shape("a", "b", { dials: "refused" });
    const refused = assert.rejects(world.dial(), { code: "ECONNREFUSED", message: "dial b:8000: ECONNREFUSED" });
    await world.clock.advance(10);
    await refused;
    assert.deepEqual([world.accepted.length, world.network.connectionCount], [0, 0]);
  });

  test("dials swallowed, pending until aborted, while open connections work", async () => {
    const world = new World();
    const { near, farHandler } = await world.connect();
    world.network.shape("a", "b", { dials: "swallowed" });
    const controller = new AbortController();
    const dialing = world.dial(controller.signal);
    near.write(Buffer.from("works"));
    assert.equal(await world.isPending(dialing), true);
    assert.equal(farHandler.text, "works");
    controller.abort(new Error("took too long"));
    await assert.rejects(dialing, /took too long/);
    assert.deepEqual([world.network.connectionCount, getEventListeners(controller.signal, "abort").length], [1, 0]);
  });

  test("aborted after the listener has accepted, the accepted end is reset", async () => {
    const world = new World();
    await world.listen();
    const controller = new AbortController();
    const dialing = world.dial(controller.signal);
    await world.clock.advance(1);
    const handler = new RecordingHandler();
    world.accepted[0]!.setHandler(handler);
    controller.abort(new Error("too late"));
    await assert.rejects(dialing, /too late/);
    await world.clock.advance(10);
    assert.deepEqual(codes(handler), ["ECONNRESET"]);
    assert.equal(world.network.connectionCount, 0);
  });

  test("a listener on loopback, is reached from its own host only", async () => {
    const world = new World();
    const b = world.network.transport("b");
    const accepted: Connection[] = [];
    await b.listen({ host: "127.0.0.1", port: 8000 }, (connection) => accepted.push(connection));
    const refused = assert.rejects(world.dial(), { code: "ECONNREFUSED" });
    const own = b.dial({ host: "localhost", port: 8000 }, new AbortController().signal);
    await world.clock.advance(10);
    await refused;
    assert.deepEqual([(await own).isLoopback, accepted[0]!.isLoopback], [true, true]);
  });

  test("a listener on all interfaces, is reached from another host, which is not loopback", async () => {
    const world = new World();
    await world.network.transport("b").listen({ host: "0.0.0.0", port: 8000 }, (connection) => world.accepted.push(connection));
    const dialing = world.dial();
    await world.clock.advance(10);
    const near = await dialing;
    assert.deepEqual([near.remote, near.isLoopback], ["b:8000", false]);
    assert.deepEqual([world.accepted[0]!.remote, world.accepted[0]!.isLoopback], ["a:49152", false]);
  });

  test("listening on another host's name, EADDRNOTAVAIL", async () => {
    const world = new World();
    await assert.rejects(
      world.network.transport("a").listen({ host: "b", port: 1 }, () => {}),
      { code: "EADDRNOTAVAIL" },
    );
  });

  test("credentials, each end has its own view of the other", async () => {
    const binding = Uint8Array.of(1, 2, 3);
    const credentials = (dialer: string, listener: { host: string; port: number }) => ({
      atDialer: { identity: { uris: [`spiffe://${listener.host}`], subject: "CN=listener" }, channelBinding: binding },
      atListener: { identity: { uris: [`spiffe://${dialer}`], subject: "CN=dialer" }, channelBinding: binding },
    });
    const { near, far } = await new World(1, { credentials }).connect();
    assert.deepEqual([near.identity?.uris, far.identity?.uris], [["spiffe://b"], ["spiffe://a"]]);
    assert.deepEqual([near.channelBinding, far.channelBinding], [binding, binding]);
    const plain = await new World().connect();
    assert.deepEqual([plain.near.identity, plain.far.channelBinding], [undefined, undefined]);
  });
});

suite("memory network: faults", () => {
  test("a reset, both ends get ECONNRESET once, through a partition too; other hosts' connections stay", async () => {
    const world = new World();
    const { near, nearHandler, farHandler } = await world.connect();
    const dialing = world.network.transport("c").dial({ host: "b", port: 8000 }, new AbortController().signal);
    await world.clock.advance(10);
    const handler = new RecordingHandler();
    (await dialing).setHandler(handler);
    world.network.partition("a", "b");
    near.write(Buffer.from("lost"));
    world.network.reset("a", "b");
    await world.clock.settle();
    assert.deepEqual([codes(nearHandler), codes(farHandler), codes(handler)], [["ECONNRESET"], ["ECONNRESET"], []]);
    await world.clock.advance(1_000);
    assert.equal(farHandler.text, "");
    assert.deepEqual([nearHandler.closings.length, farHandler.closings.length, world.network.connectionCount], [1, 1, 1]);
  });

  test("a reset while a dial is under way, fails it", async () => {
    const world = new World();
    await world.listen();
    const failed = assert.rejects(world.dial(), { code: "ECONNRESET" });
    world.network.reset("a", "b");
    await failed;
    assert.equal(world.network.connectionCount, 0);
  });

  test("half-open, one owner gets ECONNRESET, the other side hears nothing and its bytes go nowhere", async () => {
    const world = new World(1, { socketBufferBytes: 100 });
    const { near, nearHandler, farHandler } = await world.connect();
    world.network.halfOpen("b", "a");
    await world.clock.settle();
    assert.deepEqual([codes(farHandler), codes(nearHandler)], [["ECONNRESET"], []]);
    assert.equal(near.write(Buffer.alloc(100)), true);
    assert.equal(near.write(Buffer.alloc(1)), false);
    near.end();
    await world.clock.advance(3_600_000);
    assert.deepEqual([farHandler.byteCount, nearHandler.closings.length, nearHandler.drains], [0, 0, 0]);
    near.destroy(new Error("found dead"));
    await world.clock.settle();
    assert.equal((await nearHandler.closed())?.message, "found dead");
    assert.equal(world.network.connectionCount, 0);
  });

  test("one direction held, the other works; what was held arrives in order when healed", async () => {
    const world = new World();
    const { near, far, nearHandler, farHandler } = await world.connect();
    world.network.hold("a", "b");
    near.write(Buffer.from("held "));
    far.write(Buffer.from("free"));
    await world.clock.advance(60_000);
    near.write(Buffer.from("back"));
    await world.clock.advance(60_000);
    assert.deepEqual([nearHandler.text, farHandler.text], ["free", ""]);
    world.network.heal("a", "b");
    await world.clock.advance(10);
    assert.equal(farHandler.text, "held back");
    assert.deepEqual([nearHandler.closings, farHandler.closings], [[], []]);
  });

  test("the way back held, the writer is not told that its bytes were read: its buffer fills", async () => {
    const world = new World(1, { socketBufferBytes: 100 });
    const { near, nearHandler, farHandler } = await world.connect();
    world.network.hold("b", "a");
    assert.equal(near.write(Buffer.alloc(100)), true);
    await world.clock.advance(10);
    assert.equal(farHandler.byteCount, 100);
    assert.equal(near.write(Buffer.alloc(50)), false);
    await world.clock.advance(60_000);
    assert.deepEqual([farHandler.byteCount, nearHandler.drains], [100, 0]);
    world.network.heal("a", "b");
    await world.clock.advance(10);
    assert.deepEqual([farHandler.byteCount, nearHandler.drains], [150, 1]);
  });

  test("a partition, dials stay pending; healed, they succeed", async () => {
    for (const cut of ["hold there", "hold back", "partition"] as const) {
      const world = new World();
      await world.listen();
      if (cut === "partition") world.network.partition("a", "b");
      else if (cut === "hold there") world.network.hold("a", "b");
      else world.network.hold("b", "a");
      const dialing = world.dial();
      assert.equal(await world.isPending(dialing), true, cut);
      world.network.heal("a", "b");
      await world.clock.advance(10);
      assert.equal((await dialing).remote, "b:8000");
    }
  });

  test("a partition during a timer's wait, still holds what was under way", async () => {
    const world = new World(1, { conditions: { latencyMs: 50 } });
    const { near, farHandler } = await world.connect();
    near.write(Buffer.from("under way"));
    await world.clock.advance(25);
    world.network.partition("a", "b");
    await world.clock.advance(1_000);
    assert.equal(farHandler.text, "");
    world.network.heal("a", "b");
    await world.clock.advance(50);
    assert.equal(farHandler.text, "under way");
  });

  test("a crash that resets, peers get ECONNRESET, dials are refused, and the dead hear nothing", async () => {
    const world = new World();
    const { near, far, nearHandler, farHandler } = await world.connect();
    near.write(Buffer.from("too late"));
    world.network.crash("b", { peersSee: "reset" });
    const refused = assert.rejects(world.dial(), { code: "ECONNREFUSED" });
    await world.clock.advance(1_000);
    await refused;
    assert.deepEqual([codes(nearHandler), farHandler.closings, farHandler.text], [["ECONNRESET"], [], ""]);
    assert.equal(far.write(Buffer.from("from the dead")), true);
    far.destroy();
    await world.clock.advance(10);
    assert.deepEqual([farHandler.closings, nearHandler.text], [[undefined], ""]);
    assert.equal(world.network.connectionCount, 0);
  });

  test("a silent crash, peers hear nothing and dials stay pending; after the restart, bytes are answered by a reset", async () => {
    const world = new World();
    const { near, nearHandler } = await world.connect();
    const idle = await world.connect();
    world.network.crash("b", { peersSee: "silent" });
    near.write(Buffer.from("anybody there?"));
    const controller = new AbortController();
    const dialing = world.dial(controller.signal);
    assert.equal(await world.isPending(dialing), true);
    controller.abort();
    await assert.rejects(dialing, { name: "AbortError" });
    assert.deepEqual(nearHandler.closings, []);

    world.network.restart("b");
    await world.clock.advance(10);
    assert.deepEqual([codes(nearHandler), codes(idle.nearHandler)], [["ECONNRESET"], []]);
    idle.near.write(Buffer.from("still there?"));
    await world.clock.advance(10);
    assert.deepEqual(codes(idle.nearHandler), ["ECONNRESET"]);
    assert.equal(world.network.connectionCount, 0);
  });

  test("code of a crashed host that destroys its connections, does not spoil the answer after the restart", async () => {
    const world = new World();
    const { near, far, nearHandler } = await world.connect();
    world.network.crash("b", { peersSee: "silent" });
    far.destroy();
    await world.clock.advance(10);
    assert.deepEqual(nearHandler.closings, []);
    world.network.restart("b");
    near.write(Buffer.from("hello"));
    await world.clock.advance(10);
    assert.deepEqual(codes(nearHandler), ["ECONNRESET"]);
  });

  test("a restarted host, listens anew on the same port; its former transport is of no use", async () => {
    const world = new World();
    const former = world.network.transport("b");
    await world.connect();
    world.network.crash("b", { peersSee: "reset" });
    await assert.rejects(world.listen(), { code: "ENETDOWN" });
    world.network.restart("b");
    await assert.rejects(
      former.listen({ host: "b", port: 8000 }, () => {}),
      { code: "ENETDOWN" },
    );
    await assert.rejects(former.dial({ host: "b", port: 8000 }, new AbortController().signal), { code: "ENETDOWN" });
    await world.listen();
    const dialing = world.dial();
    await world.clock.advance(10);
    assert.equal((await dialing).remote, "b:8000");
  });

  test("faults at a host that nobody has made, are errors that name the hosts", () => {
    const { network } = new World();
    assert.throws(() => network.crash("z", { peersSee: "reset" }), { message: 'no host "z" in this network; it has b' });
    assert.throws(() => network.restart("z"), RangeError);
  });
});

suite("memory network: a seed", () => {
  /** Many connections in every kind of trouble; returns all that happened. */
  async function run(seed: number): Promise<string[]> {
    const conditions: Partial<DirectionConditions> = { latencyMs: 3, jitterMs: 20, maxChunkBytes: 500 };
    const world = new World(seed, { conditions, socketBufferBytes: 2_000 });
    await world.listen();
    const random = new SeededRandom(seed + 1);
    const dialing = Array.from({ length: 8 }, () => world.dial().catch((error: Error) => error));
    await world.clock.advance(100);
    const connections = (await Promise.all(dialing)).filter((outcome): outcome is Connection => !(outcome instanceof Error));
    for (const connection of [...connections, ...world.accepted]) {
      connection.setHandler({
        onData: (chunk) => {
          world.lines.push(`${connection.remote} read ${chunk.length}`);
          if (random.below(3) === 0) connection.write(chunk);
        },
        onDrain: () => world.lines.push(`${connection.remote} drained`),
        onClose: (error) => world.lines.push(`${connection.remote} closed ${error?.message}`),
      });
    }
    const faults = [
      () => world.network.hold("a", "b"),
      () => world.network.heal("a", "b"),
      () => world.network.pauseReading("b", "a"),
      () => world.network.resumeReading("b", "a"),
    ];
    for (let step = 0; step < 60; step++) {
      const connection = connections[random.below(connections.length)]!;
      connection.write(Buffer.alloc(random.below(1_500)));
      if (random.below(5) === 0) faults[random.below(faults.length)]!();
      if (step === 40) connection.destroy();
      if (step === 50) connection.end();
      await world.clock.advance(random.below(10));
    }
    world.network.crash("b", { peersSee: "reset" });
    world.network.heal("a", "b");
    await world.clock.advance(1_000);
    return world.lines;
  }

  test("the same seed, the same events in the same order; another seed others", async () => {
    const [first, again, other] = [await run(42), await run(42), await run(43)];
    assert.ok(first.length > 200, `${first.length} lines`);
    assert.deepEqual(again, first);
    assert.notDeepEqual(other, first);
  });

  test("the trace, reads as what happened", async () => {
    const world = new World(1, { conditions: { randomCuts: false, latencyMs: 2 } });
    const { near } = await world.connect();
    near.write(Buffer.from("hello"));
    near.end();
    await world.clock.advance(10);
    world.network.hold("a", "b");
    world.network.crash("b", { peersSee: "silent" });
    assert.deepEqual(world.lines, [
      "2 #1 a:49152 > b:8000 open",
      "4 #1 b:8000 > a:49152 accept",
      "12 #1 a:49152 > b:8000 data 5",
      "12 #1 a:49152 > b:8000 end",
      "12 #1 b:8000 closed",
      "14 #1 b:8000 > a:49152 end",
      "14 #1 a:49152 closed",
      "20 a > b held=true",
      "20 crash b silent",
    ]);
  });
});
