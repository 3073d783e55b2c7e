import assert from "node:assert/strict";
import { parseAnyAddress } from "../../src/addr/logical-address.js";
import type { ClusterNode } from "../../src/node/node.js";
import type { NodeOptions } from "../../src/node/options.js";
import { Cluster, type ClusterOptions, failureOf } from "../support/cluster.js";
import { echo, noteMethod, sizedNote, textNote } from "../support/note.js";

const hold = noteMethod("hold");

interface Scene {
  readonly cluster: Cluster;
  readonly caller: ClusterNode;
  readonly target: ClusterNode;
  readonly near: ClusterNode;
  readonly far: ClusterNode;
}

/** Two groups with one harbor each: 1.1.1 calls 2.1.1. */
async function scene(options: ClusterOptions = {}, harbor: Partial<NodeOptions> = {}): Promise<Scene> {
  const cluster = new Cluster(options);
  const harbors = { harbors: cluster.discovery, ...harbor };
  const near = await cluster.start("1.255.1", harbors);
  const far = await cluster.start("2.255.1", harbors);
  const target = await cluster.start("2.1.1", {}, (node) => {
    node.handle(echo, (note) => note);
    node.handle(
      hold,
      (_, context) => new Promise((_resolve, reject) => context.signal.addEventListener("abort", () => reject(context.signal.reason))),
    );
  });
  const caller = await cluster.start("1.1.1", {}, (node) => node.handle(echo, (note) => note));
  return { cluster, caller, target, near, far };
}

suite("calls to another group", () => {
  test("a small one and a large one, come back whole, over two harbors", async () => {
    const { cluster, caller, near, far } = await scene();
    assert.equal((await cluster.run(caller.invoke("2.1.1", echo, textNote("hi")))).text, "hi");
    const large = sizedNote(4 * 1024 ** 2);
    const reply = await cluster.run(caller.invoke("2.1.1", echo, large));
    assert.equal(Buffer.compare(reply.data, large.data), 0);
    assert.ok(near.status().harbor!.frames > 100);
    assert.equal(near.status().harbor!.frames, far.status().harbor!.frames);
    assert.equal(caller.status().harbor, undefined);
    await cluster.close();
  });

  test("both ways at once, each over the other's harbor", async () => {
    const { cluster, caller, target } = await scene();
    const [one, other] = await cluster.run(
      Promise.all([caller.invoke("2.1.1", echo, textNote("there")), target.invoke("1.1.1", echo, textNote("back"))]),
    );
    assert.deepEqual([one.text, other.text], ["there", "back"]);
    await cluster.close();
  });

  test("a target that never was, is answered by its own group's harbor, with the way", async () => {
    const { cluster, caller } = await scene();
    const error = await cluster.fails(caller.invoke("2.1.9", echo, textNote("")), 200);
    assert.deepEqual([error.code, error.execution, error.path], ["UNAVAILABLE", "notRun", ["1.255.1", "2.255.1"]]);
    const nobody = await cluster.fails(caller.invoke("3.1.1", echo, textNote("")), 200);
    assert.deepEqual([nobody.code, nobody.execution, nobody.path], ["UNAVAILABLE", "notRun", ["1.255.1"]]);
    await cluster.close();
  });

  test("a cancelled call, is gone from all nodes", async () => {
    const { cluster, caller, target } = await scene();
    const abort = new AbortController();
    const call = failureOf(caller.invoke("2.1.1", hold, textNote(""), { signal: abort.signal }));
    await cluster.clock.advance(100);
    assert.equal(target.status().requestsInProgress, 1);
    abort.abort(new Error("enough"));
    assert.equal((await call).code, "CANCELLED");
    await cluster.clock.advance(20);
    assert.equal(target.status().requestsInProgress, 0);
    await cluster.close();
  });

  test("the connection behind the second harbor is lost, its calls end at once and later ones go on", async () => {
    const { cluster, caller, far } = await scene();
    const calls = Array.from({ length: 5 }, () => failureOf(caller.invoke("2.1.1", hold, textNote(""), { timeoutMs: 60_000 })));
    await cluster.clock.advance(20);
    cluster.network.reset("h2-255-1", "h2-1-1");
    const errors = await cluster.run(Promise.all(calls), 100);
    for (const error of errors)
      assert.deepEqual([error.code, error.execution, error.path], ["UNAVAILABLE", "unknown", ["1.255.1", "2.255.1"]]);
    assert.equal(far.status().harbor!.gone, 1);
    assert.equal((await cluster.run(caller.invoke("2.1.1", echo, textNote("again")))).text, "again");
    await cluster.close();
  });

  test("no harbor of this group, says so", async () => {
    const cluster = new Cluster();
    const caller = await cluster.start("1.1.1");
    assert.match((await cluster.fails(caller.invoke("2.1.1", echo, textNote("")))).message, /reached through a harbor, and none is known/);
    assert.equal(caller.member(parseAnyAddress("1.255.1")), undefined);
    await cluster.close();
  });
});
