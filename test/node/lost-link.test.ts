import assert from "node:assert/strict";
import { RpcError } from "../../src/errors.js";
import { Deferred } from "../../src/internal/deferred.js";
import type { Context } from "../../src/rpc/service.js";
import { Cluster, failureOf, hostOf } from "../support/cluster.js";
import { echo, noteMethod, sizedNote, textNote } from "../support/note.js";

const hold = noteMethod("hold");

suite("a link that is lost", () => {
  test("calls in flight fail at once as unknown, handlers are aborted, and the next call opens the link again", async () => {
    const cluster = new Cluster();
    const caller = await cluster.start("1.1.1");
    const reasons: unknown[] = [];
    const release = new Deferred<void>();
    await cluster.start("1.1.2", {}, (node) => {
      node.handle(echo, (note) => note);
      node.handle(hold, async (note: unknown, { signal }: Context) => {
        signal.addEventListener("abort", () => reasons.push(signal.reason));
        await release.promise;
        return note;
      });
    });
    await cluster.run(caller.invoke("1.1.2", echo, textNote("")));
    let settled = 0;
    const failing = Array.from({ length: 5 }, () => failureOf(caller.invoke("1.1.2", hold, textNote("")).finally(() => settled++)));
    await cluster.clock.advance(10);
    const lostAt = cluster.clock.now();
    cluster.network.reset(hostOf("1.1.1"), hostOf("1.1.2"));
    const errors = await cluster.run(Promise.all(failing));
    assert.ok(cluster.clock.now() - lostAt <= 1, "at once");
    for (const error of errors) {
      assert.equal(error.code, "UNAVAILABLE");
      assert.equal(error.execution, "unknown");
      assert.match(error.message, /link lost/);
    }
    await cluster.clock.settle();
    assert.equal(reasons.length, 5);
    assert.equal((await cluster.run(caller.invoke("1.1.2", echo, textNote("again")))).text, "again");
    release.resolve();
    await cluster.clock.advance(100);
    assert.equal(settled, 5, "a reply of before is not taken for one of now");
    const frames = cluster.nodes[1]!.status().links[0]!.framesOut;
    assert.equal(frames, 1, "replies to the old connection are not sent on the new one");
    await cluster.close();
  });

  test("a one-way message that waits for room when the link is lost, fails with an RpcError as unknown", async () => {
    const cluster = new Cluster({ node: { link: { highWaterBytes: 100_000 } } });
    const sender = await cluster.start("1.1.1");
    await cluster.start("1.1.2", {}, (node) => node.onMessage(7, () => {}));
    await cluster.run(sender.send("1.1.2", 7, new Uint8Array(1)));
    cluster.network.pauseReading(hostOf("1.1.2"), hostOf("1.1.1"));
    const sent = Array.from({ length: 5 }, () => sender.send("1.1.2", 7, new Uint8Array(60_000)));
    const waiting = sent.map((promise) =>
      promise.then(
        () => undefined,
        (error: unknown) => error,
      ),
    );
    await cluster.clock.advance(10);
    cluster.network.reset(hostOf("1.1.1"), hostOf("1.1.2"));
    const errors = (await cluster.run(Promise.all(waiting))).filter((error) => error !== undefined);
    assert.ok(errors.length > 0, "none of them waited");
    for (const error of errors) {
      assert.ok(RpcError.is(error), String(error));
      assert.deepEqual([error.code, error.execution], ["UNAVAILABLE", "unknown"]);
      assert.match(error.message, /command 7 on 1\.1\.2 from 1\.1\.1 \(unknown\): link lost: connection reset/);
    }
    await cluster.close();
  });

  test("a large request that was not wholly sent, fails at once with those behind it, as not run", async () => {
    const cluster = new Cluster({ conditions: { bytesPerSecond: 1_000_000 } });
    const caller = await cluster.start("1.1.1");
    const seen: number[] = [];
    await cluster.start("1.1.2", {}, (node) =>
      node.handle(echo, (note: { data: Uint8Array }) => {
        seen.push(note.data.length);
        return textNote("");
      }),
    );
    await cluster.run(caller.invoke("1.1.2", echo, textNote("")));
    const calls = [
      caller.invoke("1.1.2", echo, sizedNote(2 * 1024 ** 2)),
      caller.invoke("1.1.2", echo, sizedNote(10)),
      caller.invoke("1.1.2", echo, sizedNote(1024 ** 2)),
      caller.invoke("1.1.2", echo, sizedNote(20)),
    ];
    await cluster.clock.advance(500);
    cluster.network.reset(hostOf("1.1.1"), hostOf("1.1.2"));
    const before = cluster.clock.now();
    const errors = await cluster.run(Promise.all(calls.map(failureOf)));
    assert.ok(cluster.clock.now() - before < 100);
    assert.deepEqual(
      errors.map(({ code, execution }) => `${code} ${execution}`),
      new Array(4).fill("UNAVAILABLE notRun"),
    );
    assert.equal((await cluster.run(caller.invoke("1.1.2", echo, sizedNote(30)))).text, "");
    assert.deepEqual(seen.slice(1), [sizedNote(30).data.length]);
    await cluster.close();
  });

  test("calls with a picker that were not sent, are tried again over the next connection, never over the lost one", async () => {
    const cluster = new Cluster({ conditions: { bytesPerSecond: 1_000_000 } });
    const caller = await cluster.start("1.1.1");
    await cluster.start("1.2.1", {}, (node) => node.handle(echo, () => textNote("done")));
    const anyOfType2 = { type: 2, policy: "random" } as const;
    await cluster.run(caller.invoke(anyOfType2, echo, textNote("")));
    const calls = [2 * 1024 ** 2, 10, 20].map((bytes) => caller.invoke(anyOfType2, echo, sizedNote(bytes)));
    await cluster.clock.advance(500);
    cluster.network.reset(hostOf("1.1.1"), hostOf("1.2.1"));
    const replies = await cluster.run(Promise.all(calls));
    assert.deepEqual(
      replies.map(({ text }) => text),
      ["done", "done", "done"],
    );
    await cluster.close();
  });

  test("a peer that restarts after it closed in order, is picked again", async () => {
    const cluster = new Cluster();
    const caller = await cluster.start("1.1.1");
    const prepare = (node: { handle: typeof caller.handle }): void => node.handle(echo, (note: never) => note);
    for (const configured of [false, true]) {
      const address = configured ? "1.3.1" : "1.2.1";
      const type = configured ? 3 : 2;
      const discovery = configured ? { watch: (signal: AbortSignal) => cluster.discovery.watch(signal) } : cluster.discovery;
      const life = async (): Promise<void> => {
        const node = cluster.make(address, { discovery });
        prepare(node);
        if (configured) cluster.discovery.put({ address: node.address, endpoint: `${hostOf(address)}:8000` });
        await cluster.run(node.start());
        await cluster.clock.settle();
        assert.equal((await cluster.run(caller.invoke({ type, policy: "random" }, echo, textNote("hi")))).text, "hi", address);
        await cluster.run(node.close());
        await cluster.clock.advance(10);
      };
      await life();
      await life();
    }
    await cluster.close();
  });
});
