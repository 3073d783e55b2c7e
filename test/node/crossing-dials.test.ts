import assert from "node:assert/strict";
import type { ClusterNode } from "../../src/node/node.js";
import { Cluster, hostOf } from "../support/cluster.js";
import { echo, noteMessage, textNote } from "../support/note.js";

const LOW = "1.1.1";
const HIGH = "1.1.2";

/** Both nodes, each with a record of what it was sent. */
async function facing(cluster: Cluster): Promise<{ low: ClusterNode; high: ClusterNode; seen: Record<string, string[]> }> {
  const seen: Record<string, string[]> = { [LOW]: [], [HIGH]: [] };
  const prepare = (address: string) => (node: ClusterNode) => {
    node.handle(echo, (note: { text: string }) => {
      seen[address]!.push(note.text);
      return note;
    });
    node.onMessage(noteMessage, (note) => void seen[address]!.push(note.text));
  };
  const low = await cluster.start(LOW, {}, prepare(LOW));
  const high = await cluster.start(HIGH, {}, prepare(HIGH));
  return { low, high, seen };
}

/** Sends `count` messages each way, all calls and every other one one-way, beginning `offsetMs` apart. */
async function exchange(cluster: Cluster, low: ClusterNode, high: ClusterNode, offsetMs: number, count: number): Promise<string[]> {
  const texts = Array.from({ length: count }, (_, i) => String(i));
  const send = (from: ClusterNode, to: `${number}.${number}.${number}`): Promise<unknown>[] =>
    texts.map((text, i) => (i % 2 === 0 ? from.invoke(to, echo, textNote(text)) : from.send(to, noteMessage, textNote(text))));
  const [first, second] = offsetMs >= 0 ? [low, high] : [high, low];
  const promises = send(first, first === low ? HIGH : LOW);
  await cluster.clock.advance(Math.abs(offsetMs));
  promises.push(...send(second, second === low ? HIGH : LOW));
  await cluster.run(Promise.all(promises));
  return texts;
}

suite("crossing dials", () => {
  test("both call at once over any two latencies, one connection stays and nothing is lost, doubled or reordered", async () => {
    for (const there of [0, 1, 3, 10, 40]) {
      for (const back of [0, 1, 3, 10, 40]) {
        for (const offset of [-50, -12, -3, -1, 0, 1, 2, 5, 20]) {
          const where = `latencies ${there}/${back}, offset ${offset}`;
          const cluster = new Cluster({ seed: there * 100 + back });
          const { low, high, seen } = await facing(cluster);
          cluster.network.shape(hostOf(LOW), hostOf(HIGH), { latencyMs: there });
          cluster.network.shape(hostOf(HIGH), hostOf(LOW), { latencyMs: back });
          const texts = await exchange(cluster, low, high, offset, 6);
          await cluster.clock.advance(500);
          assert.deepEqual(seen[LOW], texts, where);
          assert.deepEqual(seen[HIGH], texts, where);
          assert.equal(cluster.network.connectionCount, 1, where);
          await cluster.close();
        }
      }
    }
  });

  for (const dials of ["refused", "swallowed"] as const) {
    for (const [from, to] of [
      [LOW, HIGH],
      [HIGH, LOW],
    ] as const) {
      test(`dials from ${from} are ${dials}, the connection of the other one serves both`, async () => {
        for (const offset of [-20, -1, 0, 1, 20]) {
          const cluster = new Cluster();
          const { low, high, seen } = await facing(cluster);
          cluster.network.shape(hostOf(from), hostOf(to), { dials });
          const texts = await exchange(cluster, low, high, offset, 6);
          assert.deepEqual(seen[LOW], texts);
          assert.deepEqual(seen[HIGH], texts);
          await cluster.clock.advance(10_000);
          assert.equal(cluster.network.connectionCount, 1);
          await cluster.close();
        }
      });
    }
  }
});
