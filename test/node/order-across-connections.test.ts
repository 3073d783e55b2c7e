/** One link, one connection after the other: what is sent over the later one stays behind what was sent over the earlier. */
import assert from "node:assert/strict";
import { Deferred } from "../../src/internal/deferred.js";
import type { ClusterNode } from "../../src/node/node.js";
import type { Connection, Transport } from "../../src/transport/transport.js";
import { KIND } from "../../src/wire/header.js";
import { Cluster, failureOf, hostOf } from "../support/cluster.js";
import { echo, type Note, noteMessage, noteMethod, textNote } from "../support/note.js";
import { rawPeer } from "../support/raw-peer.js";

const A = "1.1.1";
const B = "1.1.2";
const MIB = 1024 ** 2;
const hold = noteMethod("hold");

interface Crossing {
  readonly cluster: Cluster;
  readonly a: ClusterNode;
  readonly b: ClusterNode;
  /** Connections that `a` dialed. */
  readonly dialed: Connection[];
  /** What came to `b`, in order. */
  readonly seen: string[];
  /** From now on it takes so long from one to the other. */
  latency(from: string, to: string, ms: number): void;
}

/** `b` has just said that its link to `a` was idle; `a` learns it in 100 ms. */
async function crossing(options: Parameters<Cluster["make"]>[1] = {}): Promise<Crossing> {
  const cluster = new Cluster({ node: options });
  const seen: string[] = [];
  const take = (note: Note): Note => {
    seen.push(note.text);
    return textNote("");
  };
  const dialed: Connection[] = [];
  const network = cluster.network.transport(hostOf(A));
  const transport: Transport = {
    dial: async (endpoint, signal) => {
      const connection = await network.dial(endpoint, signal);
      dialed.push(connection);
      return connection;
    },
    listen: (endpoint, onConnection) => network.listen(endpoint, onConnection),
  };
  const a = await cluster.start(A, { transport }, (node) => node.handle(echo, (note: Note) => note));
  const b = await cluster.start(B, { link: { ...options.link, idleMs: 5_000 } }, (node) => {
    node.handle(echo, take);
    node.onMessage(noteMessage, (note) => void take(note));
    node.handle(hold, (note: Note) => {
      seen.push(note.text);
      return new Promise<Note>(() => {});
    });
  });
  await cluster.run(a.invoke(B, echo, textNote("opens the link")));
  seen.length = 0;
  const latency = (from: string, to: string, latencyMs: number): void => cluster.network.shape(hostOf(from), hostOf(to), { latencyMs });
  latency(B, A, 100);
  while (phaseAt(b) === "ready") await cluster.clock.advance(10);
  assert.equal(phaseAt(a), "ready", "it does not know yet");
  return { cluster, a, b, dialed, seen, latency };
}

function phaseAt(node: ClusterNode): string | undefined {
  return node.status().links[0]?.phase;
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index));
}

