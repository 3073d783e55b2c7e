import assert from "node:assert/strict";
import { parseAddress } from "../../../src/addr/logical-address.js";
import type { Member } from "../../../src/discovery/discovery.js";
import { type ClusterNode, createNode } from "../../../src/node/node.js";
import { textMethod } from "../../support/text-method.js";
import { until } from "../../support/until.js";
import { ServerPlace } from "./support/server-place.js";

const echo = textMethod("test/echo");
const { signal } = new AbortController();

async function node(place: ServerPlace, address: "1.1.1" | "1.2.1" | "1.2.2"): Promise<ClusterNode> {
  const made = createNode({ address, discovery: place.adapter(), logger: false });
  made.handle(echo, (input: { text: string }) => ({ text: `${input.text} to ${address}` }));
  return await made.start();
}

/** Calls all the time until it is stopped; says how many calls there were and what failed. */
function callsBetween(caller: ClusterNode, to: "1.1.1" | "1.2.1") {
  let stopped = false;
  let count = 0;
  const failures: string[] = [];
  const loop = async (): Promise<void> => {
    while (!stopped) {
      await caller.invoke(to, echo, { text: "x" }, { timeoutMs: 2_000 }).catch((error: Error) => failures.push(error.message));
      count++;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const ends = Promise.all([loop(), loop()]);
  return {
    count: () => count,
    stop: async (): Promise<string[]> => {
      stopped = true;
      await ends;
      return failures;
    },
  };
}

suite("nodes with a discovery server", () => {
  test("configured in its data file or registered, find each other; configured ones do not register", async () => {
    const configured = '{ "nodes": [{ "address": "1.1.1", "endpoint": "127.0.0.1:18971", "version": "7" }] }';
    await using place = await ServerPlace.start({}, configured);
    await using one = await node(place, "1.1.1");
    await using two = await node(place, "1.2.1");
    assert.equal(one.status().endpoint, "127.0.0.1:18971");
    assert.equal(two.member("1.1.1")?.incarnation, undefined);
    await one.waitFor(2);
    assert.deepEqual(await one.invoke("1.2.1", echo, { text: "hi" }), { text: "hi to 1.2.1" });
    assert.deepEqual(await two.invoke("1.1.1", echo, { text: "hi" }), { text: "hi to 1.1.1" });
  });

  test("when the server ends and its data is deleted under load, lose no call and no link, and register again as who they were", async () => {
    await using place = await ServerPlace.start({ leaseMs: 1_000 });
    await using one = await node(place, "1.1.1");
    await using two = await node(place, "1.2.1");
    await two.waitFor(1);
    await one.waitFor(2);
    const incarnations = [one.status().incarnation, two.status().incarnation];
    const calls = [callsBetween(two, "1.1.1"), callsBetween(one, "1.2.1")];
    const { epoch } = place.server.status();
    await place.stop();
    await place.deleteData();
    await place.startAgain();
    assert.notEqual(place.server.status().epoch, epoch);
    await until(() => place.server.status().members === 2);
    const before = calls.map(({ count }) => count());
    await until(() => calls.every(({ count }, index) => count() > before[index]! + 100));
    for (const { stop } of calls) assert.deepEqual(await stop(), []);
    await until(() => two.member("1.1.1") !== undefined);
    assert.deepEqual([one.status().incarnation, two.status().incarnation], incarnations);
    assert.deepEqual([two.member("1.1.1")?.incarnation, one.member("1.2.1")?.incarnation], incarnations);
    assert.equal(two.status().links.filter(({ phase }) => phase === "ready").length, 1);
  });

  test("when the server is killed and comes back with its data, keep their entries and tokens", async () => {
    await using place = await ServerPlace.start({ leaseMs: 1_000 });
    await using one = await node(place, "1.1.1");
    const { revision, epoch } = place.server.status();
    await place.stop();
    await place.startAgain();
    assert.deepEqual([place.server.status().epoch, place.server.status().members], [epoch, 1]);
    assert.ok(place.server.status().revision > revision);
    const admin = place.adapter();
    const token = one.status().incarnation;
    // Long enough for its lease to end, had it not been renewed.
    for (const until = performance.now() + 1_500; performance.now() < until; ) {
      assert.equal((await membersOf(admin)).get("1.1.1")?.incarnation, token);
    }
  });
});

suite("an entry at the discovery server", () => {
  const self = (incarnation: bigint, endpoint: string): Member => ({ address: parseAddress("1.1.1"), endpoint, incarnation });

  test("of a process that registers again after the store lost it, keeps its token; a newer process has a higher one and stays", async () => {
    await using place = await ServerPlace.start();
    const older = place.adapter();
    const newer = place.adapter();
    const first = await older.register(self(10n, "10.0.0.1:1"), signal);
    await place.adapter().removeNode("1.1.1");
    assert.ok((await first.lost) instanceof Error);
    const again = await older.register(self(10n, "10.0.0.1:1"), signal);
    assert.equal(again.fencingToken, first.fencingToken);
    const taker = await newer.register(self(20n, "10.0.0.2:1"), signal);
    assert.ok(taker.fencingToken! > first.fencingToken!);
    assert.match((await again.lost).message, /taken over by a newer process, at 10\.0\.0\.2:1/);
    await assert.rejects(older.register(self(10n, "10.0.0.1:1"), signal), /a newer process of 1\.1\.1 is registered at 10\.0\.0\.2:1/);
    const member = (await membersOf(place.adapter())).get("1.1.1");
    assert.equal(member?.endpoint, "10.0.0.2:1");
    await taker[Symbol.asyncDispose]();
  });

  test("of a newer process whose store lost everything, is taken back from the older one that was faster", async () => {
    await using place = await ServerPlace.start();
    const older = place.adapter();
    const newer = place.adapter();
    await older.register(self(10n, "10.0.0.1:1"), signal);
    const taker = await newer.register(self(20n, "10.0.0.2:1"), signal);
    await place.stop();
    await place.deleteData();
    await place.startAgain();
    await taker.lost;
    const back = await older.register(self(10n, "10.0.0.1:1"), signal);
    const takenBack = await newer.register(self(20n, "10.0.0.2:1"), signal);
    assert.equal(takenBack.fencingToken, taker.fencingToken);
    await back.lost;
    await takenBack[Symbol.asyncDispose]();
  });

  test("whose process says nothing any more, stays for its lease and no longer", async () => {
    await using place = await ServerPlace.start({ leaseMs: 800 });
    const adapter = place.adapter();
    const leave = new AbortController();
    await adapter.register(self(10n, "10.0.0.1:1"), leave.signal);
    leave.abort(); // renewals end, the entry is left
    const left = performance.now();
    const admin = place.adapter();
    while ((await membersOf(admin)).has("1.1.1")) assert.ok(performance.now() - left < 1_800, "it is still there");
    assert.ok(performance.now() - left > 500, `it was gone after ${performance.now() - left} ms`);
  });
});

/** The members that a watch begins with, by the text of their addresses. */
async function membersOf(discovery: ReturnType<ServerPlace["adapter"]>): Promise<Map<string, Member>> {
  const abort = new AbortController();
  for await (const event of discovery.watch(abort.signal)) {
    assert.equal(event.type, "snapshot");
    return new Map(event.members.map((member) => [textOf(member), member]));
  }
  return assert.fail("the watch ended");
}

function textOf({ address }: Member): string {
  return `${address >>> 20}.${(address >>> 12) & 0xff}.${address & 0xfff}`;
}
