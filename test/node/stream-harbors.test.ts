/** Streams to nodes of other groups, over two harbors: opened, refused, used, ended, and lost at every place of the way. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { pipeline } from "node:stream/promises";
import { parseAnyAddress } from "../../src/addr/logical-address.js";
import type { ClusterStream } from "../../src/node/cluster-stream.js";
import type { ClusterNode } from "../../src/node/node.js";
import type { NodeOptions } from "../../src/node/options.js";
import { HARBOR_TEXTS } from "../../src/node/stream-failure.js";
import { StreamError } from "../../src/stream/stream-error.js";
import { Cluster, type ClusterOptions, failureOf, hostOf } from "../support/cluster.js";
import { errorsPage } from "../support/expect-failure.js";

const at = parseAnyAddress;
const WINDOW = 262_144;

const echo = (node: ClusterNode): void => node.onStream((stream) => pipeline(stream, stream));

/** 1.1.1 opens, 2.1.1 serves, with one harbor in each group, or more. */
class Scene {
  readonly cluster: Cluster;
  readonly taken: ClusterStream[] = [];
  opener!: ClusterNode;
  target!: ClusterNode;
  readonly harbors: ClusterNode[] = [];

  constructor(options: ClusterOptions = {}) {
    this.cluster = new Cluster({ conditions: { latencyMs: 5 }, ...options });
  }

  static async start(options: ClusterOptions & { harbor?: Partial<NodeOptions>; ids?: readonly number[] } = {}): Promise<Scene> {
    const scene = new Scene(options);
    const { cluster, taken } = scene;
    for (const group of [1, 2])
      for (const id of options.ids ?? [1])
        scene.harbors.push(await cluster.start(`${group}.255.${id}`, { harbors: cluster.discovery, ...options.harbor }));
    scene.target = await cluster.start("2.1.1", {}, (node) => {
      echo(node);
      node.onStream((stream) => void taken.push(stream), "keep");
    });
    scene.opener = await cluster.start("1.1.1");
    return scene;
  }

  open(protocol = "default", timeoutMs?: number): Promise<ClusterStream> {
    return this.cluster.run(this.opener.openStream("2.1.1", { protocol, timeoutMs }));
  }

  /** The harbor of `group` that relays streams. */
  used(group: 1 | 2): ClusterNode {
    const used = this.harbors.filter((node) => node.address >>> 20 === group && (node.status().harbor?.streams.open ?? 0) > 0);
    assert.equal(used.length, 1);
    return used[0]!;
  }

  async close(): Promise<void> {
    await this.cluster.clock.advance(50);
    for (const harbor of this.harbors) {
      const { open, waiting } = harbor.status().harbor!.streams;
      if (harbor.status().phase === "running") assert.deepEqual([open, waiting, harbor.status().streams], [0, 0, 0]);
    }
    await this.cluster.close();
  }
}

async function textOf(stream: ClusterStream): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function errorOf(stream: ClusterStream): Promise<StreamError> {
  let hasEnded = false;
  stream.on("end", () => {
    hasEnded = true;
  });
  if (stream.errored === null) await once(stream as never, "close").catch(() => {});
  assert.ok(StreamError.is(stream.errored), String(stream.errored));
  assert.equal(hasEnded, false, "it ended in order");
  return stream.errored;
}

suite("streams over harbors", () => {
  test("opened and ended, give back what was written; the far end knows who opened it, what for, and the metadata", async () => {
    const scene = await Scene.start();
    const { cluster, opener, target, taken } = scene;
    const stream = await cluster.run(opener.openStream("2.1.1", { protocol: "keep", metadata: { ip: "10.0.0.9" } }));
    const far = taken[0]!;
    assert.deepEqual(
      [far.peer, far.protocol, Buffer.from(far.metadata.get("ip")!).toString(), stream.peer],
      [opener.address, "keep", "10.0.0.9", target.address],
    );
    stream.end("a question");
    assert.equal(await cluster.run(textOf(far)), "a question");
    far.end("an answer");
    assert.equal(await cluster.run(textOf(stream)), "an answer");
    await cluster.clock.advance(50);
    for (const harbor of scene.harbors) {
      const { accepted, broken, bytes, ended, offered, refused } = harbor.status().harbor!.streams;
      assert.deepEqual({ accepted, broken, ended, offered, refused }, { accepted: 1, broken: 0, ended: 1, offered: 1, refused: {} });
      assert.ok(bytes >= 19 && bytes < 200, `${bytes} bytes`);
    }
    await scene.close();
  });

  test("megabytes both ways at once, arrive as they were sent", async () => {
    const scene = await Scene.start();
    const stream = await scene.open();
    const bytes = Buffer.alloc(3_000_000);
    for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 7 + (i >>> 8)) & 0xff;
    stream.end(bytes);
    const chunks: Uint8Array[] = [];
    await scene.cluster.run(
      (async () => {
        for await (const chunk of stream) chunks.push(chunk);
      })(),
    );
    assert.ok(Buffer.concat(chunks).equals(bytes));
    await scene.close();
  });
});

suite("failures of streams over harbors", () => {
  test("each of the harbors' texts, stands in docs/errors.md", () => {
    for (const text of HARBOR_TEXTS) assert.ok(errorsPage().includes(text), text);
  });
});

void [at, WINDOW, failureOf, hostOf];
