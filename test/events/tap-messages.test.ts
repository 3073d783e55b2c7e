import assert from "node:assert/strict";
import { RpcError } from "../../src/errors.js";
import { parseTap } from "../../src/events/tap-filter.js";
import { type TapOptions, type TappedMessage, tapMessages } from "../../src/events/tap-messages.js";
import { openConsoleTap } from "../../src/node/console-tap.js";
import type { ClusterNode } from "../../src/node/node.js";
import { Cluster, failureOf } from "../support/cluster.js";
import { echo, type Note, noteMessage, noteMethod, textNote } from "../support/note.js";

const fail = noteMethod("fail");
const hold = noteMethod("hold");

interface Pair {
  readonly cluster: Cluster;
  readonly caller: ClusterNode;
  readonly handler: ClusterNode;
}

async function pair(): Promise<Pair> {
  const cluster = new Cluster();
  const handler = await cluster.start("1.1.1", {}, (node) => {
    node.handle(echo, (note: Note) => note);
    node.handle(fail, () => {
      throw new RpcError("NOT_FOUND", "no such note");
    });
    node.handle(hold, () => new Promise<Note>(() => {}));
    node.onMessage(noteMessage, () => {});
    node.onMessage(9, () => {});
  });
  return { cluster, handler, caller: await cluster.start("1.2.1") };
}

function tap(
  node: ClusterNode,
  options: Omit<TapOptions, "onMessage"> = {},
): { readonly seen: TappedMessage[]; readonly stop: () => void } {
  const seen: TappedMessage[] = [];
  return { seen, stop: tapMessages(node, { ...options, onMessage: (message) => void seen.push(message) }) };
}
const brief = ({ direction, kind, peer, method, bytes }: TappedMessage): unknown[] => [direction, kind, peer, method, bytes];

/** One of each kind. */
async function talk({ cluster, caller }: Pair): Promise<void> {
  await cluster.run(caller.invoke("1.1.1", echo, textNote("hi")));
  await cluster.fails(caller.invoke("1.1.1", fail, textNote("")));
  await cluster.fails(caller.invoke("1.1.1", noteMethod("none"), textNote("")));
  const cancel = new AbortController();
  const held = failureOf(caller.invoke("1.1.1", hold, textNote(""), { signal: cancel.signal, metadata: { a: "b" } }));
  await cluster.clock.advance(5);
  cancel.abort();
  await held;
  await cluster.run(caller.post("1.1.1", echo, textNote("hi")));
  await cluster.run(caller.send("1.1.1", noteMessage, textNote("hi")));
  await cluster.run(caller.send("1.1.1", 9, Uint8Array.of(1, 2, 3)));
  await cluster.clock.advance(10);
}

