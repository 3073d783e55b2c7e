/**
 * What nodes notice when their discovery server is stopped, killed, or robbed of its data, and what it notices when a node
 * dies without a word: `run-outages.ts [--stopped-ms 60000] [--lease 10000]`. Real processes, real clocks.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { discoveryServer } from "../../../src/discovery/server/adapter.js";
import { type ClusterNode, startNode } from "../../../src/node/node.js";
import { byType } from "../../../src/rpc/picker.js";
import { ServerProcess } from "./server-process.js";
import { Calls, nodeProcess, say } from "./support.js";

const { values } = parseArgs({
  options: { "stopped-ms": { type: "string", default: "60000" }, lease: { type: "string", default: "10000" } },
});
const stoppedMs = Number(values["stopped-ms"]);
const leaseMs = Number(values.lease);
const folder = await mkdtemp(join(tmpdir(), "clusterts-outages-"));
const data = join(folder, "cluster.json");

let server = new ServerProcess({ data, leaseMs });
const endpoint = await server.up();
const port = Number(endpoint.split(":").at(-1));
const callee = await nodeProcess("1.1.1", endpoint);
const caller: ClusterNode = await startNode({ address: "1.2.1", discovery: discoveryServer(endpoint), logger: false });
await caller.waitFor(1);
const incarnation = caller.member("1.1.1")?.incarnation;
const removals: string[] = [];

/** Makes calls while `fault` happens, and says whether any failed. */
async function during(name: string, fault: () => Promise<void>): Promise<void> {
  const calls = [new Calls(caller, "1.1.1"), new Calls(caller, byType(1, "round-robin"))];
  await fault();
  for (const each of calls) await each.stop();
  const failures = calls.flatMap((each) => each.failures);
  assert.deepEqual(failures.slice(0, 3), [], `${name}: ${failures.length} calls failed`);
  assert.equal(caller.member("1.1.1")?.incarnation, incarnation, `${name}: 1.1.1 is there, and still the same`);
  assert.deepEqual(removals, []);
  say(`ok    ${name}: ${calls[0]!.count + calls[1]!.count} calls, none failed`);
}

/** How many members the server has. */
async function registeredNow(): Promise<number> {
  const abort = new AbortController();
  for await (const event of discoveryServer(endpoint).watch(abort.signal)) return event.type === "snapshot" ? event.members.length : 0;
  return 0;
}

await during(`the server is stopped for ${stoppedMs / 1_000} s and goes on`, async () => {
  server.stop();
  await sleep(stoppedMs);
  server.goOn();
  await sleep(1.5 * leaseMs); // whoever was not heard of would be gone by now
});

await during("the server is killed and comes back", async () => {
  await server.kill();
  server = new ServerProcess({ data, leaseMs, port });
  await server.up();
  await sleep(1.5 * leaseMs);
});

await during("the server is killed, its data is deleted, and it comes back with nothing", async () => {
  await server.kill();
  for (const path of [data, `${data}.log`]) await rm(path);
  server = new ServerProcess({ data, leaseMs, port });
  await server.up();
  assert.match(server.output, /0 members/);
  const restartedAt = performance.now();
  while ((await registeredNow()) < 2) assert.ok(performance.now() - restartedAt < 15_000, "the nodes have not registered again");
  await sleep(1.5 * leaseMs);
});

callee.kill("SIGKILL");
const killedAt = performance.now();
while (caller.member("1.1.1") !== undefined) {
  assert.ok(performance.now() - killedAt < 2 * leaseMs, "a node that is dead for two leases is still there");
  await sleep(20);
}
const goneAfterMs = Math.round(performance.now() - killedAt);
assert.ok(goneAfterMs > leaseMs - 50, `it was gone after ${goneAfterMs} ms: its lease was not over`);
say(`ok    a node that dies without a word is gone after ${goneAfterMs} ms; its lease is ${leaseMs} ms`);

await caller.close();
assert.equal(await server.terminate(), 0);
await rm(folder, { recursive: true });
