/** A callee that is killed, comes back, or hangs: what its callers see. Its process is a real one. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { file } from "../../src/discovery/file.js";
import { RpcError } from "../../src/errors.js";
import { ChildNode } from "../support/child-node.js";
import { assertLine, expectFailure } from "../support/expect-failure.js";
import { LoopbackNodes } from "../support/loopback-nodes.js";
import { freePort } from "../support/raw-server.js";
import { textMethod } from "../support/text-method.js";

const echo = textMethod("test.Echo/echo");
const hang = textMethod("test.Echo/hang");

suite("a callee in a process of its own", () => {
  let folder: string;
  let nodeFile: string;

  setup(async () => {
    folder = await mkdtemp(join(tmpdir(), "clusterts-killed-"));
    nodeFile = join(folder, "cluster.json");
    const nodes = [
      { address: "1.2.1", endpoint: `127.0.0.1:${await freePort()}` },
      { address: "1.3.1", endpoint: `127.0.0.1:${await freePort()}` },
    ];
    await writeFile(nodeFile, JSON.stringify({ nodes }));
  });

  teardown(() => rm(folder, { recursive: true }));

  test("killed with calls in flight, each settles within a second; started again, the next call succeeds", async function () {
    this.timeout(60_000); // three processes are started
    await using nodes = new LoopbackNodes();
    const node = await nodes.start("1.2.1", { discovery: file(nodeFile) });
    await using callee = await ChildNode.start(nodeFile, "1.3.1");
    assert.deepEqual(await node.invoke("1.3.1", echo, { text: "before" }), { text: "before" });

    const outcomes = Array.from({ length: 50 }, () => node.invoke("1.3.1", hang, {}).catch((error: unknown) => error));
    await callee.took(50);
    const killedAt = performance.now();
    const killed = callee.kill();
    outcomes.push(...Array.from({ length: 10 }, () => node.invoke("1.3.1", hang, {}).catch((error: unknown) => error)));
    const errors = await Promise.all(outcomes);
    assert.ok(performance.now() - killedAt < 1_000, "within a second");
    for (const error of errors) {
      assert.ok(error instanceof RpcError);
      assert.deepEqual([error.code, error.execution, error.peer, error.method], ["UNAVAILABLE", "unknown", "1.3.1", "test.Echo/hang"]);
      assertLine(
        error,
        "UNAVAILABLE calling test.Echo/hang on 1.3.1 from 1.2.1 (unknown): link lost: <any>; it may have run: call again only if that is harmless",
      );
    }
    assert.equal(node.status().callsInFlight, 0);

    await killed;
    await expectFailure(node.invoke("1.3.1", echo, {}, { timeoutMs: 300 }), {
      code: "DEADLINE_EXCEEDED",
      execution: "notRun",
      method: "test.Echo/echo",
      peer: "1.3.1",
      from: "1.2.1",
      reason:
        "dial <endpoint>: connection refused<any>; it was never sent: is the node up and advertised correctly, or timeoutMs too short?",
    });
    await using _ = await ChildNode.start(nodeFile, "1.3.1");
    assert.deepEqual(await node.invoke("1.3.1", echo, { text: "after" }), { text: "after" });
  });

  test("stopped so that it answers nothing, is noticed by its silence, and too much for it is refused", async function () {
    this.timeout(60_000);
    await using nodes = new LoopbackNodes();
    const link = { probeMs: 500, keepaliveTimeoutMs: 500, maxBufferedBytes: 1024 ** 2, highWaterBytes: 1024 ** 2 };
    const node = await nodes.start("1.2.1", { discovery: file(nodeFile), link });
    await using callee = await ChildNode.start(nodeFile, "1.3.1");
    await node.invoke("1.3.1", echo, {});
    callee.stop();
    const silent = node.invoke("1.3.1", echo, {}).catch((error: unknown) => error);
    const piece = new Uint8Array(64 * 1024);
    const sends: Promise<unknown>[] = [];
    let full: unknown;
    // The system takes megabytes before it stops taking any.
    while (full === undefined && sends.length < 2_000) {
      const sent = node.send("1.3.1", 1, piece);
      sends.push(sent.catch((error: unknown) => error));
      full = await Promise.race([
        sent.then(
          () => undefined,
          (error: unknown) => error,
        ),
        new Promise((resolve) => setImmediate(resolve)),
      ]);
    }
    await expectFailure(Promise.reject(full), {
      code: "RESOURCE_EXHAUSTED",
      execution: "notRun",
      method: "command 1",
      peer: "1.3.1",
      from: "1.2.1",
      reason: "too much waits to be read by the peer; await sends, or call less at once",
    });
    await expectFailure(
      silent.then((error) => Promise.reject(error)),
      {
        code: "UNAVAILABLE",
        execution: "unknown",
        method: "test.Echo/echo",
        peer: "1.3.1",
        from: "1.2.1",
        reason: "link lost: no byte for <n> ms and no answer to a ping; it may have run: call again only if that is harmless",
        cause: "Error",
        withinMs: 3_000,
      },
    );
    await Promise.all(sends);
  });
});