suite("order across the connections of one link", () => {
  test("messages crossed the go-away and are slow, later ones on a fast new connection wait for them", async () => {
    const { cluster, a, seen, latency } = await crossing();
    latency(A, B, 500);
    const sent = [a.invoke(B, echo, textNote("0")), a.send(B, noteMessage, textNote("1"))];
    await cluster.clock.advance(150);
    latency(A, B, 0);
    latency(B, A, 0);
    sent.push(a.send(B, noteMessage, textNote("2")), a.invoke(B, echo, textNote("3")));
    await cluster.clock.advance(100);
    assert.equal(phaseAt(a), "settling");
    assert.equal(a.status().links[0]?.queuedMessages, 2);
    sent.push(a.invoke(B, echo, textNote("4")), a.send(B, noteMessage, textNote("5")));
    await cluster.run(Promise.all(sent));
    assert.deepEqual(seen, numbered(6));
    assert.equal(phaseAt(a), "ready");
    await cluster.close();
  });

  test("the peer dials the new connection, messages on it wait as well; the peer's own need not", async () => {
    const { cluster, a, b, seen, latency } = await crossing();
    latency(A, B, 500);
    const sent: Promise<unknown>[] = [a.send(B, noteMessage, textNote("0"))];
    await cluster.clock.advance(150);
    latency(A, B, 1);
    latency(B, A, 1);
    assert.equal((await cluster.run(b.invoke(A, echo, textNote("of b")))).text, "of b");
    assert.equal(phaseAt(a), "settling");
    sent.push(a.invoke(B, echo, textNote("1")), a.send(B, noteMessage, textNote("2")));
    await cluster.run(Promise.all(sent));
    assert.deepEqual(seen, numbered(3));
    await cluster.close();
  });

  test("a large message crossed the go-away, its later pieces still go over the connection that ends, and later messages wait", async () => {
    const { cluster, a, seen, latency } = await crossing();
    cluster.network.shape(hostOf(A), hostOf(B), { bytesPerSecond: 2 * MIB });
    const sent: Promise<unknown>[] = [a.send(B, noteMessage, { text: "0", data: new Uint8Array(3 * MIB) })];
    sent.push(a.invoke(B, echo, textNote("1")));
    await cluster.clock.advance(200);
    assert.equal(phaseAt(a), "idle");
    cluster.network.shape(hostOf(A), hostOf(B), { bytesPerSecond: Number.POSITIVE_INFINITY });
    latency(B, A, 0);
    sent.push(a.send(B, noteMessage, textNote("2")), a.invoke(B, echo, textNote("3")));
    await cluster.run(Promise.all(sent));
    assert.deepEqual(seen, numbered(4));
    await cluster.close();
  });

  test("nothing crossed the go-away, the new connection carries messages at once", async () => {
    const { cluster, a, b, seen, latency } = await crossing();
    await cluster.clock.advance(150);
    latency(B, A, 10);
    const phases = new Set<string | undefined>();
    const sent = a.invoke(B, echo, textNote("0"));
    for (let ms = 0; ms < 200; ms++) {
      await cluster.clock.advance(1);
      phases.add(phaseAt(a));
    }
    await cluster.run(sent);
    assert.deepEqual([...phases], ["dialing", "ready"]);
    assert.deepEqual(seen, ["0"]);
    assert.equal(b.status().oneWaysDropped, 0);
    await cluster.close();
  });

  test("a message that waits for those before it, leaves the queue by its cancel or deadline and has not run", async () => {
    const { cluster, a, seen, latency } = await crossing();
    latency(A, B, 500);
    const first = a.send(B, noteMessage, textNote("0"));
    await cluster.clock.advance(150);
    latency(A, B, 0);
    latency(B, A, 0);
    const abort = new AbortController();
    const cancelled = failureOf(a.invoke(B, echo, textNote("cancelled"), { signal: abort.signal }));
    const late = failureOf(a.invoke(B, echo, textNote("late"), { timeoutMs: 250 }));
    const last = a.invoke(B, echo, textNote("1"));
    await cluster.clock.advance(200);
    assert.equal(phaseAt(a), "settling");
    abort.abort();
    assert.equal((await cluster.run(cancelled)).execution, "notRun");
    assert.equal((await cluster.run(late)).execution, "notRun");
    assert.equal(
      (await late).reason,
      `connected to ${hostOf(B)}:8000, it has yet to read what was sent over the connection before; it was never sent: is the node up and advertised correctly, or timeoutMs too short?`,
    );
    await cluster.run(Promise.all([first, last]));
    assert.deepEqual(seen, numbered(2));
    await cluster.close();
  });

  test("a cancel of a call on the earlier connection, does not wait", async () => {
    const { cluster, a, seen, latency } = await crossing();
    const abort = new AbortController();
    const told = failureOf(a.invoke(B, hold, textNote("0"), { signal: abort.signal }));
    latency(A, B, 500);
    const large = a.send(B, noteMessage, textNote("1"));
    await cluster.clock.advance(150);
    latency(A, B, 0);
    latency(B, A, 0);
    const last = a.send(B, noteMessage, textNote("2"));
    await cluster.clock.advance(50);
    assert.equal(phaseAt(a), "settling");
    abort.abort();
    assert.equal((await cluster.run(told)).execution, "unknown");
    await cluster.run(Promise.all([large, last]));
    assert.deepEqual(seen, numbered(3));
    assert.equal(cluster.nodes[1]!.status().requestsInProgress, 0, "its handler was told");
    await cluster.close();
  });

  test("the earlier connection falls silent, later messages wait for no longer than until that is found out", async () => {
    const { cluster, a, seen, latency } = await crossing();
    latency(A, B, 500);
    const lost = failureOf(a.invoke(B, echo, textNote("lost")));
    await cluster.clock.advance(150);
    cluster.network.halfOpen(hostOf(B), hostOf(A));
    latency(A, B, 1);
    const startedAt = cluster.clock.now();
    await cluster.run(a.send(B, noteMessage, textNote("0")));
    assert.ok(cluster.clock.now() - startedAt < 7_000, "link.keepaliveTimeoutMs and a look at the links");
    assert.equal((await lost).execution, "unknown");
    await cluster.clock.advance(10);
    assert.deepEqual(seen, ["0"]);
    await cluster.close();
  });

  test("the new connection is lost while messages wait, they fail as not run and the next ones go over another", async () => {
    const { cluster, a, dialed, seen, latency } = await crossing();
    latency(A, B, 500);
    const first = a.send(B, noteMessage, textNote("0"));
    await cluster.clock.advance(150);
    latency(A, B, 0);
    latency(B, A, 0);
    const waits = failureOf(a.send(B, noteMessage, textNote("waits")));
    await cluster.clock.advance(50);
    assert.equal(phaseAt(a), "settling");
    dialed.at(-1)!.destroy(new Error("cut"));
    const error = await cluster.run(waits, 1);
    assert.equal(error.execution, "notRun");
    assert.equal(error.reason, "link lost: cut; it was not sent: call again");
    await cluster.run(Promise.all([first, a.send(B, noteMessage, textNote("1"))]));
    await cluster.clock.advance(10);
    assert.deepEqual(seen, numbered(2));
    assert.equal(dialed.length, 3);
    await cluster.close();
  });

  test("the peer begins to close while messages wait, they fail at once as not run", async () => {
    const { cluster, a, b, latency } = await crossing();
    latency(A, B, 500);
    const first = a.send(B, noteMessage, textNote("0"));
    await cluster.clock.advance(150);
    latency(A, B, 0);
    latency(B, A, 0);
    const second = failureOf(a.invoke(B, echo, textNote("waits")));
    await cluster.clock.advance(50);
    assert.equal(phaseAt(a), "settling");
    const busy = b.invoke(A, echo, textNote("keeps it from closing"), { timeoutMs: 50 }).catch(() => {});
    const closing = b.close({ timeoutMs: 1_000 });
    await cluster.clock.advance(2);
    const error = await cluster.run(second, 1);
    assert.equal(error.execution, "notRun");
    assert.match(error.reason, /^it is shutting down/);
    await cluster.run(Promise.all([first, closing, busy]));
    await cluster.close();
  });

  test("the new connection goes out of use while messages wait, they wait for the next one", async () => {
    const { cluster, a, dialed, seen, latency } = await crossing({
      link: { keepaliveMs: 60_000, probeMs: 60_000, keepaliveTimeoutMs: 60_000, unansweredMs: 240_000 },
    });
    latency(A, B, 20_000);
    const first = a.send(B, noteMessage, textNote("0"));
    await cluster.clock.advance(150);
    latency(A, B, 1);
    latency(B, A, 1);
    const second = a.send(B, noteMessage, textNote("1"));
    await cluster.clock.advance(15_000);
    assert.ok(dialed.length > 2, "the peer has found the second one idle");
    assert.deepEqual([phaseAt(a), a.status().links[0]?.queuedMessages], ["settling", 1]);
    await cluster.run(Promise.all([first, second]), 10_000);
    await cluster.clock.advance(10);
    assert.deepEqual(seen, numbered(2));
    await cluster.close();
  });

  test("more messages than the queue holds, are refused while they wait", async () => {
    const { cluster, a, seen, latency } = await crossing({ link: { maxPendingMessages: 2 } });
    latency(A, B, 500);
    const sent = [a.send(B, noteMessage, textNote("0"))];
    await cluster.clock.advance(150);
    latency(A, B, 0);
    sent.push(a.send(B, noteMessage, textNote("1")), a.send(B, noteMessage, textNote("2")));
    const refused = await cluster.fails(a.send(B, noteMessage, textNote("one too many")));
    assert.deepEqual([refused.code, refused.execution], ["RESOURCE_EXHAUSTED", "notRun"]);
    await cluster.run(Promise.all(sent));
    assert.deepEqual(seen, numbered(3));
    await cluster.close();
  });

  test("the new dial reaches the peer before the go-away does, it is taken as soon as that has come", async () => {
    const { cluster, a, b, seen, latency } = await crossing();
    latency(B, A, 0);
    const dialed = b.invoke(A, echo, textNote("of b"));
    assert.equal((await cluster.run(dialed, 1_000)).text, "of b");
    assert.deepEqual(
      cluster.log.filter(({ level }) => level === "warn"),
      [],
    );
    await cluster.run(a.invoke(B, echo, textNote("0")));
    assert.deepEqual(seen, ["0"]);
    await cluster.close();
  });
});

