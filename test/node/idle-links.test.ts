/** Links that close because nobody needs them, and open again when somebody does. */
import assert from "node:assert/strict";
import { onEvent } from "../../src/events/channels.js";
import { Cluster } from "../support/cluster.js";
import { echo, type Note, textNote } from "../support/note.js";

suite("links that are not needed", () => {
  test("unused for idleMs, closed on both sides without a call failing; the next call opens it again", async () => {
    const cluster = new Cluster({ node: { link: { idleMs: 60_000 } } });
    await cluster.start("1.1.1", {}, (node) => node.handle(echo, (note: Note) => note));
    const caller = await cluster.start("1.2.1");
    for (let round = 0; round < 3; round++) {
      assert.equal((await cluster.run(caller.invoke("1.1.1", echo, textNote(`round ${round}`)))).text, `round ${round}`);
      await cluster.clock.advance(59_000);
      assert.equal(cluster.network.connectionCount, 1, "not yet");
      await cluster.clock.advance(3_000);
      assert.equal(cluster.network.connectionCount, 0);
    }
    await cluster.close();
  });

  test("pings alone, are no use", async () => {
    const cluster = new Cluster({ node: { link: { idleMs: 60_000, keepaliveMs: 5_000 } } });
    await cluster.start("1.1.1", {}, (node) => node.handle(echo, (note: Note) => note));
    const caller = await cluster.start("1.2.1");
    await cluster.run(caller.invoke("1.1.1", echo, textNote("x")));
    await cluster.clock.advance(65_000);
    assert.equal(cluster.network.connectionCount, 0);
    await cluster.close();
  });

  test("a handler that works for longer than idleMs, keeps the link, from either side", async () => {
    const cluster = new Cluster({ node: { link: { idleMs: 2_000 }, rpc: { callTimeoutMs: 60_000 } } });
    const answers: ((note: Note) => void)[] = [];
    await cluster.start("1.1.1", {}, (node) => node.handle(echo, () => new Promise<Note>((resolve) => void answers.push(resolve))));
    const caller = await cluster.start("1.2.1");
    const reply = caller.invoke("1.1.1", echo, textNote("slow"));
    await cluster.clock.advance(30_000);
    assert.equal(cluster.network.connectionCount, 1);
    answers[0]!(textNote("done"));
    assert.equal((await cluster.run(reply)).text, "done");
    await cluster.clock.advance(5_000);
    assert.equal(cluster.network.connectionCount, 0);
    await cluster.close();
  });

  test("calls that cross the go-away, are answered all the same", async () => {
    const cluster = new Cluster({ conditions: { latencyMs: 400 }, node: { link: { idleMs: 5_000 } } });
    const server = await cluster.start("1.1.1", {}, (node) => node.handle(echo, (note: Note) => note));
    const caller = await cluster.start("1.2.1");
    for (let step = 0; step < 40; step++) {
      assert.equal((await cluster.run(caller.invoke("1.1.1", echo, textNote(`${step}`)))).text, `${step}`);
      await cluster.clock.advance(5_000 + step * 50);
    }
    assert.equal(server.status().phase, "running");
    await cluster.close();
  });

  test("maxAgeMs, the link is exchanged at a quiet moment, with calls each second and none failing", async () => {
    const cluster = new Cluster({ node: { link: { maxAgeMs: 30_000, keepaliveMs: 1_000 } } });
    await cluster.start("1.1.1", {}, (node) => node.handle(echo, (note: Note) => note));
    const caller = await cluster.start("1.2.1");
    const remotes = new Set<string | undefined>();
    for (let second = 0; second < 120; second++) {
      await cluster.run(caller.invoke("1.1.1", echo, textNote("x")));
      remotes.add(caller.status().links[0]?.remote);
      assert.ok(cluster.network.connectionCount <= 2);
      await cluster.clock.advance(1_000);
    }
    assert.ok(remotes.size >= 1);
    assert.ok((caller.status().links[0]?.framesIn ?? 0) < 120, "the connection is a younger one");
    await cluster.close();
  });

  for (const latencyMs of [0, 20])
    test(`maxAgeMs over a link that is never quiet (${latencyMs} ms away), it is exchanged all the same: in order, nothing fails, and the earlier connection ends`, async () => {
      const cluster = new Cluster({ conditions: { latencyMs }, node: { link: { maxAgeMs: 20_000, keepaliveMs: 1_000 } } });
      const seen: number[] = [];
      const answers: (() => void)[] = [];
      await cluster.start("1.1.1", {}, (node) =>
        node.handle(echo, (note: Note) => {
          seen.push(Number(note.text));
          // Answered when two later ones have come: some call is always under way.
          return new Promise<Note>((resolve) => {
            answers.push(() => resolve(note));
            if (answers.length > 2) answers.shift()!();
          });
        }),
      );
      const caller = await cluster.start("1.2.1");
      let opened = 0;
      const stop = onEvent("clusterts:link", (event) => event.type === "opened" && event.dialed && opened++);
      const replies: Promise<Note>[] = [];
      let failed = 0;
      for (let i = 0; i < 1_000; i++) {
        const reply = caller.invoke("1.1.1", echo, textNote(`${i}`), { timeoutMs: 60_000 });
        reply.catch(() => failed++);
        replies.push(reply);
        await cluster.clock.advance(100);
        assert.ok(cluster.network.connectionCount <= 2, `${cluster.network.connectionCount} connections`);
      }
      assert.ok(opened >= 4 && opened <= 6, `${opened} connections in a hundred seconds`);
      for (const answer of answers) answer();
      await cluster.run(Promise.all(replies));
      assert.equal(failed, 0);
      assert.deepEqual(
        seen,
        Array.from({ length: 1_000 }, (_, i) => i),
      );
      await cluster.clock.advance(40_000);
      assert.ok(cluster.network.connectionCount <= 1, "the earlier ones have ended");
      stop();
      await cluster.close();
    });
});
