import assert from "node:assert/strict";
import { Cluster, failureOf, hostOf, PORT } from "../support/cluster.js";
import { echo, noteMessage, textNote } from "../support/note.js";

suite("first use of a link", () => {
  test("a peer whose load changes while its dials fail, is dialed no sooner; one whose endpoint changes, at once", async () => {
    const cluster = new Cluster();
    const dials: number[] = [];
    const transport = cluster.network.transport(hostOf("1.1.1"));
    const caller = await cluster.start("1.1.1", {
      link: { reachTimeoutMs: 60_000, backoffMs: 20_000, maxBackoffMs: 20_000 },
      transport: {
        listen: (endpoint, onConnection) => transport.listen(endpoint, onConnection),
        dial: (endpoint, signal) => {
          dials.push(cluster.clock.now());
          return transport.dial(endpoint, signal);
        },
      },
    });
    const { address } = await cluster.start("1.1.2", {}, (node) => node.handle(echo, (note) => note));
    cluster.discovery.put({ address, endpoint: `${hostOf("1.1.2")}:1`, incarnation: 1n });
    await cluster.clock.settle();
    const reply = caller.invoke("1.1.2", echo, textNote("found"), { timeoutMs: 60_000 });
    await cluster.clock.advance(100);
    for (let load = 0; load < 20; load++) {
      cluster.discovery.put({ address, endpoint: `${hostOf("1.1.2")}:1`, incarnation: 1n, load });
      await cluster.clock.advance(10);
    }
    assert.ok(dials.length <= 2, `${dials.length} dials`);
    const count = dials.length;
    cluster.discovery.put({ address, endpoint: `${hostOf("1.1.2")}:${PORT}`, incarnation: 1n });
    await cluster.clock.advance(20);
    assert.equal(dials.length, count + 1);
    assert.equal((await reply).text, "found");
    await cluster.close();
  });

  test("a queue whose calls have all expired, is not dialed for", async () => {
    const cluster = new Cluster();
    let dials = 0;
    const transport = cluster.network.transport(hostOf("1.1.1"));
    const caller = await cluster.start("1.1.1", {
      transport: {
        listen: (endpoint, onConnection) => transport.listen(endpoint, onConnection),
        dial: (endpoint, signal) => {
          dials++;
          return transport.dial(endpoint, signal);
        },
      },
    });
    cluster.network.transport(hostOf("1.1.2"));
    cluster.discovery.put({ address: cluster.make("1.1.2").address, endpoint: `${hostOf("1.1.2")}:${PORT}` });
    await cluster.clock.settle();
    await cluster.fails(caller.invoke("1.1.2", echo, textNote(""), { timeoutMs: 300 }));
    await cluster.clock.settle();
    const before = dials;
    await cluster.clock.advance(20_000);
    assert.ok(dials <= before, `${dials - before} more dials`);
    assert.equal(caller.status().links[0]!.phase, "idle");
    await cluster.close();
  });

  test("an endpoint that takes connections and says nothing, is given up", async () => {
    const cluster = new Cluster();
    const caller = await cluster.start("1.1.1");
    await cluster.network.transport("silent").listen({ host: "silent", port: 1 }, (connection) => {
      connection.setHandler({ onData: () => {}, onDrain: () => {}, onClose: () => {} });
    });
    cluster.discovery.put({ address: cluster.make("1.1.2").address, endpoint: "silent:1" });
    await cluster.clock.settle();
    const startedAt = cluster.clock.now();
    const error = await cluster.fails(caller.post("1.1.2", echo, textNote("")));
    assert.equal(error.code, "UNAVAILABLE");
    assert.match(error.message, /no answer to the opening.*clusterts/);
    assert.ok(cluster.clock.now() - startedAt <= 10_100, `${cluster.clock.now() - startedAt} ms`);
    await cluster.close();
  });

  test("a call to a node that was never called, opens the link and is answered", async () => {
    const cluster = new Cluster();
    const caller = await cluster.start("1.1.1");
    await cluster.start("1.1.2", {}, (node) => node.handle(echo, (note) => note));
    assert.equal((await cluster.run(caller.invoke("1.1.2", echo, textNote("hello")))).text, "hello");
    await cluster.close();
  });

  test("calls and one-way messages sent before the link is up, are dispatched in the order sent", async () => {
    const cluster = new Cluster({ conditions: { latencyMs: 20 } });
    const caller = await cluster.start("1.1.1");
    const seen: string[] = [];
    await cluster.start("1.1.2", {}, (node) => {
      node.handle(echo, (note: { text: string }) => {
        seen.push(note.text);
        return note;
      });
      node.onMessage(noteMessage, (note) => void seen.push(note.text));
    });
    const sent: string[] = [];
    const all: Promise<unknown>[] = [];
    for (let i = 0; i < 50; i++) {
      sent.push(String(i));
      if (i % 3 === 0) all.push(caller.send("1.1.2", noteMessage, textNote(String(i))));
      else if (i % 3 === 1) all.push(caller.post("1.1.2", echo, textNote(String(i))));
      else all.push(caller.invoke("1.1.2", echo, textNote(String(i))));
      if (i % 10 === 9) await cluster.clock.advance(15);
    }
    await cluster.run(Promise.all(all));
    assert.deepEqual(seen, sent);
    await cluster.close();
  });

  test("a call to a listener that appears within reachTimeoutMs, is answered", async () => {
    const cluster = new Cluster();
    const caller = await cluster.start("1.1.1");
    const late = cluster.make("1.1.2");
    late.handle(echo, (note) => note);
    cluster.discovery.put({ address: late.address, endpoint: `${hostOf("1.1.2")}:${PORT}`, incarnation: 0n });
    await cluster.clock.settle();
    const reply = caller.invoke("1.1.2", echo, textNote("early"));
    await cluster.clock.advance(2_500);
    await cluster.run(late.start());
    assert.equal((await cluster.run(reply)).text, "early");
    await cluster.close();
  });

  test("a call to an address where nobody listens, fails as UNAVAILABLE with cause and attempts after reachTimeoutMs", async () => {
    const cluster = new Cluster();
    const caller = await cluster.start("1.1.1");
    cluster.network.transport(hostOf("1.1.2"));
    cluster.discovery.put({ address: cluster.make("1.1.2").address, endpoint: `${hostOf("1.1.2")}:${PORT}` });
    await cluster.clock.settle();
    const startedAt = cluster.clock.now();
    const error = await cluster.fails(caller.invoke("1.1.2", echo, textNote("")));
    const tookMs = cluster.clock.now() - startedAt;
    assert.equal(error.code, "UNAVAILABLE");
    assert.equal(error.execution, "notRun");
    assert.match(error.reason, /dial h1-1-2:8000: connection refused, \d+ attempts in [45]\.\d s/);
    assert.ok(tookMs >= 5_000 && tookMs < 5_100, `${tookMs} ms`);
    await cluster.close();
  });

  test("back-off between dials, grows with jitter, is capped, and starts over in the next round", async () => {
    const cluster = new Cluster();
    const dials: number[] = [];
    const transport = cluster.network.transport(hostOf("1.1.1"));
    const caller = await cluster.start("1.1.1", {
      link: { reachTimeoutMs: 60_000, backoffMs: 100, maxBackoffMs: 2_000 },
      transport: {
        listen: (endpoint, onConnection) => transport.listen(endpoint, onConnection),
        dial: (endpoint, signal) => {
          dials.push(cluster.clock.now());
          return transport.dial(endpoint, signal);
        },
      },
    });
    cluster.network.transport(hostOf("1.1.2"));
    cluster.discovery.put({ address: cluster.make("1.1.2").address, endpoint: `${hostOf("1.1.2")}:${PORT}` });
    await cluster.clock.settle();
    await cluster.fails(caller.invoke("1.1.2", echo, textNote(""), { timeoutMs: 120_000 }));
    const pauses = dials.slice(1).map((at, i) => at - dials[i]! - 2); // a dial takes 2 ms: there and back
    assert.ok(pauses.every((pause, i) => pause <= Math.min(2_000, 100 * 2 ** i) + 1));
    assert.ok(Math.max(...pauses) > 1_000, "grows");
    assert.ok(new Set(pauses).size > pauses.length / 2, "has jitter");
    assert.ok(dials.length > 35 && dials.length < 200, `${dials.length} dials`);
    dials.length = 0;
    await cluster.clock.advance(10_000);
    assert.equal(dials.length, 0, "nothing is dialed when nothing is queued");
    const again = failureOf(caller.invoke("1.1.2", echo, textNote(""), { timeoutMs: 1_000 }));
    await cluster.clock.advance(50);
    assert.ok(dials.length >= 1, "the next call dials at once");
    const error = await cluster.run(again);
    assert.equal(error.code, "DEADLINE_EXCEEDED");
    assert.equal(error.execution, "notRun");
    await cluster.close();
  });
});
