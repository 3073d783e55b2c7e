/** What a node bounds when others misbehave, or merely give up early. */
import assert from "node:assert/strict";
import { makeAddress } from "../../src/addr/logical-address.js";
import { Deferred } from "../../src/internal/deferred.js";
import { Cluster, failureOf, hostOf, PORT } from "../support/cluster.js";
import { echo, type Note, noteMethod, textNote } from "../support/note.js";

const hold = noteMethod("hold");

suite("overload", () => {
  test("callers that cancel fast, start no more handlers than the limit", async () => {
    const cluster = new Cluster();
    const caller = await cluster.start("1.2.1");
    const release = new Deferred<Note>();
    let running = 0;
    let most = 0;
    const node = await cluster.start("1.1.1", { rpc: { maxRequests: 10 } }, (made) =>
      made.handle(hold, async () => {
        most = Math.max(most, ++running);
        const note = await release.promise;
        running--;
        return note;
      }),
    );
    for (let i = 0; i < 40; i++) {
      const cancel = new AbortController();
      const calls = Array.from({ length: 5 }, () => failureOf(caller.invoke("1.1.1", hold, textNote(""), { signal: cancel.signal })));
      await cluster.clock.advance(5);
      cancel.abort();
      await cluster.run(Promise.all(calls));
    }
    assert.equal(most, 10);
    assert.equal(node.status().handlersRunning, 10);
    release.resolve(textNote(""));
    await cluster.clock.settle();
    assert.equal(node.status().handlersRunning, 0);
    await cluster.close();
  });

  test("requests that arrive together with a slow synchronous one, are not begun after their deadlines", async () => {
    const cluster = new Cluster();
    const caller = await cluster.start("1.2.1");
    let begun = 0;
    await cluster.start("1.1.1", {}, (node) =>
      node.handle(echo, (note: Note) => {
        begun++;
        if (begun > 1) void cluster.clock.stall(60);
        return note;
      }),
    );
    await cluster.run(caller.invoke("1.1.1", echo, textNote("")));
    const calls = Array.from({ length: 20 }, () =>
      caller.invoke("1.1.1", echo, textNote(""), { timeoutMs: 100 }).catch((error) => error.execution),
    );
    const outcomes = await cluster.run(Promise.all(calls));
    assert.ok(begun <= 4, `${begun} begun`);
    assert.ok(outcomes.filter((outcome) => outcome === "notRun" || outcome === "unknown").length >= 16);
    await cluster.close();
  });

  test("calls to thousands of addresses that nobody knows, leave nothing behind", async () => {
    const cluster = new Cluster();
    const caller = await cluster.start("1.2.1");
    for (let id = 0; id < 4_000; id++) await failureOf(caller.invoke(makeAddress(1, 9, id), echo, textNote("")));
    assert.equal(caller.status().links.length, 0);
    await cluster.close();
  });

  test("a node that leaves discovery, is forgotten when its link has ended", async () => {
    const cluster = new Cluster();
    const caller = await cluster.start("1.2.1");
    const leaving = await cluster.start("1.1.1", {}, (node) => node.handle(echo, (note: Note) => note));
    await cluster.run(caller.invoke("1.1.1", echo, textNote("")));
    await cluster.run(leaving.close());
    await cluster.clock.advance(3_000);
    assert.equal(caller.status().links.length, 0);
    await cluster.close();
  });

  test("strangers that open connections and say nothing, do not shut out peers", async () => {
    const cluster = new Cluster({ node: { link: { maxOpenings: 8 } } });
    const node = await cluster.start("1.1.1", {}, (made) => made.handle(echo, (note: Note) => note));
    const stranger = cluster.network.transport("stranger");
    for (let i = 0; i < 50; i++) {
      const connection = await cluster.run(stranger.dial({ host: hostOf("1.1.1"), port: PORT }, new AbortController().signal));
      connection.setHandler({ onData() {}, onDrain() {}, onClose() {} });
    }
    const caller = await cluster.start("1.2.1");
    const before = cluster.clock.now();
    await cluster.run(caller.invoke("1.1.1", echo, textNote("")));
    assert.ok(cluster.clock.now() - before < 500);
    assert.equal(node.status().limitHits["link.maxOpenings"], 43);
    await cluster.clock.advance(10_000);
    assert.ok(cluster.log.filter(({ level }) => level === "warn").length < 10, "told seldom");
    await cluster.close();
  });

  test("a peer that connects while a node is closing, is told, and goes elsewhere without a call lost", async () => {
    const cluster = new Cluster();
    const release = new Deferred<Note>();
    const closing = await cluster.start("1.1.1", {}, (node) => {
      node.handle(hold, () => release.promise);
      node.handle(echo, (note: Note) => note);
    });
    const first = await cluster.start("1.2.1");
    const held = first.invoke("1.1.1", hold, textNote(""));
    await cluster.clock.advance(50);
    const late = await cluster.start("1.2.2");
    const closed = closing.close({ timeoutMs: 5_000 });
    await cluster.clock.advance(10);
    await cluster.run(late.invoke("1.1.1", echo, textNote("")).catch(() => undefined));
    await cluster.clock.advance(50);
    const error = await cluster.fails(late.invoke("1.1.1", echo, textNote("")));
    assert.equal(error.execution, "notRun");
    release.resolve(textNote(""));
    await cluster.run(Promise.all([held, closed]));
    await cluster.close();
  });

  test("a signal that is none, is refused before anything is sent", async () => {
    const cluster = new Cluster();
    const caller = await cluster.start("1.2.1");
    let seen = 0;
    await cluster.start("1.1.1", {}, (node) =>
      node.handle(echo, (note: Note) => {
        seen++;
        return note;
      }),
    );
    const error = await cluster.fails(caller.invoke("1.1.1", echo, textNote(""), { signal: { aborted: false } as AbortSignal }));
    assert.deepEqual([error.code, seen], ["INVALID_ARGUMENT", 0]);
    await cluster.close();
  });
});
