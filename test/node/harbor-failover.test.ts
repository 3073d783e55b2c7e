/** Two groups with two harbors each, of which some are lost, close, or were never there. */
import assert from "node:assert/strict";
import { addressGroup, formatAddress, parseAnyAddress } from "../../src/addr/logical-address.js";
import type { ClusterNode } from "../../src/node/node.js";
import type { NodeOptions } from "../../src/node/options.js";
import { KIND } from "../../src/wire/header.js";
import { Cluster, type ClusterOptions, failureOf, hostOf } from "../support/cluster.js";
import { echo, noteMethod, sizedNote, textNote } from "../support/note.js";
import { rawPeer } from "../support/raw-peer.js";

const at = parseAnyAddress;
const later = noteMethod("later");
const hold = noteMethod("hold");

class Scene {
  readonly cluster: Cluster;
  readonly harbors: ClusterNode[] = [];
  /** Texts of the notes that 2.1.1 has got, in their order. */
  readonly got: string[] = [];
  readonly releases: (() => void)[] = [];
  caller!: ClusterNode;
  target!: ClusterNode;

  private constructor(options: ClusterOptions) {
    this.cluster = new Cluster(options);
  }

  static async start(options: ClusterOptions = {}, harbor: Partial<NodeOptions> = {}): Promise<Scene> {
    const scene = new Scene(options);
    const { cluster, got, releases } = scene;
    for (const address of ["1.255.1", "1.255.2", "2.255.1", "2.255.2"])
      scene.harbors.push(await cluster.start(address, { harbors: cluster.discovery, ...harbor }));
    scene.target = await cluster.start("2.1.1", {}, (node) => {
      node.handle(echo, (note: { text: string }) => {
        got.push(note.text);
        return note;
      });
      node.handle(hold, () => new Promise(() => {}));
      node.handle(later, (note) => new Promise((resolve) => releases.push(() => resolve(note))));
    });
    scene.caller = await cluster.start("1.1.1");
    return scene;
  }

  echo(text: string): Promise<{ text: string }> {
    return this.caller.invoke("2.1.1", echo, textNote(text), { timeoutMs: 60_000 });
  }

  /** The harbor of `group` that has passed something on, and is still there. */
  used(group: number): ClusterNode {
    const found = this.harbors.filter(
      (node) => addressGroup(node.address) === group && node.status().phase === "running" && node.status().harbor!.frames > 0,
    );
    assert.equal(found.length, 1, "one harbor of a group carries all frames for a target");
    return found[0]!;
  }

  async close(): Promise<void> {
    await this.cluster.close();
  }
}

