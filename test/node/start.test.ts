import assert from "node:assert/strict";
import { memory } from "../../src/discovery/memory.js";
import { type StartError, StartError as StartErrorClass, type StartErrorCode } from "../../src/errors.js";
import type { ClusterNode } from "../../src/node/node.js";
import { Cluster, failureOf, hostOf, PORT } from "../support/cluster.js";
import { echo, textNote } from "../support/note.js";
import { ScriptedDiscovery } from "../support/scripted-discovery.js";

async function startFails(cluster: Cluster, node: ClusterNode, started: Promise<unknown>, code: StartErrorCode): Promise<StartError> {
  const error = await cluster.run(
    started.then(
      () => assert.fail("it started"),
      (thrown: unknown) => thrown,
    ),
  );
  assert.ok(error instanceof StartErrorClass, String(error));
  assert.equal(error.code, code, error.message);
  await cluster.clock.settle();
  assert.equal(node.status().phase, "closed");
  return error;
}

suite("start", () => {
  test("a configured node, listens where discovery says that it is", async () => {
    const cluster = new Cluster();
    const discovery = { watch: (signal: AbortSignal) => cluster.discovery.watch(signal) };
    const node = cluster.make("1.1.1", { discovery, listen: undefined });
    cluster.discovery.put({ address: node.address, endpoint: `${hostOf("1.1.1")}:7777` });
    await cluster.run(node.start());
    assert.equal(node.status().endpoint, `${hostOf("1.1.1")}:7777`);
    await cluster.close();
  });

  test("a configured node that discovery does not have, fails after timeoutMs with nothing left", async () => {
    const cluster = new Cluster();
    const discovery = { watch: (signal: AbortSignal) => cluster.discovery.watch(signal) };
    const node = cluster.make("1.1.1", { discovery });
    await startFails(cluster, node, node.start({ timeoutMs: 3_000 }), "NOT_IN_DISCOVERY");
    assert.equal(cluster.clock.now(), 3_000);
    cluster.assertNothingLeft();
  });

  test("a discovery that never reports, fails after timeoutMs with nothing left", async () => {
    const cluster = new Cluster();
    const node = cluster.make("1.1.1", { discovery: new ScriptedDiscovery() });
    await startFails(cluster, node, node.start({ timeoutMs: 3_000 }), "TIMEOUT");
    assert.ok(cluster.clock.now() <= 7_000, "closing the silent discovery is bounded too");
    cluster.assertNothingLeft();
  });

  test("a port that is taken, fails with nothing left and no entry in discovery", async () => {
    const cluster = new Cluster();
    const first = await cluster.start("1.1.1");
    const second = cluster.make("1.1.2", { transport: cluster.network.transport(hostOf("1.1.1")), listen: `${hostOf("1.1.1")}:${PORT}` });
    const error = await startFails(cluster, second, second.start(), "LISTEN_FAILED");
    assert.match(error.message, /listens there/);
    assert.equal(first.member(second.address), undefined);
    await cluster.close();
  });

  test("a signal that is aborted already, or aborts at any moment, fails as ABORTED with nothing left", async () => {
    for (let delay = -1; delay < 8; delay++) {
      const cluster = new Cluster();
      const node = cluster.make("1.1.1");
      // Somebody is at its endpoint who takes connections and says nothing.
      const silent = await cluster.network.transport("silent").listen({ host: "silent", port: 1 }, (connection) => {
        connection.setHandler({ onData: () => {}, onDrain: () => {}, onClose: () => {} });
      });
      cluster.discovery.put({ address: node.address, endpoint: "silent:1", incarnation: 1n });
      const abort = new AbortController();
      if (delay < 0) abort.abort(new Error("enough"));
      const started = node.start({ signal: abort.signal });
      started.catch(() => {}); // looked at below
      if (delay >= 0) {
        await cluster.clock.advance(delay);
        abort.abort(new Error("enough"));
      }
      const abortedAt = cluster.clock.now();
      assert.match((await startFails(cluster, node, started, "ABORTED")).message, /enough/);
      assert.ok(cluster.clock.now() - abortedAt < 10, `took ${cluster.clock.now() - abortedAt} ms`);
      await silent.close();
      await cluster.clock.advance(5);
      cluster.assertNothingLeft();
    }
  });

  test("close() while it starts, ends the start; both have ended everything when they return", async () => {
    for (const discovery of [undefined, new ScriptedDiscovery()]) {
      const cluster = new Cluster();
      const node = cluster.make("1.1.1", discovery === undefined ? {} : { discovery });
      const started = node.start().then(
        () => "started",
        (error: StartError) => error.code,
      );
      const closed = node.close();
      await cluster.run(closed);
      assert.equal(await cluster.run(started), "CLOSED");
      assert.equal(node.status().phase, "closed");
      await assert.rejects(cluster.network.transport("probe").dial({ host: hostOf("1.1.1"), port: PORT }, advancing(cluster)));
      cluster.assertNothingLeft();
    }
  });

  test("a node that is destroyed while it registers, does not come to life afterwards", async () => {
    const cluster = new Cluster();
    const discovery = new ScriptedDiscovery();
    const node = cluster.make("1.1.1", { discovery });
    const started = node.start();
    started.catch(() => {}); // looked at below
    await cluster.clock.settle();
    discovery.current.emit({ type: "snapshot", members: [] });
    await cluster.clock.advance(5);
    assert.equal(discovery.registrations.length, 1);
    node.destroy();
    discovery.registration.accept();
    discovery.registration.disposal.resolve();
    discovery.current.finish();
    await startFails(cluster, node, started, "CLOSED");
    await cluster.run(node.close());
    await cluster.clock.advance(5_000);
    cluster.assertNothingLeft();
  });

  test("a second start, fails and harms nothing", async () => {
    const cluster = new Cluster();
    const node = await cluster.start("1.1.1");
    await assert.rejects(node.start(), { name: "StartError", code: "CLOSED" });
    assert.equal(node.status().phase, "running");
    await cluster.close();
  });

  test("a request that comes while the node still registers, is answered once it runs, by a handler that can call", async () => {
    const cluster = new Cluster();
    const caller = await cluster.start("1.1.1", {}, (node) => node.handle(echo, (note) => note));
    const scripted = new ScriptedDiscovery();
    const late = cluster.make("1.1.2", { discovery: scripted });
    late.handle(echo, (note: { text: string }) => late.invoke("1.1.1", echo, textNote(`${note.text}!`)));
    const started = late.start();
    await cluster.clock.settle();
    scripted.current.emit({ type: "snapshot", members: [{ address: caller.address, endpoint: `${hostOf("1.1.1")}:${PORT}` }] });
    await cluster.clock.advance(5);
    cluster.discovery.put({ address: late.address, endpoint: `${hostOf("1.1.2")}:${PORT}`, incarnation: 5n });
    await cluster.clock.settle();
    const reply = caller.invoke("1.1.2", echo, textNote("hi"));
    await cluster.clock.advance(50);
    scripted.registration.accept(5n);
    await cluster.run(started);
    assert.equal((await cluster.run(reply)).text, "hi!");
    assert.equal(late.status().incarnation, 5n);
    scripted.registration.disposal.resolve();
    scripted.current.finish();
    await cluster.close();
  });

  test("a call before start, fails and says so", async () => {
    const cluster = new Cluster();
    const node = cluster.make("1.1.1");
    const error = await failureOf(node.invoke("1.1.2", echo, textNote("")));
    assert.equal(error.execution, "notRun");
    assert.match(error.reason, /has not been started/);
  });

  test("options that cannot work, are refused before anything starts", () => {
    assert.throws(() => new Cluster().make("1.1.1", { discovery: memory(), secrets: ["short"] }), { name: "InvalidOptionsError" });
  });
});

/** A signal; the clock is moved meanwhile, so that a dial settles. */
function advancing(cluster: Cluster): AbortSignal {
  void cluster.clock.advance(10);
  return new AbortController().signal;
}
