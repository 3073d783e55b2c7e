import assert from "node:assert/strict";
import { RpcError } from "../../src/errors.js";
import type { ClusterNode } from "../../src/node/node.js";
import { byType } from "../../src/rpc/picker.js";
import { Cluster, failureOf, hostOf, PORT } from "../support/cluster.js";
import { echo, type Note, noteMessage, noteMethod, textNote } from "../support/note.js";

const who = noteMethod("who");
const hold = noteMethod("hold");

suite("a call of a node to itself", () => {
  test("behaves as one over a link: later, with copies, in order, within its deadline", async () => {
    const cluster = new Cluster();
    const seen: string[] = [];
    const kept: Note[] = [];
    const node = await cluster.start("1.1.1", {}, (made) => {
      made.handle(echo, (note: Note) => {
        seen.push(note.text);
        kept.push(note);
        return note;
      });
      made.handle(hold, () => new Promise(() => {}));
      made.onMessage(noteMessage, (note) => void seen.push(note.text));
      made.onMessage(9, (payload) => void seen.push(Buffer.from(payload).toString()));
    });
    const data = Uint8Array.of(1, 2, 3);
    const bytes = Buffer.from("raw");
    const reply = node.invoke("1.1.1", echo, { text: "call", data });
    const sent = [
      node.post("1.1.1", echo, textNote("post")),
      node.send("1.1.1", noteMessage, textNote("message")),
      node.send("1.1.1", 9, bytes),
    ];
    data[0] = 99;
    bytes.fill("x");
    assert.deepEqual(seen, [], "not in the same turn");
    await cluster.run(Promise.all(sent));
    const note = await cluster.run(reply);
    await cluster.clock.settle();
    assert.deepEqual(seen, ["call", "post", "message", "raw"]);
    assert.deepEqual([...note.data], [1, 2, 3]);
    note.data[1] = 98;
    assert.deepEqual([...kept[0]!.data], [1, 2, 3], "the result is a copy too");
    const startedAt = cluster.clock.now();
    const late = await cluster.fails(node.invoke("1.1.1", hold, textNote(""), { timeoutMs: 40 }));
    assert.deepEqual([late.code, late.execution, cluster.clock.now() - startedAt], ["DEADLINE_EXCEEDED", "unknown", 40]);
    await cluster.clock.advance(1);
    assert.equal(node.status().requestsInProgress, 0);
    const unknown = await cluster.fails(node.invoke("1.1.1", who, textNote("")));
    assert.deepEqual([unknown.code, unknown.execution], ["UNIMPLEMENTED", "notRun"]);
    assert.equal(cluster.network.connectionCount, 0);
    await cluster.close();
  });

  test("that is cancelled in the turn in which it was made, never runs", async () => {
    const cluster = new Cluster();
    let runs = 0;
    const node = await cluster.start("1.1.1", {}, (made) => made.handle(echo, () => void runs++));
    const abort = new AbortController();
    const cancelled = failureOf(node.invoke("1.1.1", echo, textNote(""), { signal: abort.signal }));
    abort.abort();
    assert.equal((await cancelled).execution, "notRun");
    await cluster.clock.settle();
    assert.equal(runs, 0);
    await cluster.close();
  });

  test("that waits through a stall past its deadline, never runs", async () => {
    const cluster = new Cluster();
    let runs = 0;
    const node = await cluster.start("1.1.1", {}, (made) => made.handle(echo, () => void runs++));
    const failing = failureOf(node.invoke("1.1.1", echo, textNote(""), { timeoutMs: 50 }));
    await cluster.clock.stall(100);
    const error = await cluster.run(failing);
    assert.deepEqual([error.code, error.execution, runs], ["DEADLINE_EXCEEDED", "notRun", 0]);
    await cluster.close();
  });
});