suite("when a harbor is lost", () => {
  for (const group of [1, 2]) {
    test(`one of group ${group}, calls under way end at once as unknown, and later ones go over the other`, async () => {
      const scene = await Scene.start();
      const { cluster } = scene;
      await cluster.run(scene.echo("first"));
      const used = scene.used(group);
      const calls = Array.from({ length: 20 }, () => failureOf(scene.caller.invoke("2.1.1", hold, textNote(""), { timeoutMs: 60_000 })));
      await cluster.clock.advance(50);
      used.destroy("killed");
      const errors = await cluster.run(Promise.all(calls), 100);
      for (const { code, execution, path } of errors) {
        assert.deepEqual([code, execution], ["UNAVAILABLE", "unknown"]);
        assert.equal(path.at(-1), group === 1 ? undefined : formatAddress(scene.used(1).address));
      }
      const replies = await cluster.run(Promise.all(["a", "b", "c"].map((text) => scene.echo(text))), 1_000);
      assert.deepEqual(
        replies.map(({ text }) => text),
        ["a", "b", "c"],
      );
      await scene.close();
    });
  }

  test("the target, calls that it may have run are unknown, and later ones are told that it is not there", async () => {
    const scene = await Scene.start();
    const { cluster } = scene;
    const calls = Array.from({ length: 20 }, () => failureOf(scene.caller.invoke("2.1.1", hold, textNote(""), { timeoutMs: 60_000 })));
    await cluster.clock.advance(50);
    scene.target.destroy("killed");
    await cluster.clock.settle();
    cluster.discovery.put({ address: at("2.1.1"), endpoint: `${hostOf("2.1.1")}:8000` }); // as it is until its lease runs out
    for (const { code, execution } of await cluster.run(Promise.all(calls), 100))
      assert.deepEqual([code, execution], ["UNAVAILABLE", "unknown"]);
    await cluster.clock.advance(20);
    const error = await cluster.fails(scene.echo("late"), 200);
    assert.deepEqual([error.code, error.execution, error.path.length], ["UNAVAILABLE", "notRun", 2]);
    assert.match(error.message, /harbor 2\.255\.[12]: dial h2-1-1:8000: connection refused; is the node up/);
    await scene.close();
  });

  test("one that closes, lets what is under way finish, and new calls go over the other meanwhile", async () => {
    for (const group of [1, 2]) {
      const scene = await Scene.start();
      const { cluster } = scene;
      const calls = Promise.all([1, 2, 3].map(() => scene.caller.invoke("2.1.1", later, textNote("x"), { timeoutMs: 60_000 })));
      await cluster.clock.advance(50);
      const used = scene.used(group);
      const closing = used.close({ timeoutMs: 30_000 });
      await cluster.clock.advance(100);
      assert.equal((await cluster.run(scene.echo("meanwhile"))).text, "meanwhile");
      assert.equal(used.status().phase, "closing");
      for (const release of scene.releases) release();
      assert.equal((await cluster.run(calls)).length, 3);
      const closedAt = cluster.clock.now();
      const report = await cluster.run(closing);
      assert.deepEqual([report.timedOut, cluster.clock.now() - closedAt < 1_000], [false, true]);
      await scene.close();
    }
  });

  test("a cancel finds its call over the harbor that has since said that it closes", async () => {
    for (const group of [1, 2]) {
      const scene = await Scene.start();
      const { cluster } = scene;
      const abort = new AbortController();
      const call = failureOf(scene.caller.invoke("2.1.1", hold, textNote("x"), { timeoutMs: 60_000, signal: abort.signal }));
      await cluster.clock.advance(50);
      void scene.used(group).close({ timeoutMs: 30_000 });
      await cluster.clock.advance(100);
      await cluster.run(scene.echo("over the other"));
      abort.abort(new Error("enough"));
      await cluster.clock.advance(50);
      assert.equal((await call).code, "CANCELLED");
      assert.equal(scene.target.status().handlersRunning, 1, "the handler does not look at its signal");
      assert.equal(scene.target.status().requestsInProgress, 0, "but nobody waits for it");
      await scene.close();
    }
  });
});

suite("when a target is lost", () => {
  test("calls to it over two harbors, one of which is closing, all end", async () => {
    for (const group of [1, 2]) {
      const scene = await Scene.start();
      const { cluster } = scene;
      const call = (): Promise<unknown> => failureOf(scene.caller.invoke("2.1.1", hold, textNote(""), { timeoutMs: 60_000 }));
      const calls = [call(), call()];
      await cluster.clock.advance(50);
      void scene.used(group).close({ timeoutMs: 30_000 });
      await cluster.clock.advance(50);
      calls.push(call());
      await cluster.clock.advance(50);
      scene.target.destroy("killed");
      for (const error of await cluster.run(Promise.all(calls), 200))
        assert.deepEqual([(error as { code: string }).code, (error as { execution: string }).execution], ["UNAVAILABLE", "unknown"]);
      await scene.close();
    }
  });
});

