/** Streams to nodes of other groups, over two harbors: opened, refused, used, ended, and lost at every place of the way. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { pipeline } from "node:stream/promises";
import { parseAnyAddress } from "../../src/addr/logical-address.js";
import type { ClusterStream } from "../../src/node/cluster-stream.js";
import type { ClusterNode } from "../../src/node/node.js";
import type { NodeOptions } from "../../src/node/options.js";
import { HARBOR_TEXTS } from "../../src/node/stream-failure.js";
import { harborReset, readHarborReset } from "../../src/stream/harbor-reset.js";
import { encodeOpenHeader, OPEN_AT } from "../../src/stream/open-header.js";
import { StreamError } from "../../src/stream/stream-error.js";
import { Cluster, type ClusterOptions, failureOf, hostOf } from "../support/cluster.js";
import { errorsPage } from "../support/expect-failure.js";
import { rawSession } from "../support/raw-session.js";

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

  test("half-closed, still give what the other side says; reset by either side, end at the other with its code", async () => {
    const scene = await Scene.start();
    const { cluster, taken } = scene;
    const asked = await scene.open("keep");
    asked.end("done");
    assert.equal(await cluster.run(textOf(taken[0]!)), "done");
    await cluster.clock.advance(10_000);
    taken[0]!.end("so am I");
    assert.equal(await cluster.run(textOf(asked)), "so am I");

    const reset = await scene.open("keep");
    taken[1]!.reset(70_001);
    assert.deepEqual([(await cluster.run(errorOf(reset))).reason, (reset.errored as StreamError).resetCode], ["reset", 70_001]);

    const cancelled = await scene.open("keep");
    cancelled.destroy();
    assert.deepEqual([(await cluster.run(errorOf(taken[2]!))).reason, (taken[2]!.errored as StreamError).resetCode], ["reset", 1]);
    await scene.close();
  });

  test("a harbor opens them too, to nodes and harbors of other groups, and takes some for itself", async () => {
    const scene = await Scene.start();
    const [near, far] = scene.harbors as [ClusterNode, ClusterNode];
    echo(far);
    for (const [from, to] of [
      [scene.opener, "2.255.1"],
      [near, "2.255.1"],
      [near, "2.1.1"],
    ] as const) {
      const stream = await scene.cluster.run(from.openStream(to));
      stream.end("hello");
      assert.equal(await scene.cluster.run(textOf(stream)), "hello");
    }
    await scene.close();
  });

  test("a reader that pauses, holds back its writer; each harbor keeps a window at most, and the rest comes when it reads", async () => {
    const scene = await Scene.start();
    const { cluster, taken } = scene;
    const stream = await scene.open("keep");
    const total = 4_000_000;
    let written = 0;
    let hasEnded = false;
    const write = async (): Promise<void> => {
      while (written < total) {
        written += 10_000;
        if (!stream.write(Buffer.alloc(10_000, written / 10_000))) await once(stream as never, "drain");
      }
      stream.end();
      hasEnded = true;
    };
    const writing = write();
    await cluster.clock.advance(10_000);
    assert.ok(written > 2 * WINDOW && written < 4 * WINDOW, `${written} bytes were taken`);
    for (const harbor of scene.harbors) {
      const unread = harbor.status().sessions.reduce((sum, { unreadBytes }) => sum + unreadBytes, 0);
      assert.ok(unread > 0 && unread <= WINDOW, `${unread} bytes wait at a harbor`);
    }
    const other = await scene.open();
    other.end("others go on");
    assert.equal(await cluster.run(textOf(other)), "others go on");
    let read = 0;
    await cluster.run(
      (async () => {
        for await (const chunk of taken[0]!) for (const byte of chunk) assert.equal(byte, (Math.floor(read++ / 10_000) + 1) & 0xff);
      })(),
    );
    await writing;
    assert.deepEqual([read, hasEnded], [total, true]);
    taken[0]!.end();
    stream.resume();
    await scene.close();
  });

  test("many that are not read, stay within what a harbor may hold; those that hold the most are reset, and it is counted", async () => {
    const scene = await Scene.start({ harbor: { harbor: { maxWaitingBytes: 1_000_000 } } });
    const streams = await Promise.all(Array.from({ length: 12 }, () => scene.open("keep")));
    for (const stream of streams) stream.write(Buffer.alloc(1_000_000));
    await scene.cluster.clock.advance(3_000);
    for (const harbor of scene.harbors) {
      const unread = harbor.status().sessions.reduce((sum, { unreadBytes }) => sum + unreadBytes, 0);
      assert.ok(unread <= 1_000_000, `${unread} bytes`);
    }
    const cut = streams.filter(({ errored }) => errored !== null);
    assert.ok(cut.length >= 4 && cut.length < 12, `${cut.length} were reset`);
    for (const { errored } of cut) assert.equal((errored as StreamError).resetCode, 3);
    assert.ok(scene.harbors.some((harbor) => harbor.status().limitHits["harbor.maxWaitingBytes"]! > 0));
    for (const stream of streams) stream.destroy();
    await scene.close();
  });
});

suite("opening streams over harbors that do not lead there", () => {
  const refused: readonly (readonly [what: string, to: string, code: string, path: readonly string[], text: RegExp])[] = [
    [
      "a target that discovery does not know",
      "2.9.9",
      "UNAVAILABLE",
      ["1.255.1", "2.255.1"],
      /harbor 2\.255\.1: the discovery of its group/,
    ],
    ["a group without a harbor", "3.1.1", "UNAVAILABLE", ["1.255.1"], /harbor 1\.255\.1: no harbor of that group/],
    ["a target whose address is stale", "2.1.7", "UNAVAILABLE", ["1.255.1", "2.255.1"], /harbor 2\.255\.1: it does not reach/],
  ];
  for (const [what, to, code, path, text] of refused) {
    test(`${what}: fails within a round trip, not run, with the harbor's name`, async () => {
      const scene = await Scene.start();
      const { cluster, opener } = scene;
      cluster.discovery.put({ address: at("2.1.7"), endpoint: `${hostOf("2.1.7")}:8000` });
      await scene.open().then((stream) => stream.destroy()); // the sessions between the others stand
      await cluster.clock.advance(20);
      const before = cluster.clock.now();
      const error = await cluster.fails(opener.openStream(to as "2.1.7"));
      assert.ok(cluster.clock.now() - before <= 60, `${cluster.clock.now() - before} ms`);
      assert.deepEqual([error.code, error.execution, error.path, error.peer], [code, "notRun", path, to]);
      assert.match(error.message, text);
      await scene.close();
    });
  }

  test("a protocol that nobody serves, fails as UNIMPLEMENTED, not run; a stream that its target resets, with its code", async () => {
    const scene = await Scene.start();
    const error = await scene.cluster.fails(scene.opener.openStream("2.1.1", { protocol: "chess" }));
    assert.deepEqual([error.code, error.execution, error.peer], ["UNIMPLEMENTED", "notRun", "2.1.1"]);
    assert.equal(scene.target.status().streamTotals.refused, 1);
    await scene.close();
  });

  test("a target that is closing, fails within a round trip, not run", async () => {
    const scene = await Scene.start();
    const { cluster } = scene;
    const stays = await scene.open("keep");
    const closing = scene.target.close({ timeoutMs: 2_000 });
    await cluster.clock.advance(50);
    cluster.discovery.put({ address: at("2.1.1"), endpoint: `${hostOf("2.1.1")}:8000` });
    const error = await cluster.fails(scene.opener.openStream("2.1.1"), 100);
    assert.equal(error.execution, "notRun");
    stays.destroy();
    await cluster.run(closing);
    await scene.close();
  });

  test("a target that is not exported, where that is enforced: PERMISSION_DENIED, not run", async () => {
    const scene = await Scene.start({ harbor: { export: "enforced" } });
    const error = await scene.cluster.fails(scene.opener.openStream("2.1.1"));
    assert.deepEqual([error.code, error.execution, error.path], ["PERMISSION_DENIED", "notRun", ["1.255.1", "2.255.1"]]);
    await scene.cluster.run(scene.target.update({ export: true }));
    await scene.cluster.clock.advance(50);
    (await scene.open()).destroy();
    await scene.close();
  });

  test("no harbor of the own group, or one that is not reached: fails, not run", async () => {
    const cluster = new Cluster();
    const opener = await cluster.start("1.1.1");
    assert.match((await cluster.fails(opener.openStream("2.1.1"))).message, /reached through a harbor, and none is known/);
    cluster.discovery.put({ address: at("1.255.1"), endpoint: `${hostOf("1.255.1")}:8000` });
    await cluster.clock.settle();
    const error = await cluster.fails(opener.openStream("2.1.1", { timeoutMs: 60_000 }));
    assert.deepEqual([error.code, error.execution, error.path], ["UNAVAILABLE", "notRun", ["1.255.1"]]);
    assert.match(error.message, /harbor 1\.255\.1: dial h1-255-1:8000: host name not found/);
    const late = await cluster.fails(opener.openStream("2.1.1", { timeoutMs: 700 }));
    assert.deepEqual([late.code, late.execution, late.path], ["DEADLINE_EXCEEDED", "notRun", ["1.255.1"]]);
    assert.match(late.message, /\(notRun\): harbor 1\.255\.1: dial h1-255-1:8000/);
    await cluster.close();
  });
});

suite("the acceptance of a stream over harbors", () => {
  test("comes when the target has accepted and no sooner; nothing of that says that it was not", async () => {
    const scene = await Scene.start();
    const { cluster, opener, harbors, taken } = scene;
    (await scene.open()).destroy();
    await cluster.clock.advance(20);
    cluster.network.partition("h2-255-1", "h2-1-1");
    const late = failureOf(opener.openStream("2.1.1", { protocol: "keep", timeoutMs: 2_000 }));
    await cluster.clock.advance(1_000);
    assert.deepEqual(
      harbors.map((harbor) => harbor.status().harbor!.streams.waiting),
      [1, 1],
    );
    const error = await cluster.run(late);
    assert.deepEqual([error.code, error.execution], ["DEADLINE_EXCEEDED", "unknown"]);
    cluster.network.heal("h2-255-1", "h2-1-1");
    await cluster.clock.advance(1_000);
    assert.equal(taken.filter(({ destroyed }) => !destroyed).length, 0, "the target has heard that nobody waits");
    await scene.close();
  });

  test("does not come from a harbor, however much is sent ahead of it", async () => {
    const scene = await Scene.start();
    const { cluster, opener } = scene;
    (await scene.open()).destroy();
    await cluster.clock.advance(20);
    cluster.network.partition("h2-255-1", "h2-1-1");
    const raw = await rawSession(cluster, "1.1.9", "1.255.1");
    const stream = raw.open({ from: at("1.1.9"), to: at("2.1.1"), protocol: "keep" }, Buffer.alloc(200_000));
    await cluster.clock.advance(1_000);
    assert.equal(stream.opening, "asked");
    assert.ok(opener.status().streams === 0);
    cluster.network.heal("h2-255-1", "h2-1-1");
    await cluster.clock.advance(5_000);
    assert.equal(stream.opening, "open");
    raw.session.destroy();
    await scene.close();
  });

  test("that a harbor no longer waits for, is unknown; where it has asked nobody yet, is not run", async () => {
    const scene = await Scene.start({ harbor: { stream: { openTimeoutMs: 1_000 } } });
    const { cluster, opener } = scene;
    (await scene.open()).destroy();
    await cluster.clock.advance(20);
    cluster.network.partition("h2-255-1", "h2-1-1");
    const asked = await cluster.fails(opener.openStream("2.1.1", { protocol: "keep", timeoutMs: 60_000 }), 3_000);
    assert.deepEqual([asked.code, asked.execution], ["UNAVAILABLE", "unknown"]);
    assert.match(asked.message, /harbor [12]\.255\.1: it no longer waits for it to be accepted/);
    await cluster.start("2.1.2");
    cluster.network.partition("h2-255-1", "h2-1-2");
    const notAsked = await cluster.fails(opener.openStream("2.1.2", { timeoutMs: 700 }), 3_000);
    assert.deepEqual([notAsked.code, notAsked.execution], ["DEADLINE_EXCEEDED", "unknown"], "the opener itself cannot know");
    await cluster.clock.advance(50);
    assert.equal(cluster.nodes.find(({ address }) => address === at("2.255.1"))!.status().harbor!.streams.waiting, 0);
    await scene.close();
  });
});

suite("when the way of a stream is lost", () => {
  const hops = [
    ["h1-1-1", "h1-255-1"],
    ["h1-255-1", "h2-255-1"],
    ["h2-255-1", "h2-1-1"],
  ] as const;
  for (const [one, other] of hops) {
    test(`between ${one} and ${other}: all streams fail on both ends as lost, at once, and the next one opens`, async () => {
      const scene = await Scene.start();
      const { cluster, taken } = scene;
      const streams = await Promise.all(Array.from({ length: 20 }, () => scene.open("keep")));
      for (const stream of streams) stream.write("some of it");
      await cluster.clock.advance(50);
      const errors = Promise.all([...streams, ...taken].map(errorOf));
      cluster.network.reset(one, other);
      const reasons = (await cluster.run(errors, 50)).map(({ reason }) => reason);
      assert.deepEqual([reasons.length, new Set(reasons)], [40, new Set(["lost"])]);
      const next = await scene.open("keep");
      assert.equal(taken.length, 21);
      next.destroy();
      await scene.close();
    });

    test(`between ${one} and ${other}, before it was accepted: fails at once, and not as not run`, async () => {
      const scene = await Scene.start();
      const { cluster, opener } = scene;
      (await scene.open()).destroy();
      await cluster.clock.advance(20);
      cluster.network.hold("h2-1-1", "h2-255-1");
      const opening = failureOf(opener.openStream("2.1.1", { protocol: "keep" }));
      await cluster.clock.advance(50);
      cluster.network.reset(one, other);
      const error = await cluster.run(opening, 50);
      assert.deepEqual([error.code, error.execution], ["UNAVAILABLE", "unknown"]);
      cluster.network.heal("h2-1-1", "h2-255-1");
      await scene.close();
    });

    test(`silent between ${one} and ${other}: all streams fail on both ends within the keepalive's time`, async () => {
      const link = { keepaliveMs: 1_000, probeMs: 1_000, keepaliveTimeoutMs: 500 };
      const scene = await Scene.start({ node: { link } });
      const { cluster, taken } = scene;
      const streams = await Promise.all(Array.from({ length: 20 }, () => scene.open("keep")));
      const errors = Promise.all([...streams, ...taken].map(errorOf));
      cluster.network.partition(one, other);
      const reasons = (await cluster.run(errors, 4_000)).map(({ reason }) => reason);
      assert.deepEqual(new Set(reasons), new Set(["lost"]));
      cluster.network.heal(one, other);
      await scene.close();
    });
  }

  test("an error of an open stream, names the harbor behind the own one", async () => {
    const scene = await Scene.start();
    const stream = await scene.open("keep");
    scene.cluster.network.reset("h2-255-1", "h2-1-1");
    const { message } = await scene.cluster.run(errorOf(stream));
    assert.match(message, /stream \d+ to 1\.255\.1 was lost: harbor 1 behind it lost its connection to the next node on the way/);
    await scene.close();
  });
});

suite("a harbor among others that relays streams", () => {
  for (const group of [1, 2] as const) {
    test(`of group ${group}, killed: all streams over it fail as lost, and later ones go over the other`, async () => {
      const scene = await Scene.start({ ids: [1, 2] });
      const { cluster, taken } = scene;
      const streams = await Promise.all(Array.from({ length: 10 }, () => scene.open("keep")));
      const errors = Promise.all([...streams, ...taken].map(errorOf));
      scene.used(group).destroy("killed");
      assert.deepEqual(new Set((await cluster.run(errors, 100)).map(({ reason }) => reason)), new Set(["lost"]));
      const next = await Promise.all([1, 2, 3].map(() => scene.open("keep")));
      for (const stream of next) stream.destroy();
      await scene.close();
    });

    test(`of group ${group}, closing: lets streams finish, opens none that fails, and later ones go over the other`, async () => {
      const scene = await Scene.start({ ids: [1, 2] });
      const { cluster, opener } = scene;
      const ends = await scene.open();
      const used = scene.used(group);
      const closing = used.close({ timeoutMs: 10_000 });
      const meanwhile: ClusterStream[] = [];
      for (let count = 0; count < 60; count++) {
        const opening = opener.openStream("2.1.1");
        opening.catch(() => {});
        await cluster.clock.advance(3);
        meanwhile.push(await cluster.run(opening));
      }
      assert.equal(used.status().phase, "closing");
      for (const stream of [ends, ...meanwhile]) {
        stream.end("still here");
        assert.equal(await cluster.run(textOf(stream)), "still here");
      }
      const report = await cluster.run(closing);
      assert.deepEqual([report.timedOut, report.streamsCut], [false, 0]);
      await scene.close();
    });
  }

  for (const group of [1, 2] as const) {
    test(`of group ${group}, closing while a stream of it waits to be accepted: others go over the other harbor at once, and it is accepted`, async () => {
      const scene = await Scene.start({ ids: [1, 2] });
      const { cluster, opener } = scene;
      await cluster.start("2.1.2", {}, echo);
      (await cluster.run(opener.openStream("2.1.2"))).destroy();
      const used = scene.harbors.find((node) => node.address >>> 20 === group && node.status().harbor!.streams.offered > 0)!;
      const near = `h2-255-${scene.harbors.find((node) => node.address >>> 20 === 2 && node.status().harbor!.streams.offered > 0)!.address & 0xfff}`;
      await cluster.clock.advance(50);
      cluster.network.hold("h2-1-2", near);
      const waits = opener.openStream("2.1.2");
      await cluster.clock.advance(50);
      const closing = used.close({ timeoutMs: 10_000 });
      const next = await cluster.run(opener.openStream("2.1.1"), 200);
      assert.equal(used.status().harbor!.streams.waiting, 1);
      cluster.network.heal("h2-1-2", near);
      for (const stream of [next, await cluster.run(waits, 200)]) {
        stream.end("still here");
        assert.equal(await cluster.run(textOf(stream)), "still here");
      }
      assert.equal((await cluster.run(closing)).streamsCut, 0);
      await scene.close();
    });
  }

  test("closing, cuts what does not end in its time: both ends fail", async () => {
    const scene = await Scene.start();
    const { cluster, taken } = scene;
    const stream = await scene.open("keep");
    const errors = Promise.all([stream, taken[0]!].map(errorOf));
    const report = await cluster.run(scene.used(1).close({ timeoutMs: 1_000 }));
    assert.deepEqual([report.timedOut, report.streamsCut], [true, 1]);
    assert.deepEqual(
      (await cluster.run(errors)).map(({ reason }) => reason),
      ["lost", "lost"],
    );
    await cluster.close();
  });

  test("is kept by its opener as long as it can be reached, and left when its streams cannot be opened", async () => {
    const scene = await Scene.start({ ids: [1, 2] });
    const { cluster } = scene;
    (await scene.open("keep")).end();
    const used = scene.used(1);
    for (let count = 0; count < 5; count++) {
      (await scene.open("keep")).end();
      assert.equal(scene.used(1), used);
    }
    const host = `h${[used.address >>> 20, 255, used.address & 0xfff].join("-")}`;
    cluster.network.crash(host, { peersSee: "reset" });
    await cluster.clock.advance(20);
    const stream = await scene.open("keep");
    assert.notEqual(scene.harbors.find((node) => node !== used && node.address >>> 20 === 1)!.status().harbor!.streams.open, 0);
    stream.destroy();
    for (const each of scene.taken) each.destroy();
    await cluster.clock.advance(50);
  });
});

suite("who may say what of streams", () => {
  const forgeries: readonly (readonly [what: string, peer: string, node: string, from: string, to: string])[] = [
    ["at a harbor, a node in the name of another one", "1.1.9", "1.255.1", "1.1.1", "2.1.1"],
    ["at a harbor, a node in the name of the harbor", "1.1.9", "1.255.1", "1.255.1", "2.1.1"],
    ["at a node, its harbor in the name of this group", "1.255.9", "1.1.1", "1.1.2", "1.1.1"],
    ["at a node, the harbor of another group", "2.255.9", "1.1.1", "2.1.1", "1.1.1"],
    ["between harbors, in the name of a third group", "2.255.9", "1.255.1", "3.1.1", "1.1.1"],
    ["between harbors, in the name of the receiver's group", "2.255.9", "1.255.1", "1.1.2", "1.1.1"],
    ["at a plain node, a stream for somebody else", "1.1.9", "1.1.1", "1.1.9", "2.1.1"],
    ["at a plain node, a stream of its harbor for somebody else", "1.255.9", "1.1.1", "2.1.1", "1.1.2"],
  ];
  for (const [what, peer, node, from, to] of forgeries) {
    test(`${what}: reaches nobody, costs the session, and is counted`, async () => {
      const scene = await Scene.start();
      const { cluster, opener, taken } = scene;
      opener.onStream((stream) => void taken.push(stream), "keep");
      const raw = await rawSession(cluster, peer, node);
      raw.open({ from: at(from), to: at(to), protocol: "keep" });
      await cluster.clock.advance(200);
      assert.deepEqual([taken.length, raw.closed], [0, true]);
      assert.equal(cluster.nodes.find(({ address }) => address === at(node))!.status().forgedFrames, 1);
      await scene.close();
    });
  }

  test("without hops that are left: refused as never asked; with one, at the second harbor", async () => {
    const scene = await Scene.start();
    const raw = await rawSession(scene.cluster, "1.1.9", "1.255.1");
    for (const [hops, id] of [
      [0, undefined],
      [1, 1],
    ] as const) {
      const stream = raw.open({ from: at("1.1.9"), to: at("2.1.1"), hops });
      await scene.cluster.clock.advance(100);
      assert.deepEqual(readHarborReset((stream.errored as StreamError).resetCode), { reason: "hops", id });
      assert.equal((stream.errored as StreamError).reason, "refused");
    }
    raw.session.destroy();
    await scene.close();
  });

  test("within a group, or to a third group: a harbor relays neither", async () => {
    const scene = await Scene.start();
    const node = await rawSession(scene.cluster, "1.1.9", "1.255.1");
    const inside = node.open({ from: at("1.1.9"), to: at("1.1.1") });
    const harbor = await rawSession(scene.cluster, "2.255.9", "1.255.1");
    const across = harbor.open({ from: at("2.1.9"), to: at("3.1.1") });
    await scene.cluster.clock.advance(100);
    const said = [inside, across].map((stream) => readHarborReset((stream.errored as StreamError).resetCode)?.reason);
    assert.deepEqual(said, ["stranger", "notResponsible"]);
    node.session.destroy();
    harbor.session.destroy();
    await scene.close();
  });

  test("a header of a later version, goes on as it came but for hops and time; what is behind it follows", async () => {
    const scene = await Scene.start();
    const { cluster } = scene;
    const target = await rawSession(cluster, "2.1.9", "2.255.1");
    cluster.discovery.put({ address: at("2.1.9"), endpoint: `${hostOf("2.1.9")}:8000` });
    const opener = await rawSession(cluster, "1.1.9", "1.255.1");
    const plain = { from: at("1.1.9"), to: at("2.1.9"), remainingMs: 5_000, protocol: "game.v9", metadata: { a: "b" } };
    const unknown = Buffer.from("what nobody knows yet");
    const header = Buffer.concat([encodeOpenHeader(plain), unknown]);
    header.writeUInt16BE(header.length - 2);
    header[OPEN_AT.version] = 9;
    header[OPEN_AT.flags] = 0x41;
    const stream = opener.openRaw(Buffer.concat([header, Buffer.from("and the stream's own")]));
    await cluster.clock.advance(100);
    const got = target.offered[0]!.read() as Buffer;
    const remainingMs = got.readUInt32BE(OPEN_AT.remainingMs);
    assert.ok(remainingMs < 5_000 && remainingMs > 4_900, `${remainingMs} ms`);
    const expected = Buffer.concat([header, Buffer.from("and the stream's own")]);
    expected[OPEN_AT.hops]! -= 2;
    expected.writeUInt32BE(remainingMs, OPEN_AT.remainingMs);
    assert.equal(got.toString("latin1"), expected.toString("latin1"));
    assert.equal(stream.opening, "asked");
    target.offered[0]!.accept();
    await cluster.clock.advance(100);
    assert.equal(stream.opening, "open");
    opener.session.destroy();
    target.session.destroy();
    await scene.close();
  });

  test("a code that only harbors say, counts for nothing when a node says it", async () => {
    const scene = await Scene.start();
    const stream = await scene.open("keep");
    scene.taken[0]!.reset(harborReset("unknownTarget"));
    const error = await scene.cluster.run(errorOf(stream));
    assert.deepEqual([error.reason, error.resetCode], ["reset", 4]);
    await scene.close();
  });

  test("a time to be accepted that no timer can wait for, is none", async () => {
    const scene = await Scene.start();
    const raw = await rawSession(scene.cluster, "1.1.9", "1.255.1");
    const stream = raw.open({ from: at("1.1.9"), to: at("2.1.1"), protocol: "keep", remainingMs: 0xffff_ffff });
    await scene.cluster.clock.advance(200);
    assert.equal(stream.opening, "open");
    raw.session.destroy();
    await scene.close();
  });

  test("more to one target that hangs than may wait: refused, and others are not held up", async () => {
    const scene = await Scene.start();
    const { cluster, opener } = scene;
    await cluster.start("2.1.2", {}, echo);
    (await scene.open()).destroy();
    await cluster.clock.advance(20);
    cluster.network.partition("h2-255-1", "h2-1-1");
    const hanging = Array.from({ length: 1_100 }, () => failureOf(opener.openStream("2.1.1", { timeoutMs: 5_000 })));
    await cluster.clock.advance(100);
    const stream = await cluster.run(opener.openStream("2.1.2"), 100);
    stream.end("others go on");
    assert.equal(await cluster.run(textOf(stream)), "others go on");
    const errors = await cluster.run(Promise.all(hanging));
    const full = errors.filter(({ code }) => code === "RESOURCE_EXHAUSTED");
    assert.deepEqual([full.length, new Set(full.map(({ execution }) => execution))], [76, new Set(["notRun"])]);
    assert.ok(scene.harbors[0]!.status().limitHits["stream.maxStreams"]! > 0);
    cluster.network.heal("h2-255-1", "h2-1-1");
    await scene.close();
  });
});

suite("failures of streams over harbors", () => {
  test("each of the harbors' texts, stands in docs/errors.md", () => {
    for (const text of HARBOR_TEXTS) assert.ok(errorsPage().includes(text), text);
  });
});
