import assert from "node:assert/strict";
import { Deferred } from "../../src/internal/deferred.js";
import type { NodeOptions } from "../../src/node/options.js";
import type { Context } from "../../src/rpc/service.js";
import { Cluster, failureOf, hostOf } from "../support/cluster.js";
import { echo, type Note, noteCodec, noteMessage, noteMethod, sizedNote, textNote } from "../support/note.js";

const MIB = 1024 ** 2;
const big = noteMethod("big");
const hold = noteMethod("hold");

suite("order", () => {
  test("small and large requests and one-way messages, are dispatched in the order sent, cut at any byte", async () => {
    for (const seed of [1, 2, 3]) {
      const link = { maxBufferedBytes: 100 * MIB, slowPeerBytes: 200 * MIB, maxPendingBytes: 100 * MIB };
      const cluster = new Cluster({ seed, conditions: { bytesPerSecond: 50_000_000, jitterMs: 3 }, node: { link } });
      const seen: number[] = [];
      const caller = await cluster.start("1.1.1");
      await cluster.start("1.1.2", {}, (node) => {
        node.handle(echo, (note: Note) => {
          seen.push(Number(note.text));
          return textNote("");
        });
        node.onMessage(noteMessage, (note) => void seen.push(Number(note.text)));
      });
      const sent: Promise<unknown>[] = [];
      const count = 60;
      for (let i = 0; i < count; i++) {
        const size = cluster.random.next() < 0.1 ? 3 * MIB : cluster.random.below(2) * cluster.random.below(100_000);
        const note = { text: String(i), data: new Uint8Array(size) };
        sent.push(cluster.random.next() < 0.5 ? caller.send("1.1.2", noteMessage, note) : caller.invoke("1.1.2", echo, note));
        if (cluster.random.next() < 0.3) await cluster.clock.advance(cluster.random.below(30));
      }
      await cluster.run(Promise.all(sent));
      await cluster.clock.advance(1_000); // the last ones may be on their way
      assert.deepEqual(
        seen,
        Array.from({ length: count }, (_, i) => i),
      );
      await cluster.close();
    }
  });

  test("small replies and a cancel, overtake large replies, of which many come at once", async () => {
    const cluster = new Cluster({ conditions: { bytesPerSecond: 10_000_000 } });
    const caller = await cluster.start("1.1.1");
    await cluster.start("1.1.2", {}, (node) => {
      node.handle(big, () => sizedNote(3 * MIB));
      node.handle(echo, (note) => note);
    });
    await cluster.run(caller.invoke("1.1.2", echo, textNote("")));
    let finished = 0;
    const large = Array.from({ length: 5 }, () =>
      caller.invoke("1.1.2", big, textNote(""), { timeoutMs: 60_000 }).then((note) => {
        finished++;
        return note.data.length;
      }),
    );
    await cluster.clock.advance(50);
    await cluster.run(caller.invoke("1.1.2", echo, textNote("quick")));
    assert.equal(finished, 0);
    for (const size of await cluster.run(Promise.all(large))) assert.ok(size > 3_000_000);
    await cluster.close();
  });

  test("large replies of more than the peer keeps unfinished, all arrive", async () => {
    const cluster = new Cluster({ conditions: { bytesPerSecond: 50_000_000 }, node: { link: { maxPartialBytes: 5 * MIB } } });
    const caller = await cluster.start("1.1.1");
    await cluster.start("1.1.2", {}, (node) => node.handle(big, (note: Note) => sizedNote(Number(note.text))));
    const sizes = [4, 1, 3, 0.5, 2, 2, 1].map((size) => size * MIB);
    const replies = sizes.map((size) => caller.invoke("1.1.2", big, textNote(String(size))));
    for (const [i, { data }] of (await cluster.run(Promise.all(replies))).entries()) assert.ok(data.length > sizes[i]! - 20);
    await cluster.close();
  });

  test("awaiting a large send on a fast connection, resolves", async () => {
    const cluster = new Cluster();
    const caller = await cluster.start("1.1.1");
    let received = 0;
    await cluster.start("1.1.2", {}, (node) =>
      node.onMessage(noteMessage, (note) => {
        received += note.data.length;
      }),
    );
    await cluster.run(caller.send("1.1.2", noteMessage, textNote("")));
    for (let i = 0; i < 10; i++) await cluster.run(caller.send("1.1.2", noteMessage, sizedNote(3 * MIB)), 1_000);
    await cluster.clock.advance(1_000);
    assert.ok(received > 30_000_000);
    await cluster.close();
  });
});