suite("what discovery says of harbors", () => {
  test("one that is not there, is passed over: what waits for it goes over the other", async () => {
    for (const address of ["1.255.9", "2.255.9"] as const) {
      const scene = await Scene.start();
      const { cluster } = scene;
      cluster.discovery.put({ address: at(address), endpoint: "nowhere:8000" });
      await cluster.clock.settle();
      const targets = Array.from({ length: 8 }, (_, id) => `2.2.${id}` as const);
      for (const target of targets) await cluster.start(target, {}, (node) => node.handle(echo, (note) => note));
      const texts = Array.from({ length: 5 }, (_, index) => `note ${index}`);
      const replies = await cluster.run(
        Promise.all(targets.map((target) => Promise.all(texts.map((text) => scene.caller.invoke(target, echo, textNote(text)))))),
        1_000,
      );
      for (const reply of replies)
        assert.deepEqual(
          reply.map(({ text }) => text),
          texts,
        );
      await scene.close();
    }
  });

  test("an endpoint at which another node listens, is answered with both names", async () => {
    const scene = await Scene.start();
    const { cluster } = scene;
    cluster.discovery.put({ address: at("2.1.5"), endpoint: `${hostOf("2.1.1")}:8000` });
    await cluster.clock.settle();
    const error = await cluster.fails(scene.caller.invoke("2.1.5", echo, textNote("")), 200);
    assert.deepEqual([error.code, error.execution, error.path.length], ["UNAVAILABLE", "notRun", 2]);
    assert.match(error.message, /the node at that endpoint is 2\.1\.1, not 2\.1\.5/);
    await scene.close();
  });

  test("two harbors of one group whose entries name each other's, are never reached: it is told, and nothing goes round", async () => {
    const cluster = new Cluster();
    const near = await cluster.start("1.255.1", { harbors: cluster.discovery });
    await cluster.start("1.255.2", { harbors: cluster.discovery });
    cluster.discovery.put({ address: at("2.255.1"), endpoint: `${hostOf("1.255.2")}:8000` });
    cluster.discovery.put({ address: at("2.255.2"), endpoint: `${hostOf("1.255.1")}:8000` });
    const caller = await cluster.start("1.1.1");
    const error = await cluster.fails(caller.invoke("2.1.1", echo, textNote("")), 200);
    assert.deepEqual([error.code, error.execution, error.path.length], ["UNAVAILABLE", "notRun", 1]);
    assert.equal(near.status().harbor!.frames, 0);
    await cluster.close();
  });

  test("a target that left, is told as soon as discovery says so", async () => {
    const scene = await Scene.start();
    const { cluster } = scene;
    await cluster.run(scene.echo("first"));
    await cluster.run(scene.target.close());
    await cluster.clock.advance(20);
    const error = await cluster.fails(scene.echo("second"), 200);
    assert.deepEqual([error.code, error.execution, error.path.length], ["UNAVAILABLE", "notRun", 2]);
    await scene.close();
  });

  test("a harbor that comes up when a call waits for none, is used for the next one", async () => {
    const cluster = new Cluster();
    await cluster.start("2.1.1", {}, (node) => node.handle(echo, (note) => note));
    const caller = await cluster.start("1.1.1");
    assert.match((await cluster.fails(caller.invoke("2.1.1", echo, textNote("")))).message, /none is known/);
    await cluster.start("1.255.1", { harbors: cluster.discovery });
    assert.match((await cluster.fails(caller.invoke("2.1.1", echo, textNote("")))).message, /no harbor of group 2 is known/);
    await cluster.start("2.255.1", { harbors: cluster.discovery });
    assert.equal((await cluster.run(caller.invoke("2.1.1", echo, textNote("now")))).text, "now");
    await cluster.close();
  });
});