suite("message tap", () => {
  test("on both sides, shows each message with direction, peer, method and size, and ties them by seq", async () => {
    const talking = await pair();
    const here = tap(talking.caller);
    const there = tap(talking.handler);
    await talk(talking);
    const error = here.seen.find(({ kind }) => kind === "error")!.bytes;
    const refused = here.seen.find(({ kind }) => kind === "refused")!.bytes;
    assert.deepEqual(here.seen.map(brief), [
      ["out", "request", "1.1.1", "test.Notes/echo", 4],
      ["in", "reply", "1.1.1", "test.Notes/echo", 4],
      ["out", "request", "1.1.1", "test.Notes/fail", 0],
      ["in", "error", "1.1.1", "test.Notes/fail", error],
      ["out", "request", "1.1.1", "test.Notes/none", 0],
      ["in", "refused", "1.1.1", "test.Notes/none", refused],
      ["out", "request", "1.1.1", "test.Notes/hold", 0],
      ["out", "cancel", "1.1.1", "test.Notes/hold", 0],
      ["out", "post", "1.1.1", "test.Notes/echo", 4],
      ["out", "message", "1.1.1", "test.Note", 4],
      ["out", "bytes", "1.1.1", "command 9", 3],
    ]);
    const [request, reply] = here.seen;
    assert.equal(request!.seq, reply!.seq);
    const names = there.seen.map(({ direction, kind, method }) => `${direction} ${kind} ${method}`);
    assert.match(names[4]!, /^in request #[0-9a-f]{8}$/, "a method that is not known here is shown by its hash");
    names[4] = "in request #";
    assert.deepEqual(names, [
      "in request test.Notes/echo",
      "out reply test.Notes/echo",
      "in request test.Notes/fail",
      "out error test.Notes/fail",
      "in request #",
      "out refused ",
      "in request test.Notes/hold",
      "in cancel ",
      "in post test.Notes/echo",
      "in message test.Note",
      "in bytes command 9",
    ]);
    assert.equal(there.seen.find(({ method }) => method === "test.Notes/hold")?.bytes, 0, "metadata is not payload");
    here.stop();
    there.stop();
    await talk(talking);
    assert.equal(here.seen.length + there.seen.length, 22);
    await talking.cluster.close();
  });

  test("with payloads, shows them decoded on both sides", async () => {
    const talking = await pair();
    for (const node of [talking.caller, talking.handler]) {
      const { seen, stop } = tap(node, { payload: true });
      await talk(talking);
      const payloadOf = (kind: string): unknown => seen.find((message) => message.kind === kind)?.payload;
      assert.equal((payloadOf("request") as Note).text, "hi");
      assert.equal((payloadOf("reply") as Note).text, "hi");
      assert.equal((payloadOf("message") as Note).text, "hi");
      assert.deepEqual(payloadOf("bytes"), Uint8Array.of(1, 2, 3));
      assert.equal((payloadOf("error") as { code: string }).code, "NOT_FOUND");
      assert.equal(payloadOf("cancel"), undefined);
      stop();
    }
    await talking.cluster.close();
  });

  test("with a filter, shows what it lets through", async () => {
    const talking = await pair();
    const { filter } = parseTap("test.Notes/e*,kind=request,kind=post,out,peer=1.1.1");
    const byFields = tap(talking.caller, { filter });
    const byFunction = tap(talking.caller, { filter: ({ bytes }) => bytes === 3 });
    const ofOthers = tap(talking.caller, { filter: { peers: ["1.1.2"] } });
    await talk(talking);
    assert.deepEqual(
      byFields.seen.map(({ kind }) => kind),
      ["request", "post"],
    );
    assert.deepEqual(
      byFunction.seen.map(({ kind }) => kind),
      ["bytes"],
    );
    assert.deepEqual(ofOthers.seen, []);
    for (const { stop } of [byFields, byFunction, ofOthers]) stop();
    await talking.cluster.close();
  });

  test("asked for by the environment, writes a line for each", async () => {
    const talking = await pair();
    const lines: string[] = [];
    const close = openConsoleTap(talking.caller, "test.Notes/echo,payload", (line) => void lines.push(line));
    await talking.cluster.run(talking.caller.invoke("1.1.1", echo, textNote("hi")));
    close();
    assert.equal(lines.length, 2);
    assert.match(lines[0]!, /^\S+ tap 1\.2\.1 > 1\.1\.1 request test\.Notes\/echo seq \d+, 4 bytes: \{ text: 'hi', data: .*\}\n$/);
    assert.match(lines[1]!, / tap 1\.2\.1 < 1\.1\.1 reply test\.Notes\/echo /);
    await talking.cluster.close();
  });

  test("a filter's text that makes no sense, is told part by part", () => {
    assert.throws(
      () => parseTap("kind=call,peer=x,foo=1"),
      (error: Error & { faults: string[] }) => error.faults.length === 3,
    );
    assert.deepEqual(parseTap("*"), {
      filter: { methods: ["*"], peers: undefined, kinds: undefined, direction: undefined },
      payload: false,
    });
  });
});
