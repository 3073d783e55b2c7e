import assert from "node:assert/strict";
import { Node } from "../../src/admin/index.js";
import { Deferred } from "../../src/internal/deferred.js";
import { connectAnonymously } from "../../src/node/anonymous-caller.js";
import { Cluster, hostOf, PORT } from "../support/cluster.js";
import { echo, type Note, noteMethod, textNote } from "../support/note.js";

const hold = noteMethod("hold");

suite("admin service", () => {
  test("asked by a peer, says what the node's own status() says, and what waits", async () => {
    const cluster = new Cluster();
    const release = new Deferred<Note>();
    const node = await cluster.start("1.1.1", { metadata: { mode: "ranked" }, version: "1.4.2" }, (made) => {
      made.handle(hold, () => release.promise);
      made.limit("test.Notes/hold", { maxConcurrent: 1 });
    });
    const peer = await cluster.start("1.2.1", {}, (made) => made.handle(hold, () => release.promise));
    node.reportLoad(7);
    const held = peer.invoke("1.1.1", hold, textNote(""));
    await cluster.fails(peer.invoke("1.1.1", hold, textNote("")));
    const waiting = node.invoke("1.2.1", hold, textNote(""), { timeoutMs: 60_000 });
    await cluster.clock.advance(1_500);
    const status = await cluster.run(Node.Call(peer, "1.1.1").status({}));
    assert.equal(status.address, "1.1.1");
    assert.equal(status.phase, "running");
    assert.equal(status.available, true);
    assert.equal(status.load, 7);
    assert.equal(status.version, "1.4.2");
    assert.deepEqual([...status.metadata], [["mode", "ranked"]]);
    assert.equal(status.endpoint, "h1-1-1:8000");
    assert.equal(status.incarnation, node.status().incarnation);
    assert.ok(status.uptimeMs >= 1_500 && status.atMs >= status.uptimeMs);
    const [link] = status.links;
    assert.deepEqual([link?.peer, link?.phase], ["1.2.1", "ready"]);
    assert.ok(link!.traffic!.framesIn >= 3n);
    assert.equal(status.callsInFlight, 1);
    const [oldest] = status.oldestCalls;
    assert.deepEqual([oldest?.method, oldest?.peer], ["test.Notes/hold", "1.2.1"]);
    assert.ok(oldest!.ageMs >= 1_500 && oldest!.remainingMs <= 58_500);
    assert.deepEqual(status.limits, [{ method: "test.Notes/hold", running: 1, queued: 0, refused: 1n }]);
    assert.deepEqual([...status.limitHits], [["limit.maxConcurrent", 1n]]);
    assert.deepEqual(status.methods, []);
    release.resolve(textNote(""));
    await cluster.run(Promise.all([held, waiting]));
    await cluster.close();
  });

  test("asked for the times of methods, records them from then on, and ends a minute after it was asked last", async () => {
    const cluster = new Cluster();
    const node = await cluster.start("1.1.1", {}, (made) =>
      made.handle(echo, (note: Note) => {
        if (note.text === "fail") throw new Error("x");
        return note;
      }),
    );
    const peer = await cluster.start("1.2.1");
    const admin = Node.Call(peer, "1.1.1");
    await cluster.run(peer.invoke("1.1.1", echo, textNote("")));
    assert.deepEqual((await cluster.run(admin.status({ methods: true }))).methods, []);
    for (let i = 0; i < 9; i++) await cluster.run(peer.invoke("1.1.1", echo, textNote("")));
    await cluster.fails(peer.invoke("1.1.1", echo, textNote("fail")));
    const { methods } = await cluster.run(admin.status({ methods: true }));
    const times = methods.find(({ method }) => method === "test.Notes/echo");
    assert.deepEqual([times?.handled, times?.count, times?.failed], [true, 10n, 1n]);
    assert.ok(times!.p50Ms <= times!.p99Ms && times!.p99Ms <= times!.maxMs);
    await cluster.clock.advance(61_000);
    assert.deepEqual(node.methodTimes(), []);
    await cluster.close();
  });

  test("asked by a tool without an address, answers, and takes the node out of service and back in", async () => {
    const cluster = new Cluster();
    const node = await cluster.start("1.1.1");
    const other = await cluster.start("1.2.1");
    const tool = connectAnonymously({
      to: "1.1.1",
      endpoint: `${hostOf("1.1.1")}:${PORT}`,
      transport: cluster.network.transport("tool"),
      clock: cluster.clock,
      random: cluster.random,
      logger: false,
    });
    const admin = Node.Call(tool);
    assert.deepEqual((await cluster.run(admin.ping({ payload: Uint8Array.of(7) }))).payload, Uint8Array.of(7));
    await cluster.run(admin.setAvailable({ available: false }));
    await cluster.clock.advance(5);
    assert.equal(other.pick(1), undefined);
    assert.equal((await cluster.run(admin.status({}))).available, false);
    assert.equal(node.status().phase, "running");
    await cluster.run(admin.setAvailable({ available: true }));
    await cluster.clock.advance(5);
    assert.equal(other.pick(1), node.address);
    await cluster.run(tool.close());
    await cluster.close();
  });

  test("to take a configured node out of service, is refused with the reason", async () => {
    const cluster = new Cluster();
    cluster.discovery.put({ address: cluster.make("1.1.1").address, endpoint: "h1-1-1:8000" });
    await cluster.start("1.1.1", { discovery: { watch: cluster.discovery.watch.bind(cluster.discovery) } });
    const peer = await cluster.start("1.2.1");
    const error = await cluster.fails(Node.Call(peer, "1.1.1").setAvailable({ available: false }));
    assert.equal(error.code, "FAILED_PRECONDITION");
    assert.match(error.reason, /a configured entry is changed where it is configured/);
    await cluster.close();
  });

  test("switched off, has no handler", async () => {
    const cluster = new Cluster();
    await cluster.start("1.1.1", { admin: false });
    const peer = await cluster.start("1.2.1");
    assert.equal((await cluster.fails(Node.Call(peer, "1.1.1").ping({}))).code, "UNIMPLEMENTED");
    await cluster.close();
  });

  test("interceptors of the node, stand before it too", async () => {
    const cluster = new Cluster();
    const seen: string[] = [];
    await cluster.start("1.1.1", {}, (node) =>
      node.use({
        handler: (call, next) => {
          seen.push(call.method.name);
          return next(call);
        },
      }),
    );
    const peer = await cluster.start("1.2.1");
    await cluster.run(Node.Call(peer, "1.1.1").ping({}));
    assert.deepEqual(seen, ["clusterts.Node/ping"]);
    await cluster.close();
  });
});
