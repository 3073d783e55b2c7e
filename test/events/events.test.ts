import assert from "node:assert/strict";
import { hasSubscribers } from "node:diagnostics_channel";
import { RpcError } from "../../src/errors.js";
import { onEvent } from "../../src/events/channels.js";
import { Deferred } from "../../src/internal/deferred.js";
import { mailbox } from "../../src/rpc/mailbox.js";
import { Cluster, failureOf } from "../support/cluster.js";
import { Heard } from "../support/heard.js";
import { echo, type Note, noteMessage, noteMethod, sizedNote, textNote } from "../support/note.js";

const hold = noteMethod("hold");
const fail = noteMethod("fail");

suite("events", () => {
  test("a call, its handler, and both nodes' lives, are told from start to end", async () => {
    const cluster = new Cluster();
    using calls = new Heard("clusterts:call");
    using handlers = new Heard("clusterts:handler");
    using lives = new Heard("clusterts:node");
    using links = new Heard("clusterts:link");
    using members = new Heard("clusterts:member");
    using notices = new Heard("clusterts:discovery");
    await cluster.start("1.1.1", {}, (node) => {
      node.handle(echo, async (note: Note) => note);
      node.handle(fail, () => {
        throw new RpcError("NOT_FOUND", "no such note");
      });
    });
    const caller = await cluster.start("1.2.1");
    await cluster.run(caller.invoke("1.1.1", echo, textNote("x")));
    await cluster.fails(caller.invoke("1.1.1", fail, textNote("x")));
    await cluster.run(caller.send("1.1.1", 7, new Uint8Array(1)));
    await cluster.clock.advance(5);
    const ends = calls.of("end").map(({ method, peer, code, execution, oneWay }) => [method, peer, code, execution, oneWay]);
    assert.deepEqual(ends, [
      ["test.Notes/echo", "1.1.1", "OK", "ran", false],
      ["test.Notes/fail", "1.1.1", "NOT_FOUND", "ran", false],
      ["command 7", "1.1.1", "OK", "unknown", true],
    ]);
    const [firstStart] = calls.of("start");
    const [firstEnd] = calls.of("end");
    assert.equal(firstStart!.id, firstEnd!.id);
    assert.ok(firstEnd!.durationMs > 0);
    assert.deepEqual(
      handlers.of("end").map(({ node, method, peer, code }) => [node, method, peer, code]),
      [
        ["1.1.1", "test.Notes/echo", "1.2.1", "OK"],
        ["1.1.1", "test.Notes/fail", "1.2.1", "NOT_FOUND"],
      ],
    );
    assert.deepEqual(
      links.of("opened").map(({ node, peer, dialed, software }) => [node, peer, dialed, software.startsWith("clusterts ")]),
      [
        ["1.1.1", "1.2.1", false, true],
        ["1.2.1", "1.1.1", true, true],
      ],
    );
    assert.ok(members.of("added", "1.1.1").some(({ peer }) => peer === "1.2.1"));
    assert.deepEqual(
      notices.of("registered").map(({ node }) => node),
      ["1.1.1", "1.2.1"],
    );
    await cluster.run(caller.close());
    await cluster.close();
    assert.deepEqual(
      lives.of("phase", "1.1.1").map(({ phase }) => phase),
      ["starting", "running", "closing", "closed"],
    );
    assert.equal(links.of("lost").length, 2);
    assert.ok(links.of("draining").length > 0);
  });

  test("a peer that is not reached, is told with the reason, and so is what was given up", async () => {
    const cluster = new Cluster();
    using links = new Heard("clusterts:link");
    using limits = new Heard("clusterts:limit");
    const caller = await cluster.start("1.2.1");
    const peer = await cluster.start("1.1.1");
    peer.destroy();
    await cluster.clock.advance(100);
    cluster.discovery.put({ address: peer.address, endpoint: "h1-1-1:8000" });
    await cluster.clock.settle();
    await cluster.fails(caller.invoke("1.1.1", echo, textNote("")));
    const [failed] = links.of("dialFailed");
    assert.deepEqual([failed?.node, failed?.peer, failed?.endpoint, failed?.attempts], ["1.2.1", "1.1.1", "h1-1-1:8000", 1]);
    assert.match(failed!.reason, /^dial h1-1-1:8000: /);
    assert.deepEqual(
      links.of("gaveUp").map(({ messages }) => messages),
      [1],
    );
    assert.deepEqual(
      limits.events.map(({ limit, peer: to }) => [limit, to]),
      [["link.reachTimeoutMs", "1.1.1"]],
    );
    await cluster.close();
  });

  test("a connection that is refused, is told with cause and place", async () => {
    const cluster = new Cluster({ node: { secrets: ["0123456789abcdef0123456789abcdef"] } });
    using links = new Heard("clusterts:link");
    await cluster.start("1.1.1");
    const stranger = await cluster.start("1.2.1", { secrets: ["fedcba9876543210fedcba9876543210"] });
    await cluster.fails(stranger.invoke("1.1.1", echo, textNote("")));
    const [refused] = links.of("refused", "1.1.1");
    assert.equal(refused?.cause, "noCommonKey");
    assert.match(refused!.remote, /^h1-2-1/);
    await cluster.close();
  });

  test("one-way messages that nobody takes, are told with the cause", async () => {
    const cluster = new Cluster();
    using drops = new Heard("clusterts:drop");
    const receiver = await cluster.start("1.1.1");
    const sender = await cluster.start("1.2.1");
    await cluster.run(sender.send("1.1.1", noteMessage, textNote("x")));
    await cluster.clock.advance(5);
    assert.deepEqual(
      drops.events.map(({ node, peer, cause, reason }) => [node, peer, cause, reason]),
      [["1.1.1", "1.2.1", "noHandler", "nobody listens to 7"]],
    );
    assert.equal(receiver.status().oneWaysDropped, 1);
    await cluster.close();
  });

  test("each limit that is hit, is told by its option's name and counted", async () => {
    const cluster = new Cluster();
    using limits = new Heard("clusterts:limit");
    const release = new Deferred<Note>();
    const handler = await cluster.start("1.1.1", { rpc: { maxRequests: 2, maxPayloadBytes: 100 } }, (node) => {
      node.handle(hold, () => release.promise);
      node.handle(echo, () => release.promise);
      node.limit("test.Notes/echo", { maxConcurrent: 1 });
    });
    const caller = await cluster.start("1.2.1", { rpc: { maxCallsInFlight: 3 } });
    const first = caller.invoke("1.1.1", echo, textNote(""));
    await cluster.clock.advance(5);
    await cluster.fails(caller.invoke("1.1.1", echo, textNote("")));
    await cluster.fails(caller.invoke("1.1.1", hold, sizedNote(101)));
    const second = caller.invoke("1.1.1", hold, textNote(""));
    await cluster.clock.advance(5);
    await cluster.fails(caller.invoke("1.1.1", hold, textNote("")));
    const third = failureOf(caller.invoke("1.1.1", hold, textNote("")));
    await cluster.fails(caller.invoke("1.1.1", hold, textNote("")));
    await cluster.run(third);
    assert.deepEqual(
      limits.events.map(({ node, limit, peer, method }) => [node, limit, peer, method]),
      [
        ["1.1.1", "limit.maxConcurrent", "1.2.1", "test.Notes/echo"],
        ["1.2.1", "rpc.maxPayloadBytes", "1.1.1", "test.Notes/hold"],
        ["1.1.1", "rpc.maxRequests", "1.2.1", undefined],
        ["1.2.1", "rpc.maxCallsInFlight", "1.1.1", "test.Notes/hold"],
        ["1.1.1", "rpc.maxRequests", "1.2.1", undefined],
      ],
    );
    assert.deepEqual(handler.status().limitHits, { "limit.maxConcurrent": 1, "rpc.maxRequests": 2 });
    release.resolve(textNote(""));
    await cluster.run(Promise.all([first, second]));
    await cluster.close();
  });

  test("what waits for a link and does not fit, is told by the limit that it was over", async () => {
    for (const [link, limit] of [
      [{ maxPendingMessages: 1 }, "link.maxPendingMessages"],
      [{ maxPendingBytes: 100 }, "link.maxPendingBytes"],
    ] as const) {
      const cluster = new Cluster();
      using limits = new Heard("clusterts:limit");
      await cluster.start("1.1.1", {}, (node) => node.handle(echo, (note: Note) => note));
      const caller = await cluster.start("1.2.1", { link });
      const first = caller.invoke("1.1.1", echo, sizedNote(90));
      const error = await cluster.fails(caller.invoke("1.1.1", echo, sizedNote(90)));
      assert.equal(error.code, "RESOURCE_EXHAUSTED");
      assert.deepEqual(
        limits.events.map((event) => event.limit),
        [limit],
      );
      await cluster.run(first);
      await cluster.close();
    }
  });

  test("large messages of one peer that together are too much, are told by the limit", async () => {
    const cluster = new Cluster({ conditions: { bytesPerSecond: 10_000_000 } });
    const big = noteMethod("big");
    const receiver = await cluster.start("1.1.1", { link: { maxPartialBytes: 100_000 } }, (node) => node.handle(big, () => textNote("")));
    const peer = await cluster.start("1.2.1", {}, (node) => node.handle(big, () => sizedNote(3_000_000)));
    const reply = receiver.invoke("1.2.1", big, textNote("")).catch(() => undefined);
    await cluster.clock.advance(20);
    const error = await cluster.fails(peer.invoke("1.1.1", big, sizedNote(3_000_000)));
    assert.equal(error.code, "RESOURCE_EXHAUSTED");
    assert.deepEqual(receiver.status().limitHits, { "link.maxPartialBytes": 1 });
    await cluster.run(reply);
    await cluster.close();
  });

  test("dials that come too fast, are told by the limit and made later", async () => {
    const cluster = new Cluster();
    const prepare = (node: Cluster["nodes"][0]): void => node.handle(echo, (note: Note) => note);
    for (const address of ["1.1.1", "1.1.2", "1.1.3"]) await cluster.start(address, {}, prepare);
    const caller = await cluster.start("1.2.1", { link: { maxDialsPerSecond: 2 } });
    const calls = ["1.1.1", "1.1.2", "1.1.3"].map((to) => caller.invoke(to as "1.1.1", echo, textNote("")));
    await cluster.run(Promise.all(calls));
    assert.deepEqual(caller.status().limitHits, { "link.maxDialsPerSecond": 1 });
    await cluster.close();
  });

  test("a mailbox without room, is told without a node", async () => {
    using limits = new Heard("clusterts:limit");
    const rooms = mailbox<string>({ name: "rooms", maxQueued: 1 });
    const release = new Deferred<void>();
    const runs = [rooms.run("a", () => release.promise), rooms.run("a", () => {})];
    await assert.rejects(
      rooms.run("a", () => {}),
      { code: "RESOURCE_EXHAUSTED" },
    );
    assert.deepEqual(
      limits.events.map(({ node, limit }) => [node, limit]),
      [[undefined, "mailbox.maxQueued"]],
    );
    release.resolve();
    await Promise.all(runs);
  });

  test("a listener that is taken away, leaves the channel without subscribers", () => {
    const stop = onEvent("clusterts:call", () => {});
    assert.equal(hasSubscribers("clusterts:call"), true);
    stop();
    assert.equal(hasSubscribers("clusterts:call"), false);
  });
});