suite("the order of messages over harbors", () => {
  test("small and large ones of a pair, arrive in the order in which they were sent", async () => {
    const scene = await Scene.start({ conditions: { latencyMs: 3, jitterMs: 5 } });
    const { cluster } = scene;
    const order: number[] = [];
    const second = await cluster.start("2.1.2", {}, (node) => node.onMessage(5, (bytes) => void order.push(bytes[0]!)));
    const sends = Array.from({ length: 60 }, (_, index) => {
      const bytes = new Uint8Array(index % 7 === 3 ? 300_000 : 10);
      bytes[0] = index;
      return scene.caller.send(second.address, 5, bytes);
    });
    await cluster.run(Promise.all(sends));
    await cluster.clock.advance(2_000);
    assert.deepEqual(
      order,
      Array.from({ length: 60 }, (_, index) => index),
    );
    await scene.close();
  });

  test("the harbor's old connection ends while messages wait for its new one: these go over the other harbor first", async () => {
    const scene = await Scene.start({ conditions: { latencyMs: 10 } });
    const { cluster } = scene;
    const got: number[] = [];
    await cluster.start("2.1.2", {}, (node) => node.onMessage(5, (bytes) => void got.push(bytes[0]!)));
    const caller = await cluster.start("1.1.2", { link: { maxAgeMs: 50 } });
    const send = (number: number): Promise<void> => caller.send("2.1.2", 5, Uint8Array.of(number));
    await cluster.run(send(1));
    const { peer } = caller.status().links[0]!;
    const phase = (): string | undefined => caller.status().links.find((link) => link.peer === peer)?.phase;
    while (phase() !== "idle") await cluster.clock.advance(1); // it has got old
    await cluster.clock.advance(12); // the harbor has read that, and ends the connection
    cluster.network.hold(hostOf("1.1.2"), hostOf(peer));
    const second = send(2);
    await cluster.clock.advance(5);
    assert.equal(phase(), "dialing");
    await cluster.clock.advance(10);
    await cluster.run(Promise.all([second, send(3)]));
    await cluster.clock.advance(500);
    assert.deepEqual(got, [1, 2, 3]);
    cluster.network.shapeAll({ held: false });
    await scene.close();
  });

  test("what comes over the old harbor behind later ones over the new one, is refused and counted, never run", async () => {
    const scene = await Scene.start();
    const { cluster } = scene;
    const [one, other] = [await rawPeer(cluster, "2.255.8", "2.1.1"), await rawPeer(cluster, "2.255.9", "2.1.1")];
    const body = Buffer.concat([Buffer.from([echo.id >>> 24, echo.id >>> 16, echo.id >>> 8, echo.id]), Buffer.from([10, 1, 65])]);
    other.send({ kind: KIND.request, from: at("1.1.9"), seq: 5 }, body);
    await cluster.clock.advance(20);
    one.send({ kind: KIND.request, from: at("1.1.9"), seq: 3 }, body);
    one.send({ kind: KIND.bytes, from: at("1.1.9"), seq: 4 }, body);
    one.send({ kind: KIND.request, from: at("1.1.9"), seq: 6 }, body);
    one.send({ kind: KIND.request, from: at("1.1.9"), seq: 3, epoch: 2 }, body); // another life
    await cluster.clock.advance(20);
    assert.equal(scene.got.length, 3);
    assert.deepEqual(
      one.frames.map(({ kind, seq }) => [kind, seq]),
      [
        [KIND.refused, 3],
        [KIND.reply, 6],
        [KIND.reply, 3],
      ],
    );
    assert.deepEqual([scene.target.status().lateMessages, scene.target.status().oneWaysDropped], [2, 1]);
    for (const peer of [one, other]) peer.destroy();
    await scene.close();
  });
});

