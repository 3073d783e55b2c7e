/**
 * Kills a discovery server again and again while others write to it: `run-kills.ts [--kills 200] [--seed 1] [--built]`.
 *
 * Each time it must start again, have every write that it acknowledged, and keep the entry of a node that lives.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { makeAddress } from "../../../src/addr/logical-address.js";
import { discoveryServer, type ServerDiscovery } from "../../../src/discovery/server/adapter.js";
import { SeededRandom } from "../../support/seeded-random.js";
import { ServerProcess } from "./server-process.js";

const WRITERS = 8;
const LEASE_MS = 3_000;
/** A server is killed so long after it began to start; some are still starting then, most are written to. */
const LIFE_MS = { built: 700, source: 2_500 };

const { values } = parseArgs({
  options: { kills: { type: "string", default: "200" }, seed: { type: "string", default: "1" }, built: { type: "boolean" } },
});
const kills = Number(values.kills);
const random = new SeededRandom(Number(values.seed));
const built = values.built === true;
const folder = await mkdtemp(join(tmpdir(), "clusterts-kills-"));
const data = join(folder, "cluster.json");

let server = new ServerProcess({ data, leaseMs: LEASE_MS, built });
const endpoint = await server.up();
const port = Number(endpoint.split(":").at(-1));
const adapter = discoveryServer(endpoint);

/** One who writes higher and higher numbers to a key of its own. */
class Writer {
  readonly key: string;
  attempted = 0;
  acknowledged = 0;
  stopped = false;

  constructor(id: number) {
    this.key = `writer/${id}`;
  }

  async run(store: ServerDiscovery): Promise<void> {
    while (!this.stopped) {
      const value = ++this.attempted;
      try {
        await store.keyValue.set(this.key, String(value), { timeoutMs: 2_000 });
        this.acknowledged = value;
      } catch {
        await sleep(10); // it is down
      }
    }
  }
}

const writers = Array.from({ length: WRITERS }, (_, id) => new Writer(id));
const writing = writers.map((writer) => writer.run(adapter));
const { signal } = new AbortController();
const entry = await adapter.register({ address: makeAddress(1, 1, 1), endpoint: "10.0.0.1:1", incarnation: 7n }, signal);
let lost: Error | undefined;
void entry.lost.then((reason) => {
  lost = reason;
});

let neverUp = 0;
const startedAt = performance.now();
for (let kill = 1; kill <= kills; kill++) {
  await sleep(random.next() * (built ? LIFE_MS.built : LIFE_MS.source));
  const isUp = await Promise.race([server.up().then(() => true), sleep(0, false)]);
  if (!isUp) neverUp++;
  // What was acknowledged up to here must be there afterwards; what is acknowledged later, before the kill, too.
  const before = writers.map(({ acknowledged }) => acknowledged);
  await server.kill();
  server = new ServerProcess({ data, leaseMs: LEASE_MS, port, built });
  if (kill % 4 !== 0) continue; // killed again before anybody looks
  await server.up();
  const reader = discoveryServer(endpoint);
  const found = new Map((await reader.keyValue.list("writer/")).map(({ key, value }) => [key, Number(value)]));
  await reader[Symbol.asyncDispose]();
  for (const [index, { key }] of writers.entries()) {
    const value = found.get(key) ?? 0;
    assert.ok(value >= before[index]!, `kill ${kill}: ${key} is ${value}, ${before[index]} was acknowledged`);
  }
  assert.equal(lost, undefined, `kill ${kill}: the entry was lost: ${lost?.message}`);
  assert.equal(server.output.includes("error"), false, server.output);
}
await server.up();
for (const writer of writers) writer.stopped = true;
await Promise.all(writing);
const last = new Map((await adapter.keyValue.list("writer/")).map(({ key, value }) => [key, Number(value)]));
for (const { key, acknowledged, attempted } of writers) {
  const value = last.get(key) ?? 0;
  assert.ok(value >= acknowledged && value <= attempted, `${key} is ${value}, between ${acknowledged} and ${attempted} expected`);
}
assert.equal(lost, undefined);
await entry[Symbol.asyncDispose]();
await adapter[Symbol.asyncDispose]();
assert.equal(await server.terminate(), 0);
await rm(folder, { recursive: true });
const writes = writers.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
const seconds = Math.round((performance.now() - startedAt) / 1_000);
process.stdout.write(
  `ok    ${kills} kills in ${seconds} s, ${neverUp} of them while it started; ${writes} acknowledged writes, none lost; the entry of the node that lived stayed\n`,
);
