/** Streams between nodes: opened, refused, used, ended, and lost. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ClusterStream } from "../../src/node/cluster-stream.js";
import type { ClusterNode } from "../../src/node/node.js";
import { STREAM_HINT } from "../../src/node/stream-failure.js";
import { byType } from "../../src/rpc/picker.js";
import { StreamError } from "../../src/stream/stream-error.js";
import { Cluster, failureOf } from "../support/cluster.js";
import { assertLine, errorsPage } from "../support/expect-failure.js";

const echo = (node: ClusterNode): void => node.onStream((stream) => pipeline(stream, stream));

async function textOf(stream: ClusterStream): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function errorOf(stream: ClusterStream): Promise<StreamError> {
  if (stream.errored === null) await once(stream, "close").catch(() => {});
  assert.ok(StreamError.is(stream.errored), String(stream.errored));
  return stream.errored;
}

suite("streams between nodes", () => {
  let cluster: Cluster;

  setup(() => {
    cluster = new Cluster();
  });

  test("opened and ended, gives back what was written; says with whom, what for, and its metadata on both sides", async () => {
    const seen: unknown[] = [];
    await cluster.start("1.1.1", {}, (node) =>
      node.onStream(async (stream) => {
        seen.push(stream.peer, stream.protocol, Buffer.from(stream.metadata.get("ip")!).toString());
        await pipeline(stream, stream);
      }, "chat"),
    );
    const opener = await cluster.start("1.2.1");
    const stream = await cluster.run(opener.openStream("1.1.1", { protocol: "chat", metadata: { ip: "10.0.0.9" } }));
    const asDuplex: Duplex = stream;
    asDuplex.write("hello, ");
    stream.end("world");
    assert.equal(await cluster.run(textOf(stream)), "hello, world");
    assert.deepEqual(seen, [opener.address, "chat", "10.0.0.9"]);
    assert.deepEqual([stream.peer, stream.protocol, Buffer.from(stream.metadata.get("ip")!).toString()], [0x101001, "chat", "10.0.0.9"]);
    await cluster.close();
  });

  test("to its own address, works as to another node", async () => {
    const node = await cluster.start("1.1.1", {}, echo);
    const stream = await cluster.run(node.openStream("1.1.1"));
    const bytes = Buffer.alloc(3_000_000, "abcdefg");
    stream.end(bytes);
    const text = await cluster.run(textOf(stream));
    assert.ok(text === bytes.toString());
    assert.equal(cluster.network.connectionCount, 0);
    assert.equal((await cluster.fails(node.openStream("1.1.1", { protocol: "none" }))).code, "UNIMPLEMENTED");
    await cluster.close();
  });

  test("for a protocol that nobody serves, fails at once as UNIMPLEMENTED, not run", async () => {
    await cluster.start("1.1.1", {}, echo);
    const opener = await cluster.start("1.2.1");
    const error = await cluster.fails(opener.openStream("1.1.1", { protocol: "chess" }));
    assert.deepEqual([error.code, error.execution, error.peer], ["UNIMPLEMENTED", "notRun", "1.1.1"]);
    assertLine(
      error,
      'UNIMPLEMENTED opening a stream of "chess" to 1.1.1 from 1.2.1 (notRun): nobody serves it there; is its handler registered there, with node.onStream()?',
    );
    assert.equal(opener.status().streams, 0);
    await cluster.close();
  });

  test("with a picker, goes to another node when the first one does not serve it", async () => {
    for (const id of [1, 2, 3, 4]) await cluster.start(`1.1.${id}`, {}, id === 3 ? echo : undefined);
    const opener = await cluster.start("1.2.1");
    let asked = 0;
    const target = byType(1, (candidates) => candidates.find(({ address }) => address === cluster.nodes[asked++ === 0 ? 0 : 2]!.address));
    const stream = await cluster.run(opener.openStream(target));
    assert.equal(stream.peer, cluster.nodes[2]!.address);
    stream.destroy();
    await cluster.close();
  });

  test("to whom discovery does not know, to another group, with options that are wrong: fails, not run", async () => {
    const opener = await cluster.start("1.2.1");
    const cases = [
      [opener.openStream("1.9.9"), "UNAVAILABLE", /discovery does not know it/],
      [opener.openStream("2.1.1"), "UNAVAILABLE", /harbor/],
      [opener.openStream("1.1" as "1.1.1"), "INVALID_ARGUMENT", /is not a valid address/],
      [opener.openStream(byType(7)), "UNAVAILABLE", /type 7/],
      [opener.openStream("1.2.1", { protocol: "with space" }), "INVALID_ARGUMENT", /printable ASCII/],
      [opener.openStream("1.2.1", { protocol: "clusterts.x" }), "INVALID_ARGUMENT", /the library's own/],
      [opener.openStream("1.2.1", { metadata: { "A B": "" } }), "INVALID_ARGUMENT", /metadata key/],
      [opener.openStream("1.2.1", { timeoutMs: 0 }), "INVALID_ARGUMENT", /timeoutMs/],
      [opener.openStream("1.2.1", { signal: AbortSignal.abort(new Error("never mind")) }), "CANCELLED", /never mind/],
    ] as const;
    const errors = await cluster.run(Promise.all(cases.map(([promise]) => failureOf(promise))));
    for (const [index, [, code, text]] of cases.entries()) {
      const error = errors[index]!;
      assert.deepEqual([error.code, error.execution], [code, "notRun"]);
      assert.match(error.message, text);
    }
    await cluster.close();
  });

  test("to a node that does not answer, fails within its time; aborted meanwhile, at once", async () => {
    await cluster.start("1.1.1", {}, echo);
    const opener = await cluster.start("1.2.1");
    cluster.network.partition("h1-1-1", "h1-2-1");
    const abort = new AbortController();
    const aborted = cluster.fails(opener.openStream("1.1.1", { signal: abort.signal }));
    abort.abort(new Error("the player left"));
    assert.equal((await aborted).code, "CANCELLED");
    const before = cluster.clock.now();
    const error = await cluster.fails(opener.openStream("1.1.1", { timeoutMs: 700 }));
    assert.deepEqual([error.code, error.execution], ["DEADLINE_EXCEEDED", "notRun"]);
    assert.ok(cluster.clock.now() - before <= 1_000);
    await cluster.close();
  });

  test("a reader that does not read holds back its own writer, and neither other streams nor calls", async () => {
    let idle: ClusterStream | undefined;
    await cluster.start("1.1.1", {}, (node) => {
      node.onStream((stream) => {
        idle = stream;
      }, "idle");
      echo(node);
    });
    const opener = await cluster.start("1.2.1");
    const held = await cluster.run(opener.openStream("1.1.1", { protocol: "idle" }));
    let written = 0;
    while (held.write(Buffer.alloc(10_000))) written += 10_000;
    await cluster.clock.advance(100);
    while (held.write(Buffer.alloc(10_000))) written += 10_000;
    await cluster.clock.advance(1_000);
    assert.ok(written < 1_000_000, `${written} bytes were taken`);
    assert.ok(opener.status().sessions[0]!.bytesOut <= 262_144 + 10_000);
    const other = await cluster.run(opener.openStream("1.1.1"));
    other.end(Buffer.alloc(1_000_000, "x"));
    assert.equal((await cluster.run(textOf(other))).length, 1_000_000);
    assert.equal(opener.status().streams, 1);
    assert.equal((idle!.read(10_000) as Uint8Array | null)?.length, 10_000);
    held.destroy();
    await cluster.close();
  });

  test("half-closed, still gives what the other side says; reset by it, fails with its code", async () => {
    await cluster.start("1.1.1", {}, (node) =>
      node.onStream(async (stream) => {
        const asked = await textOf(stream);
        if (asked === "reset") return void stream.reset(70_001);
        stream.end(`you said ${asked}`);
      }),
    );
    const opener = await cluster.start("1.2.1");
    const stream = await cluster.run(opener.openStream("1.1.1"));
    stream.end("yes");
    assert.equal(await cluster.run(textOf(stream)), "you said yes");
    const other = await cluster.run(opener.openStream("1.1.1"));
    other.end("reset");
    const error = await cluster.run(errorOf(other));
    assert.deepEqual([error.reason, error.resetCode], ["reset", 70_001]);
    assert.match(error.message, /stream \d+ to 1\.1\.1 was reset by the peer/);
    await cluster.close();
  });

  test("a handler that throws, resets its stream, and the log says why", async () => {
    await cluster.start("1.1.1", {}, (node) => {
      node.onStream(() => {
        throw new Error("no room");
      }, "sync");
      node.onStream(async () => {
        throw new Error("no room either");
      }, "async");
    });
    const opener = await cluster.start("1.2.1");
    for (const protocol of ["sync", "async"]) {
      const stream = await cluster.run(opener.openStream("1.1.1", { protocol }));
      assert.equal((await cluster.run(errorOf(stream))).resetCode, 4);
    }
    assert.deepEqual(
      cluster.log.filter(({ level }) => level === "error").map(({ text }) => text),
      ["sync", "async"].map((name) => `the handler of a stream of "${name}" from 1.2.1 threw`),
    );
    await cluster.close();
  });

  test("both dial at once, all streams of both work, and each lives where it was opened", async () => {
    cluster = new Cluster({ conditions: { latencyMs: 20 } });
    const [a, b] = [await cluster.start("1.1.1", {}, echo), await cluster.start("1.2.1", {}, echo)];
    const streams = await cluster.run(Promise.all([a.openStream("1.2.1"), b.openStream("1.1.1"), a.openStream("1.2.1")]));
    for (const stream of streams) stream.end("hello");
    assert.deepEqual(await cluster.run(Promise.all(streams.map(textOf))), ["hello", "hello", "hello"]);
    assert.ok(a.status().sessions.length <= 2);
    await cluster.close();
  });

  test("the connection is cut, every stream fails on both ends as lost; the next one opens over a new session", async () => {
    const taken: ClusterStream[] = [];
    await cluster.start("1.1.1", {}, (node) => node.onStream((stream) => void taken.push(stream)));
    const opener = await cluster.start("1.2.1");
    const streams = await cluster.run(Promise.all(Array.from({ length: 20 }, () => opener.openStream("1.1.1"))));
    cluster.network.reset("h1-1-1", "h1-2-1");
    const errors = await cluster.run(Promise.all([...streams, ...taken].map(errorOf)));
    assert.deepEqual(new Set(errors.map(({ reason }) => reason)), new Set(["lost"]));
    assert.equal(errors.length, 40);
    await cluster.run(opener.openStream("1.1.1"));
    assert.equal(taken.length, 21);
    await cluster.close();
  });

  test("a node that closes, lets streams finish within its time and says how many it cut", async () => {
    const server = await cluster.start("1.1.1", {}, echo);
    const opener = await cluster.start("1.2.1");
    const [ends, stays] = await cluster.run(Promise.all([opener.openStream("1.1.1"), opener.openStream("1.1.1")]));
    const closing = server.close({ timeoutMs: 2_000 });
    await cluster.clock.advance(100);
    assert.equal((await cluster.fails(opener.openStream("1.1.1"))).execution, "notRun");
    ends.end("still here");
    assert.equal(await cluster.run(textOf(ends)), "still here");
    const report = await cluster.run(closing);
    assert.deepEqual([report.streamsCut, report.timedOut], [1, true]);
    assert.equal((await cluster.run(errorOf(stays))).reason, "lost");
    await cluster.close();
  });

  test("destroyed, a node resets its streams at once; the other end fails", async () => {
    const server = await cluster.start("1.1.1", {}, echo);
    const opener = await cluster.start("1.2.1");
    const stream = await cluster.run(opener.openStream("1.1.1"));
    server.destroy();
    assert.equal((await cluster.run(errorOf(stream))).reason, "lost");
    await cluster.close();
  });

  test("destroyed or closing, a node opens no more streams, to itself neither, and nothing comes to be", async () => {
    for (const end of ["destroy", "close"] as const) {
      const node = await cluster.start(end === "close" ? "1.1.1" : "1.1.2", {}, echo);
      const open = await cluster.run(node.openStream(node.address));
      const closed = end === "close" ? node.close({ timeoutMs: 1_000 }) : node.destroy();
      await cluster.clock.settle();
      const error = await cluster.fails(node.openStream(node.address));
      assert.deepEqual([error.code, error.execution], ["UNAVAILABLE", "notRun"]);
      open.destroy();
      await cluster.run(Promise.resolve(closed));
      await cluster.run(node.close());
      assert.deepEqual(node.status().sessions, []);
    }
    await cluster.close();
  });

  test("destroyed while its peer reads nothing, has nothing left when close() resolves", async () => {
    const server = await cluster.start("1.1.1", {}, echo);
    const opener = await cluster.start("1.2.1");
    const stream = await cluster.run(opener.openStream("1.1.1"));
    cluster.network.partition("h1-1-1", "h1-2-1");
    server.destroy();
    await cluster.run(server.close(), 5_000);
    assert.deepEqual(server.status().sessions, []);
    assert.equal(cluster.network.connectionsOf("h1-1-1"), 0);
    cluster.network.heal("h1-1-1", "h1-2-1");
    assert.equal((await cluster.run(errorOf(stream))).reason, "lost");
    await cluster.close();
  });

  test("a newer process of the peer's address dials, the streams of the older one end", async () => {
    const taken: ClusterStream[] = [];
    const keep = (node: ClusterNode): void => node.onStream((stream) => void taken.push(stream));
    const old = await cluster.start("1.1.1", {}, keep);
    const opener = await cluster.start("1.2.1", {}, keep);
    const stream = await cluster.run(opener.openStream("1.1.1"));
    // The old process hangs: its host says nothing any more, and a new one has its address.
    cluster.network.freeze("h1-1-1");
    const next = cluster.make("1.1.1", { listen: "h-new:8000", transport: cluster.network.transport("h-new") });
    next.onStream((each) => void taken.push(each));
    await cluster.run(next.start());
    await cluster.run(next.openStream("1.2.1"));
    const error = await cluster.run(errorOf(stream));
    assert.match(error.message, /newer than/);
    const standing = opener.status().sessions.filter(({ phase }) => phase === "open");
    assert.deepEqual(
      standing.map(({ streams, role }) => ({ streams, role })),
      [{ streams: 1, role: "acceptor" }],
    );
    cluster.network.thaw("h1-1-1");
    old.destroy();
    await cluster.close();
  });

  test("an older process of the peer's address dials for streams while a newer one is linked, and is told that it was replaced", async () => {
    const old = await cluster.start("1.1.1");
    const taken: ClusterStream[] = [];
    await cluster.start("1.2.1", {}, (node) => node.onStream((stream) => void taken.push(stream)));
    cluster.network.freeze("h1-1-1");
    const next = cluster.make("1.1.1", { listen: "h-new:8000", transport: cluster.network.transport("h-new") });
    await cluster.run(next.start());
    await cluster.run(next.send("1.2.1", 7, new Uint8Array(1)));
    cluster.network.thaw("h1-1-1");
    await cluster.fails(old.openStream("1.2.1"));
    assert.deepEqual([taken.length, old.status().phase, next.status().phase], [0, "closed", "running"]);
    await cluster.close();
  });

  test("unused for idleMs, the session closes; the next stream opens another", async () => {
    cluster = new Cluster({ node: { link: { idleMs: 10_000 } } });
    await cluster.start("1.1.1", {}, echo);
    const opener = await cluster.start("1.2.1");
    const stream = await cluster.run(opener.openStream("1.1.1"));
    await cluster.clock.advance(60_000);
    assert.equal(opener.status().sessions.length, 1, "a stream is open");
    stream.end("x");
    assert.equal(await cluster.run(textOf(stream)), "x");
    await cluster.clock.advance(15_000);
    assert.deepEqual(opener.status().sessions, []);
    assert.equal(cluster.network.connectionCount, 0);
    (await cluster.run(opener.openStream("1.1.1"))).destroy();
    await cluster.close();
  });

  test("more than maxStreams with one peer, are refused as RESOURCE_EXHAUSTED, and counted", async () => {
    const server = await cluster.start("1.1.1", { stream: { maxStreams: 3 } }, (node) => node.onStream(() => {}));
    const opener = await cluster.start("1.2.1");
    for (let i = 0; i < 3; i++) await cluster.run(opener.openStream("1.1.1"));
    const error = await cluster.fails(opener.openStream("1.1.1"));
    assert.equal(error.execution, "notRun");
    assert.ok(server.status().limitHits["stream.maxStreams"]! >= 1);
    await cluster.close();
  });

  test("a handler that is there already, or a protocol that cannot be asked for, throws", () => {
    const node = cluster.make("1.1.1");
    node.onStream(() => {});
    assert.throws(() => node.onStream(() => {}), /"default" have a handler already/);
    assert.throws(() => node.onStream(() => {}, "clusterts.calls"), /the library's own/);
    assert.throws(() => node.onStream(() => {}, "a b"), /printable ASCII/);
  });
});

suite("failures of streams", () => {
  test("each of their hints, stands in docs/errors.md", () => {
    for (const hint of Object.values(STREAM_HINT)) assert.ok(errorsPage().includes(hint), hint);
  });
});
