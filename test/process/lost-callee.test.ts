/** What callers see when the process of a callee dies, hangs, goes on, or is followed by another one of its address. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RpcError } from "../../src/errors.js";
import type { ClusterNode } from "../../src/node/node.js";
import { folder } from "../support/folder-discovery.js";
import { LoopbackNodes } from "../support/loopback-nodes.js";
import { MemberProcess } from "../support/member-process.js";
import { textMethod } from "../support/text-method.js";
import { until } from "../support/until.js";

const echo = textMethod("test.Echo/echo");
const held = textMethod("test.Echo/held");
const who = textMethod("test.Echo/who");

const CALLS = 200;
/** A silent peer is found within probeMs, keepaliveTimeoutMs, and an eighth of a second for each of two looks. */
const KEEPALIVE = { link: { keepaliveMs: 1_000, probeMs: 1_000, keepaliveTimeoutMs: 500 } };

suite("a callee in a process of its own that is lost", function () {
  this.timeout(60_000); // each process takes a second to start, several when the machine is busy
  let path: string;
  let nodes: LoopbackNodes;
  let caller: ClusterNode;

  setup(async () => {
    path = await mkdtemp(join(tmpdir(), "clusterts-lost-"));
    nodes = new LoopbackNodes();
    caller = await nodes.start("1.2.1", { discovery: folder(path), ...KEEPALIVE });
  });

  teardown(async () => {
    await nodes[Symbol.asyncDispose]();
    await rm(path, { recursive: true });
  });

  /** A callee with so many calls in flight to it, none of which it has answered. */
  async function calleeWithCalls(): Promise<{ callee: MemberProcess; outcomes: Promise<unknown>[] }> {
    const callee = await MemberProcess.start(path, "1.3.1", KEEPALIVE);
    await caller.waitFor(3);
    const outcomes = Array.from({ length: CALLS }, (_, i) =>
      caller.invoke("1.3.1", held, { text: `${i}` }, { timeoutMs: 60_000 }).catch((error: unknown) => error),
    );
    await callee.took(CALLS);
    return { callee, outcomes };
  }

  /** All have failed, may have run, and `withinMs` has not gone by. */
  async function assertAllLost(outcomes: readonly Promise<unknown>[], withinMs: number): Promise<void> {
    const since = performance.now();
    const errors = await Promise.all(outcomes);
    const tookMs = performance.now() - since;
    assert.ok(tookMs < withinMs, `${tookMs} ms`);
    for (const error of errors) {
      assert.ok(RpcError.is(error), String(error));
      assert.deepEqual([error.code, error.execution], ["UNAVAILABLE", "unknown"]);
    }
    assert.equal(caller.status().callsInFlight, 0);
  }

  /** So many calls succeed, each with its own reply. */
  async function assertServes(count: number): Promise<void> {
    const texts = Array.from({ length: count }, (_, i) => `again ${i}`);
    const replies = await Promise.all(texts.map((text) => caller.invoke("1.3.1", echo, { text })));
    assert.deepEqual(
      replies.map(({ text }) => text),
      texts,
    );
  }

  function assertOneLink(): void {
    assert.deepEqual(
      caller.status().links.map(({ peer, phase }) => `${peer} ${phase}`),
      ["1.3.1 ready"],
    );
  }

  test("killed, all calls in flight settle within a second; the next process of its address serves", async () => {
    const { callee, outcomes } = await calleeWithCalls();
    await using _ = callee;
    const killed = callee.kill();
    await assertAllLost(outcomes, 1_000);
    await killed;
    await using next = await MemberProcess.start(path, "1.3.1", KEEPALIVE);
    await until(() => caller.member("1.3.1")?.incarnation === 2n);
    assert.equal((await caller.invoke("1.3.1", who, {})).text, String(next.pid));
    assertOneLink();
  });

  test("stopped, all calls in flight settle within two seconds; continued, it serves over one new link and nothing is answered twice", async () => {
    const { callee, outcomes } = await calleeWithCalls();
    await using _ = callee;
    callee.stop();
    await assertAllLost(outcomes, 2_000);
    assert.equal(caller.status().links[0]!.phase, "idle");
    // What waits for the process when it goes on: the order to answer all, beside what is left of the old connection.
    callee.release();
    callee.continue();
    await assertServes(CALLS);
    assertOneLink();
    const { links, connections } = await callee.status();
    assert.deepEqual({ links, connections }, { links: ["1.2.1 ready"], connections: 1 });
    // A frame for each reply, perhaps a pong; late ones of the calls that were given up would be as many again.
    assert.ok(caller.status().links[0]!.framesIn < 2 * CALLS);
  });

  test("stopped, and followed by a process of its address: that one serves; continued, it learns that it was replaced and ends", async () => {
    const { callee: old, outcomes } = await calleeWithCalls();
    await using _ = old;
    old.stop();
    const lost = assertAllLost(outcomes, 2_000);
    await using next = await MemberProcess.start(path, "1.3.1", KEEPALIVE);
    await lost;
    await until(() => caller.member("1.3.1")?.incarnation === 2n);
    assert.equal((await caller.invoke("1.3.1", who, {})).text, String(next.pid));
    old.continue();
    const { phase } = await old.report("ending");
    assert.equal(phase, "closed");
    assert.deepEqual(await old.exited, { code: 0, signal: null });
    const said = old.log.filter((line) => line.startsWith("error: "));
    assert.equal(said.length, 1, said.join("\n"));
    assert.match(
      said[0]!,
      /^error: 1\.3\.1 was replaced: incarnation 2 (?:of 1\.3\.1 has come|answers at|of 1\.3\.1 is alive).*; this node stops$/,
    );
    assert.equal((await caller.invoke("1.3.1", who, {})).text, String(next.pid));
    assertOneLink();
    assert.deepEqual((await next.status()).links, ["1.2.1 ready"]);
    assert.equal(caller.member("1.3.1")?.incarnation, 2n, "the old one has left the entry of the new one alone");
  });

  test("alive, a second process of its address does not start, and calls in flight to the first go on", async () => {
    const { callee, outcomes } = await calleeWithCalls();
    await using _ = callee;
    const before = caller.status().links[0]!.remote;
    await using second = MemberProcess.fork(path, "1.3.1", KEEPALIVE);
    const { code, text } = await second.report("not started");
    assert.equal(code, "ADDRESS_IN_USE");
    assert.match(text, /^1\.3\.1 did not start: address in use, a live 1\.3\.1 \(clusterts \S+\) answers at 127\.0\.0\.1:\d+; /);
    assert.deepEqual(await second.exited, { code: 0, signal: null });
    assert.equal(caller.status().callsInFlight, CALLS);
    callee.release();
    const replies = await Promise.all(outcomes);
    assert.deepEqual(
      replies.map((reply) => (reply as { text?: string }).text),
      replies.map((_reply, i) => `${i}`),
    );
    assertOneLink();
    assert.equal(caller.status().links[0]!.remote, before);
    assert.equal((await callee.status()).phase, "running");
  });
});
