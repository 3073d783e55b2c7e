/** Calls to a type of which one node is listed and does not run, as a node that was killed under a discovery without leases. */
import assert from "node:assert/strict";
import { onEvent } from "../../src/events/channels.js";
import { byType, type Policy } from "../../src/rpc/picker.js";
import { Cluster, hostOf, PORT } from "../support/cluster.js";
import { echo, type Note, textNote } from "../support/note.js";

/** Two nodes of type 1 that run, one that is only listed, and a caller. */
async function clusterWithOneDead() {
  const cluster = new Cluster();
  cluster.network.transport(hostOf("1.1.3"));
  cluster.discovery.put({ address: cluster.make("1.1.3").address, endpoint: `${hostOf("1.1.3")}:${PORT}` });
  for (const address of ["1.1.1", "1.1.2"]) {
    await cluster.start(address, {}, (node) => node.handle(echo, (note: Note) => ({ ...note, text: `${note.text} by ${address}` })));
  }
  const caller = await cluster.start("1.2.1");
  await cluster.run(caller.waitFor(1, { count: 3 }));
  return { cluster, caller };
}

suite("picks that cannot be reached", () => {
  const policies: [string, Policy][] = [
    ["random", "random"],
    ["round-robin", "round-robin"],
    ["a function that wants the last", (members) => members.at(-1)],
  ];
  for (const [name, policy] of policies) {
    test(`${name}: the call goes elsewhere at the first failed dial, long before its deadline, and later ones do not try it`, async () => {
      const { cluster, caller } = await clusterWithOneDead();
      let slow = 0;
      for (let i = 0; i < 30; i++) {
        const before = cluster.clock.now();
        await cluster.run(caller.invoke(byType(1, policy), echo, textNote("hi"), { timeoutMs: 2_000 }));
        const took = cluster.clock.now() - before;
        assert.ok(took < 500, `${took} ms`);
        if (took > 20) slow++;
      }
      assert.ok(slow <= 3, `${slow} calls waited for a dial`);
      await cluster.close();
    });
  }

  test("after ten seconds, it is tried again; when it runs, it gets its share", async () => {
    const { cluster, caller } = await clusterWithOneDead();
    const call = () => cluster.run(caller.invoke(byType(1, "round-robin"), echo, textNote("hi")));
    for (let i = 0; i < 6; i++) await call();
    const late = cluster.nodes.find((node) => node.status().address === "1.1.3")!;
    late.handle(echo, (note: Note) => ({ ...note, text: "late" }));
    await cluster.run(late.start());
    await cluster.clock.advance(11_000);
    const texts: string[] = [];
    for (let i = 0; i < 6; i++) texts.push((await call()).text);
    assert.equal(texts.filter((text) => text === "late").length, 2);
    await cluster.close();
  });

  test("a machine that takes connections and says nothing, costs the first call a wait and no other; it is dialed ever more seldom, and gets its share when it answers", async () => {
    const { cluster, caller } = await clusterWithOneDead();
    const dials: number[] = [];
    const silent = await cluster.network.transport(hostOf("1.1.3")).listen({ host: hostOf("1.1.3"), port: PORT }, (connection) => {
      dials.push(cluster.clock.now());
      connection.setHandler({ onData: () => {}, onDrain: () => {}, onClose: () => {} });
    });
    const call = () => cluster.run(caller.invoke(byType(1, "round-robin"), echo, textNote("hi")));
    let slow = 0;
    const end = cluster.clock.now() + 300_000;
    while (cluster.clock.now() < end) {
      const before = cluster.clock.now();
      await call();
      if (cluster.clock.now() - before > 20) slow++;
      await cluster.clock.advance(1_000);
    }
    assert.ok(slow <= 1, `${slow} calls waited for it`);
    assert.ok(dials.length >= 5 && dials.length <= 8, `${dials.length} dials in five minutes`);
    await silent.close();
    const late = cluster.nodes.find((node) => node.status().address === "1.1.3")!;
    late.handle(echo, (note: Note) => ({ ...note, text: "late" }));
    await cluster.run(late.start());
    await cluster.clock.advance(61_000);
    const texts: string[] = [];
    for (let i = 0; i < 6; i++) texts.push((await call()).text);
    assert.equal(texts.filter((text) => text === "late").length, 2);
    await cluster.close();
  });

  test("where nobody picks nodes of its type, it is not dialed; the next pick has it probed and does not wait for that", async () => {
    const { cluster, caller } = await clusterWithOneDead();
    const dialed: number[] = [];
    const stop = onEvent("clusterts:link", (event) => {
      if (event.type === "dialFailed" && event.peer === "1.1.3") dialed.push(cluster.clock.now());
    });
    const dead = cluster.nodes.find((node) => node.status().address === "1.1.3")!;
    await cluster.fails(caller.invoke(dead.address, echo, textNote("hi"), { timeoutMs: 1_000 }));
    const before = dialed.length;
    await cluster.clock.advance(600_000);
    assert.equal(dialed.length, before);
    const askedAt = cluster.clock.now();
    await cluster.run(caller.invoke(byType(1, "round-robin"), echo, textNote("hi")));
    assert.ok(cluster.clock.now() - askedAt < 20);
    await cluster.clock.advance(100);
    assert.equal(dialed.length, before + 1);
    stop();
    await cluster.close();
  });

  test("a node of which discovery gives another endpoint, is tried at once and not later by its old one", async () => {
    const { cluster, caller } = await clusterWithOneDead();
    for (let i = 0; i < 6; i++) await cluster.run(caller.invoke(byType(1, "round-robin"), echo, textNote("hi")));
    const dead = cluster.nodes.find((node) => node.status().address === "1.1.3")!;
    const moved = `${hostOf("1.1.3")}:${PORT + 1}`;
    cluster.network.transport(hostOf("1.1.3"));
    cluster.discovery.put({ address: dead.address, endpoint: moved });
    await cluster.clock.settle();
    const dialed: string[] = [];
    const stop = onEvent("clusterts:link", (event) => {
      if (event.type === "dialFailed" && event.peer === "1.1.3") dialed.push(event.endpoint);
    });
    for (let i = 0; i < 3; i++) await cluster.run(caller.invoke(byType(1, "round-robin"), echo, textNote("hi")));
    assert.deepEqual(dialed, [moved]);
    await cluster.clock.advance(9_000);
    assert.equal(dialed.length, 1, "its ten seconds begin anew");
    stop();
    await cluster.close();
  });

  test("a hash keeps to its node: nobody else may answer for the key", async () => {
    const { cluster, caller } = await clusterWithOneDead();
    const owners = new Map<number, number | undefined>();
    for (let key = 0; key < 20; key++) owners.set(key, caller.pick(1, { hash: key }));
    const lost = [...owners].find(([, owner]) => owner === cluster.nodes[0]!.address)![0];
    const error = await cluster.fails(caller.invoke(byType(1, { hash: lost }), echo, textNote("hi"), { timeoutMs: 2_000 }));
    assert.equal(error.peer, "1.1.3");
    assert.equal(error.execution, "notRun");
    for (const [key, owner] of owners) assert.equal(caller.pick(1, { hash: key }), owner);
    await cluster.close();
  });

  test("nobody else there, the call waits for the one that is listed", async () => {
    const cluster = new Cluster();
    const late = cluster.make("1.1.1");
    late.handle(echo, (note: Note) => note);
    cluster.network.transport(hostOf("1.1.1"));
    cluster.discovery.put({ address: late.address, endpoint: `${hostOf("1.1.1")}:${PORT}` });
    const caller = await cluster.start("1.2.1");
    const reply = caller.invoke(byType(1), echo, textNote("early"));
    await cluster.clock.advance(2_000);
    await cluster.run(late.start());
    assert.equal((await cluster.run(reply)).text, "early");
    assert.equal(cluster.log.filter(({ level }) => level === "warn").length, 1, "told once");
    await cluster.close();
  });
});
