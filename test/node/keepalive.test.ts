import assert from "node:assert/strict";
import { Cluster, failureOf, hostOf } from "../support/cluster.js";
import { echo, noteMessage, noteMethod, textNote } from "../support/note.js";

const hold = noteMethod("hold");
const SWEEP_MS = 1_000;

async function linked(): Promise<{ cluster: Cluster; one: Cluster["nodes"][0]; other: Cluster["nodes"][0] }> {
  const cluster = new Cluster();
  const one = await cluster.start("1.1.1");
  const other = await cluster.start("1.1.2", {}, (node) => {
    node.handle(echo, (note) => note);
    node.handle(hold, () => new Promise(() => {}));
    node.onMessage(noteMessage, () => {});
  });
  one.onMessage(noteMessage, () => {});
  await cluster.run(one.invoke("1.1.2", echo, textNote("")));
  return { cluster, one, other };
}

/** Milliseconds until the link of `node` is no longer ready. */
async function untilLost(cluster: Cluster, node: Cluster["nodes"][0], maxMs: number): Promise<number> {
  const startedAt = cluster.clock.now();
  while (node.status().links[0]!.phase === "ready" && cluster.clock.now() - startedAt < maxMs) await cluster.clock.advance(50);
  return cluster.clock.now() - startedAt;
}

suite("keepalive", () => {
  test("a silent peer with calls waiting for it, is found within probeMs and keepaliveTimeoutMs", async () => {
    const { cluster, one } = await linked();
    const failing = failureOf(one.invoke("1.1.2", hold, textNote(""), { timeoutMs: 60_000 }));
    await cluster.clock.advance(5);
    cluster.network.partition(hostOf("1.1.1"), hostOf("1.1.2"));
    const startedAt = cluster.clock.now();
    const error = await cluster.run(failing);
    const tookMs = cluster.clock.now() - startedAt;
    assert.deepEqual([error.code, error.execution], ["UNAVAILABLE", "unknown"]);
    assert.match(error.reason, /no byte for \d+ ms/);
    assert.ok(tookMs >= 3_000 && tookMs <= 8_000 + 2 * SWEEP_MS, `${tookMs} ms`);
    cluster.network.heal(hostOf("1.1.1"), hostOf("1.1.2"));
    await cluster.close();
  });

  test("a peer that falls silent right after a byte that was under way when it was pinged, is found as soon", async () => {
    for (const afterMs of [2_900, 3_000, 3_100, 3_500, 3_900, 4_000, 4_100]) {
      const { cluster, one, other } = await linked();
      const failing = failureOf(one.invoke("1.1.2", hold, textNote(""), { timeoutMs: 60_000 }));
      await cluster.clock.advance(5);
      cluster.network.hold(hostOf("1.1.1"), hostOf("1.1.2"));
      await cluster.clock.advance(afterMs);
      await cluster.run(other.send("1.1.1", noteMessage, textNote("a byte")));
      await cluster.clock.advance(2);
      cluster.network.hold(hostOf("1.1.2"), hostOf("1.1.1"));
      const startedAt = cluster.clock.now();
      await cluster.run(failing);
      const tookMs = cluster.clock.now() - startedAt;
      assert.ok(tookMs <= 8_000 + 2 * SWEEP_MS, `${afterMs}: ${tookMs} ms`);
      cluster.network.heal(hostOf("1.1.1"), hostOf("1.1.2"));
      await cluster.close();
    }
  });

  test("a silent peer that nobody waits for, is found within keepaliveMs and keepaliveTimeoutMs; a live one stays", async () => {
    const { cluster, one, other } = await linked();
    await cluster.clock.advance(100_000);
    assert.deepEqual([one.status().links[0]!.phase, other.status().links[0]!.phase], ["ready", "ready"]);
    assert.equal(one.status().links[0]!.rttMs, 2);
    cluster.network.partition(hostOf("1.1.1"), hostOf("1.1.2"));
    const tookMs = await untilLost(cluster, one, 60_000);
    assert.ok(tookMs <= 20_000 + 2 * SWEEP_MS, `${tookMs} ms`);
    cluster.network.heal(hostOf("1.1.1"), hostOf("1.1.2"));
    await cluster.close();
  });

  test("what this node writes vanishes while the peer's bytes arrive, is found within unansweredMs", async () => {
    const { cluster, one, other } = await linked();
    cluster.network.hold(hostOf("1.1.1"), hostOf("1.1.2"));
    const startedAt = cluster.clock.now();
    let lostAt: number | undefined;
    for (let i = 0; i < 600 && lostAt === undefined; i++) {
      await other.send("1.1.1", noteMessage, textNote("alive")).catch(() => {});
      if (i % 10 === 0) await one.send("1.1.2", noteMessage, textNote("gone")).catch(() => {});
      await cluster.clock.advance(200);
      if (one.status().links[0]!.phase !== "ready") lostAt = cluster.clock.now();
    }
    assert.ok(lostAt !== undefined && lostAt - startedAt <= 60_000 + 2 * SWEEP_MS, `${lostAt! - startedAt} ms`);
    cluster.network.heal(hostOf("1.1.1"), hostOf("1.1.2"));
    await cluster.close();
  });

  test("an event loop that stood still, reads what has come before it judges anybody", async () => {
    const { cluster, one, other } = await linked();
    const { framesOut } = other.status().links[0]!;
    for (let i = 0; i < 20_000 && other.status().links[0]!.framesOut === framesOut; i++) await cluster.clock.advance(1);
    // Somebody was pinged, and the answer is on its way.
    await cluster.clock.stall(90_000);
    await cluster.clock.advance(5_000);
    assert.deepEqual([one.status().links[0]!.phase, other.status().links[0]!.phase], ["ready", "ready"]);
    assert.equal(cluster.network.connectionCount, 1);
    await cluster.close();
  });
});
