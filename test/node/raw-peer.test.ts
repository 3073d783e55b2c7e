import assert from "node:assert/strict";
import { parseAddress } from "../../src/addr/logical-address.js";
import { decodeError } from "../../src/wire/error-codec.js";
import { FLAGS, KIND, putU32 } from "../../src/wire/header.js";
import { Cluster, failureOf } from "../support/cluster.js";
import { echo, noteCodec, noteMethod, textNote } from "../support/note.js";
import { type RawPeer, rawPeer } from "../support/raw-peer.js";

const hold = noteMethod("hold");

function requestBody(id: number, payload: Uint8Array): Uint8Array {
  const body = new Uint8Array(4 + payload.length);
  putU32(body, 0, id);
  body.set(payload, 4);
  return body;
}

const fine = requestBody(echo.id, noteCodec.encode(textNote("hi")).finish());

async function scene(): Promise<{ cluster: Cluster; peer: RawPeer }> {
  const cluster = new Cluster();
  await cluster.start("1.1.1", {}, (node) => {
    node.handle(echo, (note) => note);
    node.handle(hold, () => new Promise(() => {}));
  });
  return { cluster, peer: await rawPeer(cluster, "1.1.9", "1.1.1") };
}

/** The kind, and the code where it is an error, of what the node answered to `seq`. */
function answer(peer: RawPeer, seq: number): string | undefined {
  const frame = peer.frames.find((candidate) => candidate.seq === seq && candidate.kind !== KIND.pong);
  if (frame === undefined) return undefined;
  if (frame.kind === KIND.reply) return "reply";
  return `${frame.kind === KIND.refused ? "refused" : "error"} ${decodeError(frame.body, 0, frame.body.length).code}`;
}

suite("a peer that does not keep to the protocol", () => {
  test("a frame in the name of somebody else or to somebody else, costs the link", async () => {
    for (const forged of [{ from: parseAddress("1.1.8") }, { from: 0 }, { to: parseAddress("1.1.8") }]) {
      const { cluster, peer } = await scene();
      peer.send({ kind: KIND.request, ...forged }, fine);
      await cluster.clock.advance(20);
      assert.equal(peer.closed, true);
      assert.equal(peer.frames.length, 0);
      await cluster.close();
    }
  });

  test("requests that cannot be read, cost only themselves", async () => {
    const { cluster, peer } = await scene();
    peer.send({ kind: KIND.request, seq: 1 }, new Uint8Array(2));
    peer.send({ kind: KIND.request, seq: 2 }, requestBody(12345, new Uint8Array(0)));
    peer.send({ kind: KIND.request, seq: 3, flags: FLAGS.metadata }, requestBody(echo.id, Uint8Array.of(255, 255, 1)));
    peer.send({ kind: KIND.request, seq: 4, flags: FLAGS.metadata }, requestBody(echo.id, Uint8Array.of(0, 2, 9, 97)));
    peer.send({ kind: KIND.request, seq: 5 }, requestBody(echo.id, Uint8Array.of(10, 200, 1)));
    peer.send({ kind: KIND.request, seq: 6 }, requestBody(echo.id, Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255)));
    for (const kind of [KIND.reply, KIND.error, KIND.refused, KIND.cancel, KIND.post, KIND.message, KIND.bytes, KIND.pong, KIND.hopError]) {
      peer.send({ kind, seq: 99 }, Uint8Array.of(1, 2));
      peer.send({ kind, seq: 99, flags: FLAGS.metadata }, requestBody(echo.id, Uint8Array.of(255, 255)));
    }
    peer.send({ kind: 77, seq: 7, flags: FLAGS.ignorable });
    peer.send({ kind: 77, seq: 8 });
    peer.send({ kind: KIND.request, seq: 9 }, fine);
    await cluster.clock.advance(20);
    assert.deepEqual(
      [1, 2, 3, 4, 5, 6, 7, 8, 9].map((seq) => answer(peer, seq)),
      [
        "refused INVALID_ARGUMENT",
        "refused UNIMPLEMENTED",
        "refused INVALID_ARGUMENT",
        "refused INVALID_ARGUMENT",
        "refused INVALID_ARGUMENT",
        "refused INVALID_ARGUMENT",
        undefined,
        "refused UNIMPLEMENTED",
        "reply",
      ],
    );
    assert.equal(peer.closed, false);
    assert.equal(cluster.nodes[0]!.status().oneWaysDropped, 6);
    peer.destroy();
    await cluster.close();
  });

  test("a length that no frame has, costs that link and no other", async () => {
    const { cluster, peer } = await scene();
    const other = await rawPeer(cluster, "1.1.8", "1.1.1");
    peer.write(Uint8Array.of(255, 255, 255, 255, 0));
    await cluster.clock.advance(20);
    other.send({ kind: KIND.request }, fine);
    await cluster.clock.advance(20);
    assert.deepEqual([peer.closed, other.closed, answer(other, 1)], [true, false, "reply"]);
    other.destroy();
    await cluster.close();
  });

  test("a number that is used again while its request runs, leaves nothing behind", async () => {
    const { cluster, peer } = await scene();
    for (let i = 0; i < 3; i++) peer.send({ kind: KIND.request, seq: 5 }, requestBody(hold.id, new Uint8Array(0)));
    await cluster.clock.advance(20);
    assert.equal(cluster.nodes[0]!.status().requestsInProgress, 1);
    peer.send({ kind: KIND.cancel, seq: 5 }, Uint8Array.of(0));
    await cluster.clock.advance(20);
    assert.equal(cluster.nodes[0]!.status().requestsInProgress, 0);
    peer.destroy();
    await cluster.close();
  });

  test("an anonymous tool, calls and gets its reply, and cannot be called", async () => {
    const { cluster, peer } = await scene();
    const tool = await rawPeer(cluster, 0, "1.1.1");
    const second = await rawPeer(cluster, 0, "1.1.1");
    tool.send({ kind: KIND.request }, fine);
    second.send({ kind: KIND.request, seq: 2 }, fine);
    await cluster.clock.advance(20);
    assert.deepEqual([answer(tool, 1), answer(second, 2), tool.frames.length, second.frames.length], ["reply", "reply", 1, 1]);
    const node = cluster.nodes[0]!;
    assert.equal(node.status().anonymousPeers, 2);
    const error = await failureOf(node.invoke(0 as never, echo, textNote("")));
    assert.equal(error.execution, "notRun");
    for (const each of [tool, second, peer]) each.destroy();
    await cluster.clock.advance(20);
    assert.equal(node.status().anonymousPeers, 0);
    await cluster.close();
  });
});
