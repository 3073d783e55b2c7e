import assert from "node:assert/strict";
import { Deferred } from "../../src/internal/deferred.js";
import type { Context } from "../../src/rpc/service.js";
import { Cluster, failureOf, hostOf } from "../support/cluster.js";
import { echo, noteMessage, noteMethod, sizedNote, textNote } from "../support/note.js";

const hold = noteMethod("hold");
const outward = noteMethod("outward");
const NOTHING_CUT = { timedOut: false, callsCut: 0, requestsCut: 0, messagesLost: 0, streamsCut: 0 };

suite("close", () => {
  test("calls and handlers under way, are finished; peers pick somebody else at once", async () => {
    const cluster = new Cluster();
    const peer = await cluster.start("1.1.1", {}, (node) => node.handle(echo, (note) => note));
    const release = new Deferred<void>();
    const leaving = await cluster.start("1.2.1", {}, (node) =>
      node.handle(hold, async (note: { text: string }) => {
        await release.promise;
        return await node.invoke("1.1.1", echo, textNote(`${note.text}, late`));
      }),
    );
    await cluster.start("1.2.2", {}, (node) => node.handle(hold, () => textNote("the other")));
    const held = peer.invoke("1.2.1", hold, textNote("held"));
    await cluster.clock.advance(10);
    const closed = leaving.close();
    await cluster.clock.advance(10);
    for (let i = 0; i < 10; i++) assert.equal(peer.pick(2), peer.member("1.2.2")!.address);
    assert.equal((await cluster.run(peer.invoke({ type: 2, policy: "random" }, hold, textNote("")))).text, "the other");
    const direct = await cluster.fails(peer.invoke("1.2.1", hold, textNote("")));
    assert.equal(direct.code, "UNAVAILABLE");
    assert.equal(direct.execution, "notRun");
    assert.match(direct.reason, /shutting down/);
    release.resolve();
    assert.equal((await cluster.run(held)).text, "held, late");
    assert.deepEqual(await cluster.run(closed), NOTHING_CUT);
    await cluster.close();
  });

  test("a large reply of which fragments are still to go, is sent to the end", async () => {
    const cluster = new Cluster({ conditions: { bytesPerSecond: 10_000_000 } });
    const peer = await cluster.start("1.1.1");
    const release = new Deferred<void>();
    const leaving = await cluster.start("1.1.2", {}, (node) =>
      node.handle(hold, async () => {
        await release.promise;
        return sizedNote(3 * 1024 ** 2);
      }),
    );
    const reply = peer.invoke("1.1.2", hold, textNote(""));
    await cluster.clock.advance(50);
    const closed = leaving.close();
    await cluster.clock.advance(1);
    release.resolve();
    assert.ok((await cluster.run(reply)).data.length > 3_000_000);
    await cluster.run(closed);
    await cluster.close();
  });

  test("what is not finished in time, is cut, counted and told", async () => {
    const cluster = new Cluster();
    const peer = await cluster.start("1.1.1", {}, (node) => node.handle(hold, () => new Promise(() => {})));
    const reasons: unknown[] = [];
    const leaving = await cluster.start("1.1.2", {}, (node) =>
      node.handle(hold, (_note: unknown, { signal }: Context) => {
        signal.addEventListener("abort", () => reasons.push(signal.reason));
        return new Promise(() => {});
      }),
    );
    cluster.network.transport(hostOf("1.1.9"));
    cluster.discovery.put({ address: cluster.make("1.1.9").address, endpoint: `${hostOf("1.1.9")}:1` });
    await cluster.clock.settle();
    const ofPeer = [1, 2, 3].map(() => failureOf(peer.invoke("1.1.2", hold, textNote(""))));
    const own = [1, 2].map(() => failureOf(leaving.invoke("1.1.1", hold, textNote(""))));
    await cluster.clock.advance(10);
    const closed = leaving.close({ timeoutMs: 500 });
    await cluster.clock.advance(480);
    const queued = failureOf(leaving.send("1.1.9", noteMessage, textNote("")));
    const before = cluster.clock.now();
    const report = await cluster.run(closed);
    assert.ok(cluster.clock.now() - before < 100);
    assert.deepEqual(report, { timedOut: true, callsCut: 2, requestsCut: 3, messagesLost: 1, streamsCut: 0 });
    assert.equal(reasons.length, 3);
    for (const error of await Promise.all(own)) assert.deepEqual([error.code, error.execution], ["CANCELLED", "unknown"]);
    for (const error of await cluster.run(Promise.all(ofPeer))) assert.deepEqual([error.code, error.execution], ["UNAVAILABLE", "unknown"]);
    const lost = await queued;
    assert.deepEqual([lost.code, lost.execution], ["CANCELLED", "notRun"]);
    assert.match(lost.message, /was closed/);
    await cluster.close();
  });

  test("after close, calls and sends fail as CANCELLED, to anybody and to itself; close again gives the same report", async () => {
    const cluster = new Cluster();
    await cluster.start("1.1.1");
    const node = await cluster.start("1.1.2");
    const first = node.close();
    assert.equal(node.close(), first);
    await cluster.run(first);
    for (const to of ["1.1.1", "1.1.2"] as const) {
      for (const promise of [
        node.invoke(to, echo, textNote("")),
        node.send(to, noteMessage, textNote("")),
        node.post(to, echo, textNote("")),
      ]) {
        const error = await failureOf(promise);
        assert.deepEqual([error.code, error.execution], ["CANCELLED", "notRun"]);
        assert.match(error.message, /1\.1\.2 was closed/);
      }
    }
    await cluster.close();
  });

  test("both nodes close at once while each works for the other, everything is answered", async () => {
    for (const latencyMs of [0, 1, 5, 30]) {
      const cluster = new Cluster({ conditions: { latencyMs } });
      const release = new Deferred<void>();
      const prepare = (node: { handle: typeof one.handle }): void =>
        node.handle(hold, async (note: never) => {
          await release.promise;
          return note;
        });
      const one = await cluster.start("1.1.1", {}, (node) => prepare(node));
      const other = await cluster.start("1.1.2", {}, (node) => prepare(node));
      const replies = [one.invoke("1.1.2", hold, textNote("a")), other.invoke("1.1.1", hold, textNote("b"))];
      await cluster.clock.advance(300);
      const closed = Promise.all([one.close(), other.close()]);
      await cluster.clock.advance(100);
      release.resolve();
      assert.deepEqual(await cluster.run(closed), [NOTHING_CUT, NOTHING_CUT]);
      assert.deepEqual(
        (await Promise.all(replies)).map((note) => note.text),
        ["a", "b"],
      );
      await cluster.close();
    }
  });

  test("a handler that calls on while its node closes, works until the time is up", async () => {
    const cluster = new Cluster();
    await cluster.start("1.1.1", {}, (node) => node.handle(echo, (note) => note));
    const peer = await cluster.start("1.1.3");
    let calls = 0;
    let last: unknown;
    const leaving = await cluster.start("1.1.2", {}, (node) =>
      node.handle(outward, async () => {
        try {
          for (;;) {
            await node.invoke("1.1.1", echo, textNote(""));
            calls++;
          }
        } catch (error) {
          last = error;
          throw error;
        }
      }),
    );
    const outer = failureOf(peer.invoke("1.1.2", outward, textNote(""), { timeoutMs: 60_000 }));
    await cluster.clock.advance(10);
    const before = calls;
    const report = await cluster.run(leaving.close({ timeoutMs: 400 }));
    assert.ok(calls - before > 100, `${calls - before} calls`);
    assert.equal(report.timedOut, true);
    assert.equal(report.requestsCut, 1);
    await cluster.run(outer);
    assert.equal((last as { code: string }).code, "CANCELLED");
    await cluster.close();
  });

  test("destroy at any moment, ends everything at once", async () => {
    for (const when of ["new", "running", "calling", "closing", "flushing"] as const) {
      const cluster = new Cluster();
      const peer = await cluster.start("1.1.1", {}, (node) => node.handle(hold, () => new Promise(() => {})));
      const node = cluster.make("1.1.2");
      let call: Promise<unknown> | undefined;
      let closed: Promise<unknown> | undefined;
      if (when !== "new") await cluster.run(node.start());
      if (when === "calling" || when === "closing" || when === "flushing") {
        call = failureOf(node.invoke("1.1.1", hold, textNote("")));
        await cluster.clock.advance(20);
      }
      if (when === "closing" || when === "flushing") closed = node.close({ timeoutMs: 100 });
      if (when === "closing") await cluster.clock.advance(50);
      if (when === "flushing") {
        cluster.network.pauseReading(hostOf("1.1.1"), hostOf("1.1.2"));
        await cluster.clock.advance(105);
      }
      const at = cluster.clock.now();
      node.destroy("enough");
      await cluster.run(node.close());
      if (closed !== undefined) await cluster.run(closed);
      assert.ok(cluster.clock.now() - at < 20, `${when}: ${cluster.clock.now() - at} ms`);
      assert.equal(node.status().phase, "closed");
      await call;
      await cluster.clock.advance(20);
      assert.equal(peer.status().links.filter((link) => link.phase !== "idle").length, 0, when);
      await cluster.close();
    }
  });

  test("a connection that a peer opens while nobody answers its probe, is let go of with the node", async () => {
    const cluster = new Cluster();
    const node = await cluster.start("1.1.1", {}, (made) => made.handle(echo, (note) => note));
    const peer = await cluster.start("1.1.2", {}, (made) => made.handle(echo, (note) => note));
    await cluster.run(node.invoke("1.1.2", echo, textNote("")));
    // The peer loses its end, this node does not learn of it, and the peer dials again.
    cluster.network.halfOpen(hostOf("1.1.2"), hostOf("1.1.1"));
    const call = failureOf(peer.invoke("1.1.1", echo, textNote("")));
    await cluster.clock.advance(50);
    await cluster.run(node.close({ timeoutMs: 10 }));
    await cluster.run(call);
    await cluster.close();
  });
});

suite("what a node has sent to itself", () => {
  test("is handled before it closes", async () => {
    const cluster = new Cluster();
    const seen: string[] = [];
    const node = await cluster.start("1.1.1", {}, (made) => made.onMessage(noteMessage, (note) => void seen.push(note.text)));
    const sent = node.send("1.1.1", noteMessage, { text: "last words" });
    const report = await cluster.run(node.close());
    await sent;
    assert.deepEqual(seen, ["last words"]);
    assert.equal(report.messagesLost, 0);
  });
});