suite("limits", () => {
  test("a queue that is full in count or bytes, refuses at once; an empty one takes a message of any legal size", async () => {
    for (const link of [{ maxPendingMessages: 3 }, { maxPendingBytes: 3_000 }]) {
      const cluster = new Cluster();
      const caller = await cluster.start("1.1.1", { link });
      await cluster.start("1.1.2", {}, (node) => node.handle(echo, () => textNote("")));
      const first = caller.invoke("1.1.2", echo, sizedNote(link.maxPendingBytes === undefined ? 900 : 3 * MIB));
      if (link.maxPendingBytes !== undefined) {
        const error = await failureOf(caller.invoke("1.1.2", echo, textNote("")));
        assert.deepEqual([error.code, error.execution], ["RESOURCE_EXHAUSTED", "notRun"]);
      } else {
        const more = [caller.invoke("1.1.2", echo, textNote("")), caller.post("1.1.2", echo, textNote(""))];
        const error = await failureOf(caller.post("1.1.2", echo, textNote("")));
        assert.deepEqual([error.code, error.execution], ["RESOURCE_EXHAUSTED", "notRun"]);
        await cluster.run(Promise.all(more));
      }
      await cluster.run(first);
      await cluster.close();
    }
  });

  test("calls past maxCallsInFlight, fail at once as notRun", async () => {
    const cluster = new Cluster();
    const caller = await cluster.start("1.1.1", { rpc: { maxCallsInFlight: 2 } });
    await cluster.start("1.1.2", {}, (node) => node.handle(echo, (note) => note));
    const two = [caller.invoke("1.1.2", echo, textNote("")), caller.invoke("1.1.2", echo, textNote(""))];
    const error = await failureOf(caller.invoke("1.1.2", echo, textNote("")));
    assert.deepEqual([error.code, error.execution], ["RESOURCE_EXHAUSTED", "notRun"]);
    await cluster.run(Promise.all(two));
    await cluster.run(caller.invoke("1.1.2", echo, textNote("")));
    await cluster.close();
  });

  for (const [name, rpc] of [
    ["maxRequests", { maxRequests: 2 }],
    ["maxRequestsPerPeer", { maxRequestsPerPeer: 2 }],
    ["maxRequestBytes", { maxRequestBytes: 2_100 }],
  ] as const) {
    test(`requests past ${name}, are answered RESOURCE_EXHAUSTED notRun, one-way messages dropped and counted; over a link and to itself`, async () => {
      const cluster = new Cluster();
      const far = await cluster.start("1.1.1");
      let release = new Deferred<void>();
      const near = await cluster.start("1.1.2", { rpc }, (node) => {
        node.handle(hold, () => release.promise.then(() => textNote("")));
        node.onMessage(noteMessage, () => release.promise);
      });
      for (const caller of [far, near]) {
        const held = [caller.invoke("1.1.2", hold, sizedNote(1_000)), caller.invoke("1.1.2", hold, sizedNote(1_000))];
        await cluster.clock.advance(30);
        const error = await cluster.fails(caller.invoke("1.1.2", hold, sizedNote(1_000)));
        assert.deepEqual([error.code, error.execution], ["RESOURCE_EXHAUSTED", "notRun"]);
        const before = near.status().oneWaysDropped;
        await cluster.run(caller.send("1.1.2", noteMessage, sizedNote(1_000)));
        await cluster.clock.advance(30);
        assert.equal(near.status().oneWaysDropped, before + 1);
        if (caller === far) {
          // Nobody waits any more, and the handlers still work: they count.
          cluster.network.reset(hostOf("1.1.1"), hostOf("1.1.2"));
          for (const each of held) await cluster.fails(each);
          const { requestsInProgress, handlersRunning } = near.status();
          assert.deepEqual([requestsInProgress, handlersRunning], [0, 2]);
          assert.equal((await cluster.fails(caller.invoke("1.1.2", hold, sizedNote(1_000)))).code, "RESOURCE_EXHAUSTED");
          release.resolve();
          await cluster.clock.settle();
          release = new Deferred<void>();
          assert.equal(near.status().handlersRunning, 0);
          continue;
        }
        release.resolve();
        await cluster.run(Promise.all(held));
      }
      await cluster.close();
    });
  }

  test("a payload of exactly the limit passes, one byte more is refused where it is made: requests, one-ways, replies", async () => {
    for (const maxPayloadBytes of [1_000, 65_536, 200_000]) {
      const cluster = new Cluster({ node: { rpc: { maxPayloadBytes } } });
      const far = await cluster.start("1.1.1");
      const received: number[] = [];
      const near = await cluster.start("1.1.2", {}, (node) => {
        node.handle(echo, (note) => note);
        node.handle(big, () => sizedNote(maxPayloadBytes + 1));
        node.onMessage(noteMessage, (note) => void received.push(noteCodec.encode(note).finish().length));
      });
      for (const caller of [far, near]) {
        const exact = sizedNote(maxPayloadBytes);
        assert.equal((await cluster.run(caller.invoke("1.1.2", echo, exact))).data.length, exact.data.length);
        await cluster.run(caller.send("1.1.2", noteMessage, exact));
        for (const promise of [
          caller.invoke("1.1.2", echo, sizedNote(maxPayloadBytes + 1)),
          caller.send("1.1.2", noteMessage, sizedNote(maxPayloadBytes + 1)),
        ]) {
          const error = await failureOf(promise);
          assert.deepEqual([error.code, error.execution], ["RESOURCE_EXHAUSTED", "notRun"]);
        }
        const reply = await cluster.fails(caller.invoke("1.1.2", big, textNote("")));
        assert.deepEqual([reply.code, reply.execution], ["RESOURCE_EXHAUSTED", "ran"]);
        await cluster.clock.advance(50);
      }
      assert.deepEqual(received, [maxPayloadBytes, maxPayloadBytes]);
      await cluster.close();
    }
  });

  const tight: Partial<NodeOptions> = {
    link: {
      highWaterBytes: 100_000,
      maxBufferedBytes: 300_000,
      slowPeerBytes: 600_000,
      probeMs: 600_000,
      keepaliveMs: 600_000,
      unansweredMs: 600_000,
    },
  };

  test("a caller that reads too slowly, gets small errors in place of replies above the mark; past slowPeerBytes its link is destroyed", async () => {
    const cluster = new Cluster({ node: tight });
    const caller = await cluster.start("1.1.1");
    const callee = await cluster.start("1.1.2", {}, (node) => node.handle(big, () => sizedNote(50_000)));
    await cluster.run(caller.invoke("1.1.2", big, textNote("")));
    cluster.network.pauseReading(hostOf("1.1.1"), hostOf("1.1.2"));
    const calls: Promise<unknown>[] = [];
    for (let i = 0; i < 30; i++) {
      calls.push(
        caller.invoke("1.1.2", big, textNote(""), { timeoutMs: 60_000 }).then(
          () => "reply",
          (error) => `${error.code} ${error.execution}`,
        ),
      );
      await cluster.clock.advance(5);
    }
    assert.ok(callee.status().links[0]!.bufferedBytes < 400_000);
    cluster.network.resumeReading(hostOf("1.1.1"), hostOf("1.1.2"));
    const results = await cluster.run(Promise.all(calls));
    assert.deepEqual(new Set(results), new Set(["reply", "RESOURCE_EXHAUSTED ran"]));
    assert.ok(results.filter((result) => result === "reply").length >= 5);

    cluster.network.pauseReading(hostOf("1.1.1"), hostOf("1.1.2"));
    const flood: Promise<unknown>[] = [];
    for (let i = 0; i < 40 && callee.status().links[0]!.phase === "ready"; i++) {
      for (let k = 0; k < 500; k++) flood.push(failureOf(caller.invoke("1.1.2", big, textNote(""), { timeoutMs: 60_000 })).catch(() => {}));
      await cluster.clock.advance(5);
    }
    assert.equal(callee.status().links[0]!.phase, "idle");
    assert.deepEqual(Object.keys(callee.status().limitHits).sort(), ["link.highWaterBytes", "link.maxBufferedBytes", "link.slowPeerBytes"]);
    cluster.network.resumeReading(hostOf("1.1.1"), hostOf("1.1.2"));
    await cluster.run(Promise.all(flood));
    await cluster.close();
  });

  test("two peers that both stop reading, go on when they read again, and awaited sends wait meanwhile", async () => {
    const cluster = new Cluster({ node: tight });
    let received = 0;
    const prepare = (node: Cluster["nodes"][0]): void => node.onMessage(noteMessage, () => void received++);
    const one = await cluster.start("1.1.1", {}, prepare);
    const other = await cluster.start("1.1.2", {}, prepare);
    await cluster.run(one.send("1.1.2", noteMessage, textNote("")));
    await cluster.clock.advance(20);
    cluster.network.pauseReading(hostOf("1.1.1"), hostOf("1.1.2"));
    cluster.network.pauseReading(hostOf("1.1.2"), hostOf("1.1.1"));
    let sent = 0;
    const flow = async (from: typeof one, to: "1.1.1" | "1.1.2"): Promise<void> => {
      for (let i = 0; i < 50; i++) {
        await from.send(to, noteMessage, sizedNote(20_000));
        sent++;
      }
    };
    const flows = Promise.all([flow(one, "1.1.2"), flow(other, "1.1.1")]);
    await cluster.clock.advance(1_000);
    assert.ok(sent < 40, `${sent} sends went through`);
    cluster.network.resumeReading(hostOf("1.1.1"), hostOf("1.1.2"));
    cluster.network.resumeReading(hostOf("1.1.2"), hostOf("1.1.1"));
    await cluster.run(flows);
    await cluster.clock.advance(100);
    assert.equal(received, 101);
    await cluster.close();
  });

  test("a context that is not asked for its signal, makes none", async () => {
    const cluster = new Cluster();
    const node = await cluster.start("1.1.1");
    node.handle(echo, (note: Note, context: Context) => {
      assert.equal(context.signal, context.signal);
      return note;
    });
    await cluster.run(node.invoke("1.1.1", echo, textNote("")));
    await cluster.close();
  });
});