suite("pickers", () => {
  async function three(behave: (address: string) => () => unknown): Promise<{ cluster: Cluster; caller: ClusterNode; runs: string[] }> {
    const cluster = new Cluster();
    const runs: string[] = [];
    const caller = await cluster.start("1.1.1");
    for (const address of ["1.2.1", "1.2.2", "1.2.3"]) {
      await cluster.start(address, {}, (node) =>
        node.handle(who, () => {
          runs.push(address);
          return behave(address)();
        }),
      );
    }
    return { cluster, caller, runs };
  }

  test("round robin, reaches each in turn; a hash, always the same; a function, whom it says", async () => {
    const { cluster, caller } = await three((address) => () => textNote(address));
    const ask = async (policy: Parameters<typeof byType>[1]): Promise<string> =>
      (await cluster.run(caller.invoke(byType(2, policy), who, textNote("")))).text;
    const turns = [await ask("round-robin"), await ask("round-robin"), await ask("round-robin"), await ask("round-robin")];
    assert.equal(new Set(turns.slice(0, 3)).size, 3);
    assert.equal(turns[3], turns[0]);
    const hashed = await ask({ hash: "room 7" });
    for (let i = 0; i < 5; i++) assert.equal(await ask({ hash: "room 7" }), hashed);
    assert.equal(await ask((members) => members.at(-1)), "1.2.3");
    await cluster.close();
  });

  test("an attempt that did not run, is made once more elsewhere; one that ran or may have run, is not", async () => {
    const { cluster, caller, runs } = await three((address) => () => {
      if (address === "1.2.1") throw new RpcError("UNAVAILABLE", "not now");
      return textNote(address);
    });
    // Nobody listens there: it is dialed, given up, and the call goes elsewhere.
    cluster.discovery.put({ address: cluster.make("1.2.4").address, endpoint: `${hostOf("1.1.1")}:${PORT + 1}` });
    await cluster.clock.settle();
    let picks = 0;
    const first = (address: string) => (members: readonly { address: number; endpoint: string }[]) => {
      picks++;
      return members.find(({ endpoint }) => (picks === 1 ? endpoint.startsWith(address) : endpoint.startsWith("h1-2-2"))) as never;
    };
    assert.equal((await cluster.run(caller.invoke(byType(2, first("h1-1-1")), who, textNote("")))).text, "1.2.2");
    assert.equal(picks, 2);
    picks = 0;
    runs.length = 0;
    const ran = await cluster.fails(caller.invoke(byType(2, first("h1-2-1")), who, textNote("")));
    assert.deepEqual([ran.code, ran.execution, picks, runs], ["UNAVAILABLE", "ran", 1, ["1.2.1"]]);
    picks = 0;
    const never = await cluster.fails(
      caller.invoke(
        byType(2, () => undefined),
        who,
        textNote(""),
      ),
    );
    assert.deepEqual([never.code, never.execution], ["UNAVAILABLE", "notRun"]);
    await cluster.close();
  });

  test("a random pick that did not run, goes to another node the second time", async () => {
    const cluster = new Cluster();
    const caller = await cluster.start("1.1.1");
    await cluster.start("1.2.1"); // has no handler: UNIMPLEMENTED, notRun
    await cluster.start("1.2.2", {}, (node) => node.handle(who, () => textNote("here")));
    for (let i = 0; i < 10; i++) assert.equal((await cluster.run(caller.invoke(byType(2), who, textNote("")))).text, "here");
    await cluster.close();
  });

  test("a target, policy or type that makes no sense, fails that call and never throws", async () => {
    const { cluster, caller } = await three((address) => () => textNote(address));
    const targets: unknown[] = [
      null,
      undefined,
      "1.2",
      4_294_967_296,
      {},
      byType(0),
      byType(2, "best" as never),
      byType(2, () => {
        throw null;
      }),
      byType(2, () => ({ address: 5 }) as never),
    ];
    for (const target of targets) {
      for (const promise of [caller.invoke(target as never, who, textNote("")), caller.post(target as never, who, textNote(""))]) {
        const error = await failureOf(promise);
        assert.deepEqual([error.code, error.execution], ["INVALID_ARGUMENT", "notRun"], String(error));
      }
    }
    await cluster.close();
  });
});
