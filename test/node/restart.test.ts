import assert from "node:assert/strict";
import { StartError } from "../../src/errors.js";
import { Cluster, failureOf, hostOf } from "../support/cluster.js";
import { echo, noteMethod, textNote } from "../support/note.js";

const who = noteMethod("who");

suite("restart with the same address", () => {
  test("while the peer's connection is half-open, the new incarnation serves at once and old calls fail at once", async () => {
    const cluster = new Cluster();
    const peer = await cluster.start("1.1.1", {}, (node) => node.handle(echo, (note) => note));
    const old = await cluster.start("1.1.2", {}, (node) => node.handle(who, () => new Promise(() => {})));
    await cluster.run(old.invoke("1.1.1", echo, textNote("")));
    const stuck = failureOf(peer.invoke("1.1.2", who, textNote("")));
    await cluster.clock.advance(5);
    cluster.network.crash(hostOf("1.1.2"), { peersSee: "silent" });
    old.destroy();
    await cluster.clock.settle();
    cluster.network.restart(hostOf("1.1.2"));
    const next = await cluster.start("1.1.2", {}, (node) => node.handle(who, () => textNote("new")));
    const startedAt = cluster.clock.now();
    assert.equal((await cluster.run(next.invoke("1.1.1", echo, textNote("back")))).text, "back");
    assert.equal((await cluster.run(peer.invoke("1.1.2", who, textNote("")))).text, "new");
    assert.ok(cluster.clock.now() - startedAt < 20, `${cluster.clock.now() - startedAt} ms`);
    const error = await cluster.run(stuck);
    assert.equal(error.execution, "unknown");
    assert.ok(cluster.clock.now() - startedAt < 20, `the old call failed after ${cluster.clock.now() - startedAt} ms`);
    await cluster.close();
  });

  test("a second live node, fails to start with ADDRESS_IN_USE and disturbs nothing", async () => {
    const cluster = new Cluster();
    const peer = await cluster.start("1.1.1");
    const first = await cluster.start("1.1.2", {}, (node) => node.handle(who, () => textNote("first")));
    assert.equal((await cluster.run(peer.invoke("1.1.2", who, textNote("")))).text, "first");
    const transport = cluster.network.transport("elsewhere");
    const second = cluster.make("1.1.2", { transport, listen: "elsewhere:9000" });
    await assert.rejects(cluster.run(second.start()), (error: StartError) => {
      assert.ok(error instanceof StartError);
      assert.equal(error.code, "ADDRESS_IN_USE");
      return true;
    });
    assert.equal((await cluster.run(peer.invoke("1.1.2", who, textNote("")))).text, "first");
    assert.equal(first.status().phase, "running");
    assert.equal(cluster.network.connectionCount, 1);
    await cluster.close();
  });

  test("a holder that is silent, is replaced by the challenger, and calls to it fail at once then", async () => {
    const cluster = new Cluster({ node: { link: { probeMs: 60_000 } } });
    const peer = await cluster.start("1.1.1", {}, (node) => node.handle(echo, (note) => note));
    const old = await cluster.start("1.1.2", {}, (node) => node.handle(who, () => new Promise(() => {})));
    await cluster.run(old.invoke("1.1.1", echo, textNote("")));
    const stuck = failureOf(peer.invoke("1.1.2", who, textNote(""), { timeoutMs: 60_000 }));
    await cluster.clock.advance(5);
    cluster.network.crash(hostOf("1.1.2"), { peersSee: "silent" });
    const transport = cluster.network.transport("elsewhere");
    const next = await cluster.start("1.1.2", { transport, listen: "elsewhere:9000" }, (node) => node.handle(who, () => textNote("next")));
    assert.equal((await cluster.run(next.invoke("1.1.1", echo, textNote("hello")))).text, "hello");
    const upAt = cluster.clock.now();
    assert.equal((await cluster.run(stuck)).execution, "unknown");
    assert.equal(cluster.clock.now(), upAt);
    assert.equal((await cluster.run(peer.invoke("1.1.2", who, textNote("")))).text, "next");
    old.destroy();
    await cluster.close();
  });

  test("a live older incarnation that dials after a newer one, is told and stops", async () => {
    const cluster = new Cluster();
    const peer = await cluster.start("1.1.1", {}, (node) => node.handle(echo, (note) => note));
    const older = await cluster.start("1.1.2");
    // The store lost the older entry, and its endpoint with it: the newer one sees nobody at its address.
    cluster.discovery.remove(older.address);
    const newer = cluster.make("1.1.2", { transport: cluster.network.transport("elsewhere"), listen: "elsewhere:9000" });
    await cluster.run(newer.start());
    await cluster.run(newer.invoke("1.1.1", echo, textNote("")));
    const error = await cluster.fails(older.invoke("1.1.1", echo, textNote("")));
    assert.match(error.message, /replaced/);
    await cluster.clock.settle();
    assert.equal(older.status().phase, "closed");
    assert.equal(newer.status().phase, "running");
    assert.ok(peer.status().links.every((link) => link.phase === "ready"));
    assert.ok(older.status().links.every((link) => link.phase === "closed"));
    await cluster.close();
  });
});