suite("limits of a harbor", () => {
  test("a target that reads nothing, is refused more than its share, and others are not held up", async () => {
    const limits = { link: { highWaterBytes: 128 * 1024, maxBufferedBytes: 512 * 1024, slowPeerBytes: 1024 ** 2 } };
    const scene = await Scene.start({}, limits);
    const { cluster } = scene;
    await cluster.start("2.1.2", {}, (node) => node.handle(echo, (note) => note));
    await cluster.run(scene.echo("up"));
    const far = scene.used(2);
    cluster.network.pauseReading(hostOf("2.1.1"), hostOf(formatAddress(far.address)));
    const note = sizedNote(60_000);
    const failures: Promise<unknown>[] = [];
    for (let index = 0; index < 40; index++) {
      failures.push(failureOf(scene.caller.invoke("2.1.1", echo, note, { timeoutMs: 2_000 })));
      await cluster.clock.advance(2);
    }
    assert.equal((await cluster.run(scene.caller.invoke("2.1.2", echo, textNote("fast")), 100)).text, "fast");
    assert.ok(far.status().harbor!.waitingBytes < 1024 ** 2);
    const errors = (await cluster.run(Promise.all(failures))) as { code: string; execution: string; path: string[] }[];
    const refused = errors.filter(({ code }) => code === "RESOURCE_EXHAUSTED");
    assert.ok(
      refused.length > 20 && refused.every(({ execution, path }) => execution === "notRun" && path.length === 2),
      `${refused.length} refused`,
    );
    assert.ok(far.status().harbor!.refused.slowTarget! >= refused.length);
    assert.equal(far.status().limitHits["link.maxBufferedBytes"], far.status().harbor!.refused.slowTarget);
    await scene.close();
  });

  test("a pair that floods the connection between two harbors, is refused, and leaves room for others", async () => {
    const limits = { link: { highWaterBytes: 128 * 1024, maxBufferedBytes: 512 * 1024, slowPeerBytes: 1024 ** 2 } };
    const scene = await Scene.start({}, limits);
    const { cluster } = scene;
    await cluster.start("2.1.2", {}, (node) => node.handle(echo, (note) => note));
    await cluster.run(Promise.all([scene.echo("up"), scene.caller.invoke("2.1.2", echo, textNote("up"))]));
    for (const near of ["1.255.1", "1.255.2"])
      for (const far of ["2.255.1", "2.255.2"]) cluster.network.pauseReading(hostOf(far), hostOf(near));
    for (let index = 0; index < 40; index++) {
      await cluster.run(scene.caller.send("2.1.1", 5, new Uint8Array(60_000)));
      await cluster.clock.advance(2);
    }
    const refused = scene.harbors.reduce((sum, node) => sum + (node.status().harbor!.refused.slowTarget ?? 0), 0);
    assert.ok(refused > 20, `${refused} refused`);
    const other = scene.caller.invoke("2.1.2", echo, textNote("in time"), { timeoutMs: 5_000 });
    await cluster.clock.advance(20);
    cluster.network.shapeAll({ receiverReads: true });
    assert.equal((await cluster.run(other)).text, "in time");
    await scene.close();
  });

  test("too much in all, is refused to those that have some of it waiting", async () => {
    const scene = await Scene.start({}, { harbor: { maxWaitingBytes: 500_000 } });
    const { cluster } = scene;
    await cluster.start("2.1.2", {}, (node) => node.handle(echo, (note) => note));
    await cluster.run(scene.echo("up"));
    const far = scene.used(2);
    cluster.network.pauseReading(hostOf("2.1.1"), hostOf(formatAddress(far.address)));
    for (let index = 0; index < 60; index++) {
      await cluster.run(scene.caller.send("2.1.1", 5, new Uint8Array(60_000)));
      await cluster.clock.advance(2);
    }
    const { refused, oneWaysDropped, waitingBytes } = far.status().harbor!;
    assert.ok(refused.tooManyBytes! > 20 && oneWaysDropped === refused.tooManyBytes, JSON.stringify(refused));
    assert.ok(waitingBytes < 500_000 + 1024 ** 2 + 120_000, `${waitingBytes} bytes`);
    assert.equal((await cluster.run(scene.caller.invoke("2.1.2", echo, textNote("fast")), 100)).text, "fast");
    assert.ok(cluster.log.some(({ text }) => text.includes("did not pass on a one-way message of 1.1.1 to 2.1.1")));
    await scene.close();
  });

  test("more pairs of nodes than it remembers, are refused while somebody waits, and else forget those", async () => {
    const scene = await Scene.start({}, { harbor: { maxPairs: 2 } });
    const { cluster } = scene;
    const held = [1, 2].map((id) => failureOf(scene.caller.invoke(`2.1.${id}`, hold, textNote(""), { timeoutMs: 3_000 })));
    await cluster.clock.advance(50);
    const third = await cluster.fails(scene.caller.invoke("2.1.3", echo, textNote("")), 100);
    assert.ok(third.code === "RESOURCE_EXHAUSTED" || third.code === "UNAVAILABLE");
    await cluster.run(Promise.all(held));
    for (let id = 0; id < 10; id++)
      assert.equal((await cluster.fails(scene.caller.invoke(`2.2.${id}`, echo, textNote("")), 200)).code, "UNAVAILABLE");
    for (const harbor of scene.harbors) assert.ok(harbor.status().harbor!.pairs <= 2);
    await scene.close();
  });
});