suite("a peer that does not wait", () => {
  test("what comes over an earlier connection behind what was sent after it, is refused and does not run", async () => {
    const cluster = new Cluster();
    const seen: string[] = [];
    const release = new Deferred<void>();
    const node = await cluster.start(B, {}, (node) => {
      node.onMessage(7, (bytes) => void seen.push(Buffer.from(bytes).toString()));
      node.handle(hold, async (note: Note) => {
        await release.promise;
        return note;
      });
    });
    const first = await rawPeer(cluster, A, B);
    const request = Buffer.alloc(4);
    request.writeUInt32BE(hold.id);
    const command = (text: string): Buffer => Buffer.concat([Buffer.from([0, 0, 0, 7]), Buffer.from(text)]);
    first.send({ kind: KIND.request, seq: 1 }, request); // keeps the connection from ending
    first.send({ kind: KIND.bytes, seq: 2 }, command("2"));
    first.send({ kind: KIND.goAway, seq: 0 }, Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]));
    await cluster.clock.advance(10);
    const second = await rawPeer(cluster, A, B);
    first.send({ kind: KIND.bytes, seq: 3 }, command("3"));
    await cluster.clock.advance(10);
    second.send({ kind: KIND.bytes, seq: 6 }, command("6"));
    await cluster.clock.advance(10);
    first.send({ kind: KIND.bytes, seq: 4 }, command("4"));
    first.send({ kind: KIND.request, seq: 5 }, request);
    await cluster.clock.advance(10);
    assert.deepEqual(seen, ["2", "3", "6"]);
    assert.equal(node.status().oneWaysDropped, 1);
    assert.deepEqual(
      first.frames
        .filter(({ kind }) => kind === KIND.refused)
        .map(({ seq, body }) => [seq, body.includes("behind messages sent after it")]),
      [[5, true]],
    );
    release.resolve();
    await cluster.clock.advance(10);
    assert.deepEqual(
      first.frames.filter(({ kind }) => kind === KIND.reply).map(({ seq }) => seq),
      [1],
      "what was taken before is answered",
    );
    first.destroy();
    second.destroy();
    await cluster.clock.advance(10);
    await cluster.close();
  });
});
