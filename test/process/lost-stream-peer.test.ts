/** What the ends of streams and streaming calls see when the process at the other end dies or hangs. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RpcError } from "../../src/errors.js";
import type { ClusterStream } from "../../src/node/cluster-stream.js";
import type { ClusterNode } from "../../src/node/node.js";
import { defineMethod } from "../../src/rpc/service.js";
import { StreamError } from "../../src/stream/stream-error.js";
import { folder } from "../support/folder-discovery.js";
import { LoopbackNodes } from "../support/loopback-nodes.js";
import { MemberProcess } from "../support/member-process.js";
import { textCodec } from "../support/text-method.js";

const forever = defineMethod("test.Echo/forever", "server", textCodec, textCodec);

const COUNT = 100;
/** Silence is seen within the sum of both, and a second for two looks. */
const KEEPALIVE = { link: { keepaliveMs: 1_000, probeMs: 1_000, keepaliveTimeoutMs: 500 } };

suite("the far end of streams in a process of its own, lost", function () {
  this.timeout(60_000);
  let path: string;
  let nodes: LoopbackNodes;
  let node: ClusterNode;
  let peer: MemberProcess;

  setup(async () => {
    path = await mkdtemp(join(tmpdir(), "clusterts-streams-"));
    nodes = new LoopbackNodes();
    node = await nodes.start("1.2.1", { discovery: folder(path), ...KEEPALIVE });
    peer = await MemberProcess.start(path, "1.3.1", KEEPALIVE);
    await node.waitFor(3);
  });

  teardown(async () => {
    await peer[Symbol.asyncDispose]();
    await nodes[Symbol.asyncDispose]();
    await rm(path, { recursive: true });
  });

  /** Ends of streams, and how: an end in order would be a mistake. */
  async function openAll(): Promise<Promise<unknown>[]> {
    const streams = await Promise.all(Array.from({ length: COUNT }, () => node.openStream("1.3.1", { protocol: "held" })));
    await Promise.all(streams.map((stream) => once(stream as never, "data")));
    const replies = Array.from({ length: COUNT }, (_, i) => node.invoke("1.3.1", forever, { text: `${i}` }, { timeoutMs: 60_000 }));
    await Promise.all(replies.map((each) => each.next()));
    return [...streams.map(endOf), ...replies.map((each) => each.next().catch((error: unknown) => error))];
  }

  async function endOf(stream: ClusterStream): Promise<unknown> {
    let hasEnded = false;
    stream.on("end", () => {
      hasEnded = true;
    });
    await new Promise<void>((resolve) => stream.on("close", resolve));
    return hasEnded ? "an end in order" : stream.errored;
  }

  async function assertAllLost(ends: Promise<unknown>[], withinMs: number): Promise<void> {
    const since = performance.now();
    const errors = await Promise.all(ends);
    const tookMs = performance.now() - since;
    for (const error of errors.slice(0, COUNT)) assert.ok(StreamError.is(error) && error.reason === "lost", String(error));
    for (const error of errors.slice(COUNT)) {
      assert.ok(RpcError.is(error), String(error));
      assert.deepEqual([error.code, error.execution], ["UNAVAILABLE", "unknown"]);
    }
    assert.ok(tookMs < withinMs, `${tookMs} ms`);
    const { streams, callsInFlight } = node.status();
    assert.deepEqual({ streams, callsInFlight }, { streams: 0, callsInFlight: 0 });
  }

  test("killed, every stream and call ends with an error at once, none in order", async () => {
    const ends = await openAll();
    await peer.kill();
    await assertAllLost(ends, 1_000);
  });

  test("stopped, every stream and call ends with an error within the keepalive's time, none in order", async () => {
    const ends = await openAll();
    peer.stop();
    await assertAllLost(ends, 4_000);
  });
});
