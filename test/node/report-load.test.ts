import assert from "node:assert/strict";
import { InvalidOptionsError } from "../../src/errors.js";
import { Cluster } from "../support/cluster.js";
import { Heard } from "../support/heard.js";

suite("reported load", () => {
  test("reported before the start and often later, is seen by others, twice a second at most, and by status()", async () => {
    const cluster = new Cluster();
    const node = cluster.make("1.1.1", { metadata: { mode: "casual" } });
    node.reportLoad(3);
    await cluster.run(node.start());
    const looker = await cluster.start("1.2.1");
    await cluster.clock.advance(600);
    assert.equal(looker.member("1.1.1")?.load, 3);
    assert.deepEqual(looker.member("1.1.1")?.metadata, { mode: "casual" });
    using members = new Heard("clusterts:member");
    for (let load = 10; load < 30; load++) {
      node.reportLoad(load, { mode: load % 2 === 0 ? "casual" : "ranked" });
      await cluster.clock.advance(100);
    }
    await cluster.clock.advance(600);
    const seen = members.of("updated", "1.2.1");
    assert.ok(seen.length >= 3 && seen.length <= 6, `${seen.length} updates in 2.6 s`);
    assert.equal(looker.member("1.1.1")?.load, 29);
    assert.deepEqual(looker.member("1.1.1")?.metadata, { mode: "ranked" });
    assert.equal(node.status().load, 29);
    await cluster.close();
  });

  test("beside a change that is urgent, goes with it at once", async () => {
    const cluster = new Cluster();
    const node = await cluster.start("1.1.1");
    const looker = await cluster.start("1.2.1");
    node.reportLoad(1);
    await cluster.clock.advance(1);
    node.reportLoad(2, { mode: "x" });
    void node.update({ available: false });
    await cluster.clock.advance(5);
    assert.deepEqual([looker.member("1.1.1")?.load, looker.member("1.1.1")?.available], [2, false]);
    assert.equal(node.status().available, false);
    await cluster.close();
  });

  test("of a configured node, is told in its log once", async () => {
    const cluster = new Cluster();
    const { watch } = cluster.discovery;
    cluster.discovery.put({ address: cluster.make("1.1.1").address, endpoint: "h1-1-1:8000" });
    const configured = { watch: watch.bind(cluster.discovery) };
    const node = await cluster.start("1.1.1", { discovery: configured });
    for (let load = 0; load < 5; load++) node.reportLoad(load);
    assert.equal(cluster.log.filter(({ text }) => text.includes("reports its load, and is configured")).length, 1);
    await cluster.close();
  });

  test("that is no number, is refused at once", async () => {
    const cluster = new Cluster();
    const node = cluster.make("1.1.1");
    assert.throws(() => node.reportLoad(Number.NaN), InvalidOptionsError);
    assert.throws(() => node.reportLoad(1, { mode: 1 as unknown as string }), InvalidOptionsError);
    await cluster.close();
  });
});
