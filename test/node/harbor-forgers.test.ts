/** Peers that claim what they must not, at each of the three places where `from` is looked at, and at a harbor's port. */
import assert from "node:assert/strict";
import { parseAnyAddress } from "../../src/addr/logical-address.js";
import { HandshakeError } from "../../src/link/handshake-error.js";
import { decodeError } from "../../src/wire/error-codec.js";
import { encodeFrame, FLAGS, KIND, putU32 } from "../../src/wire/header.js";
import { Cluster } from "../support/cluster.js";
import { echo, noteCodec, textNote } from "../support/note.js";
import { type RawPeer, rawPeer } from "../support/raw-peer.js";

const at = parseAnyAddress;

function request(text = "hi"): Uint8Array {
  const payload = noteCodec.encode(textNote(text)).finish();
  const body = new Uint8Array(4 + payload.length);
  putU32(body, 0, echo.id);
  body.set(payload, 4);
  return body;
}

interface Scene {
  readonly cluster: Cluster;
  /** What the echo handlers of 1.1.1 and 2.1.1 have got, and from whom. */
  readonly ran: string[];
}

async function scene(): Promise<Scene> {
  const cluster = new Cluster();
  const ran: string[] = [];
  await cluster.start("1.255.1", { harbors: cluster.discovery });
  await cluster.start("2.255.1", { harbors: cluster.discovery });
  for (const address of ["1.1.1", "2.1.1"])
    await cluster.start(address, {}, (node) =>
      node.handle(echo, (note: { text: string }, context) => {
        ran.push(`${address} ran ${note.text} of ${context.from}`);
        return note;
      }),
    );
  return { cluster, ran };
}

function codeOf(peer: RawPeer): string | undefined {
  const frame = peer.frames.find(({ kind }) => kind === KIND.hopError || kind === KIND.refused);
  return frame && decodeError(frame.body, 0, frame.body.length).code;
}

suite("who may say what, over the wire", () => {
  const forgeries: readonly (readonly [what: string, peer: string, node: string, from: string, to: string])[] = [
    ["at a harbor, a node in the name of another one", "1.1.9", "1.255.1", "1.1.1", "2.1.1"],
    ["at a harbor, a node in the name of the harbor", "1.1.9", "1.255.1", "1.255.1", "2.1.1"],
    ["at a node, its harbor in the name of this group", "1.255.9", "1.1.1", "1.1.2", "1.1.1"],
    ["at a node, the harbor of another group", "2.255.9", "1.1.1", "2.1.1", "1.1.1"],
    ["between harbors, in the name of a third group", "2.255.9", "1.255.1", "3.1.1", "1.1.1"],
    ["between harbors, in the name of the receiver's group", "2.255.9", "1.255.1", "1.1.2", "1.1.1"],
    ["at a plain node, a frame for somebody else", "1.1.9", "1.1.1", "1.1.9", "2.1.1"],
    ["at a plain node, a frame of its harbor for somebody else", "1.255.9", "1.1.1", "2.1.1", "1.1.2"],
  ];
  for (const [what, address, node, from, to] of forgeries) {
    test(`${what}: runs nothing, costs the connection, and is counted`, async () => {
      const { cluster, ran } = await scene();
      const peer = await rawPeer(cluster, address, node);
      peer.send({ kind: KIND.request, from: at(from), to: at(to) }, request());
      await cluster.clock.advance(200);
      assert.deepEqual([ran, peer.closed], [[], true]);
      const victim = cluster.nodes.find(({ address: own }) => own === at(node))!;
      assert.equal(victim.status().forgedFrames, 1);
      assert.equal(cluster.log.filter(({ text }) => text.includes("does not belong on a link with")).length, 1);
      await cluster.close();
    });
  }

  test("a harbor for its own group and a node for itself, are believed", async () => {
    const { cluster, ran } = await scene();
    const harbor = await rawPeer(cluster, "2.255.9", "1.255.1");
    harbor.send({ kind: KIND.request, from: at("2.1.7"), to: at("1.1.1") }, request("over"));
    const node = await rawPeer(cluster, "1.1.9", "1.255.1");
    node.send({ kind: KIND.request, to: at("2.1.1") }, request("out"));
    await cluster.clock.advance(200);
    assert.deepEqual(ran.sort(), [`1.1.1 ran over of ${at("2.1.7")}`, `2.1.1 ran out of ${at("1.1.9")}`]);
    assert.deepEqual([harbor.frames[0]?.kind, harbor.frames[0]?.from, harbor.frames[0]?.to], [KIND.reply, at("1.1.1"), at("2.1.7")]);
    assert.deepEqual([node.frames[0]?.kind, node.frames[0]?.from], [KIND.reply, at("2.1.1")]);
    for (const peer of [harbor, node]) peer.destroy();
    await cluster.close();
  });

  test("who may not be relayed for, is told: a node of another group, a tool, within the group, to a third group", async () => {
    const { cluster, ran } = await scene();
    const stranger = await rawPeer(cluster, "2.1.9", "1.255.1");
    stranger.send({ kind: KIND.request, to: at("1.1.1") }, request());
    const tool = await rawPeer(cluster, 0, "1.255.1");
    tool.send({ kind: KIND.request, to: at("2.1.1") }, request());
    const neighbour = await rawPeer(cluster, "1.1.9", "1.255.1");
    neighbour.send({ kind: KIND.request, to: at("1.1.1") }, request());
    const transit = await rawPeer(cluster, "2.255.9", "1.255.1");
    transit.send({ kind: KIND.request, from: at("2.1.1"), to: at("3.1.1") }, request());
    await cluster.clock.advance(200);
    assert.deepEqual([stranger, tool, neighbour, transit].map(codeOf), [
      "PERMISSION_DENIED",
      "PERMISSION_DENIED",
      "PERMISSION_DENIED",
      "UNAVAILABLE",
    ]);
    assert.deepEqual(ran, []);
    for (const peer of [stranger, tool, neighbour, transit]) peer.destroy();
    await cluster.close();
  });

  test("a frame without hops, goes no further and is answered; one with a single hop passes one harbor", async () => {
    const { cluster, ran } = await scene();
    const node = await rawPeer(cluster, "1.1.9", "1.255.1");
    node.send({ kind: KIND.request, to: at("2.1.1"), hops: 0 }, request());
    await cluster.clock.advance(200);
    assert.deepEqual([ran.length, node.frames.length, codeOf(node)], [0, 1, "UNAVAILABLE"]);
    assert.deepEqual(decodeError(node.frames[0]!.body, 0, node.frames[0]!.body.length).path, [at("1.255.1")]);
    node.frames.length = 0;
    node.send({ kind: KIND.request, to: at("2.1.1"), hops: 1, seq: 2 }, request());
    await cluster.clock.advance(200);
    assert.deepEqual([ran.length, codeOf(node)], [0, "UNAVAILABLE"]);
    assert.deepEqual(decodeError(node.frames[0]!.body, 0, node.frames[0]!.body.length).path, [at("1.255.1"), at("2.255.1")]);
    node.send({ kind: KIND.request, to: at("2.1.1"), hops: 2, seq: 3 }, request());
    await cluster.clock.advance(200);
    assert.equal(ran.length, 1);
    node.destroy();
    await cluster.close();
  });

  test("two harbors that each hold the other responsible, pass a frame on once: it is answered, and does not come back", async () => {
    const { cluster } = await scene();
    // 2.255.9 sends everything for group 1 to 1.255.1, and what 1.255.1 sends it straight back.
    const node = await rawPeer(cluster, "1.1.9", "1.255.1");
    const looping = await rawPeer(cluster, "2.255.9", "1.255.1");
    looping.send({ kind: KIND.request, from: at("2.1.1"), to: at("2.1.2") }, request());
    await cluster.clock.advance(200);
    assert.equal(codeOf(looping), "UNAVAILABLE");
    looping.frames.length = 0;
    looping.send({ kind: KIND.request, from: at("1.1.9"), to: at("2.1.1") }, request()); // as it would come back
    await cluster.clock.advance(200);
    assert.deepEqual([looping.closed, node.frames.length], [true, 0]);
    node.destroy();
    await cluster.close();
  });

  test("payloads, metadata and kinds that nobody can read, go to their target as they are", async () => {
    const { cluster } = await scene();
    const target = await rawPeer(cluster, "2.1.9", "2.255.1");
    const node = await rawPeer(cluster, "1.1.9", "1.255.1");
    const garbage = Uint8Array.from({ length: 300 }, (_, index) => (index * 37) & 0xff);
    cluster.discovery.put({ address: at("2.1.9"), endpoint: "h2-1-9:8000" });
    await cluster.clock.settle();
    for (const [seq, kind] of [KIND.request, KIND.post, KIND.message, KIND.bytes].entries())
      node.send({ kind, to: at("2.1.9"), seq: seq + 1, flags: FLAGS.metadata, epoch: 0xfedc_ba98 }, garbage);
    node.send({ kind: KIND.fragment, to: at("2.1.9"), seq: 5 }, garbage);
    node.send({ kind: KIND.fragment, to: at("2.1.9"), seq: 6 }, new Uint8Array(0));
    await cluster.clock.advance(200);
    assert.equal(node.closed, false);
    assert.deepEqual(
      target.frames.map(({ kind, seq, hops, body }) => [kind, seq, hops, body.length]),
      [
        [KIND.request, 1, 2, 300],
        [KIND.post, 2, 2, 300],
        [KIND.message, 3, 2, 300],
        [KIND.bytes, 4, 2, 300],
        [KIND.fragment, 5, 2, 300],
        [KIND.fragment, 6, 2, 0],
      ],
    );
    assert.ok(
      target.frames
        .slice(0, 5)
        .every(
          ({ body, epoch, flags }) =>
            Buffer.compare(body, garbage) === 0 && (epoch === 1 || (epoch === 0xfedc_ba98 && flags === FLAGS.metadata)),
        ),
    );
    for (const peer of [target, node]) peer.destroy();
    await cluster.close();
  });

  test("a fragment that contradicts itself, costs its message and not the connection with the harbor", async () => {
    const { cluster, ran } = await scene();
    const harbor = await rawPeer(cluster, "1.255.9", "1.1.1");
    harbor.send({ kind: KIND.fragment, from: at("2.1.1") }, new Uint8Array(3));
    harbor.send({ kind: KIND.request, from: at("2.1.1"), seq: 2 }, request("after"));
    await cluster.clock.advance(100);
    assert.deepEqual([harbor.closed, ran.length], [false, 1]);
    harbor.send({ kind: KIND.fragment, seq: 3 }, new Uint8Array(3)); // its own word
    await cluster.clock.advance(100);
    assert.equal(harbor.closed, true);
    await cluster.close();
  });

  test("kinds that are not relayed: one that may be skipped is, another one is answered", async () => {
    const { cluster } = await scene();
    const node = await rawPeer(cluster, "1.1.9", "1.255.1");
    node.send({ kind: 77, to: at("2.1.1"), flags: FLAGS.ignorable });
    node.send({ kind: 77, to: at("2.1.1"), seq: 2 });
    await cluster.clock.advance(100);
    assert.deepEqual([node.frames.length, codeOf(node)], [1, "UNIMPLEMENTED"]);
    node.destroy();
    await cluster.close();
  });

  test("frames that are cut anywhere, arrive whole and in order", async () => {
    const { cluster, ran } = await scene();
    const node = await rawPeer(cluster, "1.1.9", "1.255.1");
    const frames = Buffer.concat(
      [1, 2, 3].map((seq) =>
        encodeFrame(
          { kind: KIND.request, flags: 0, hops: 4, to: at("2.1.1"), from: at("1.1.9"), epoch: 1, seq, remainingMs: 9_000 },
          request(String(seq)),
        ),
      ),
    );
    let offset = 0;
    for (let cut = 1; cut < frames.length; cut += 11) {
      ran.length = 0;
      node.frames.length = 0;
      const numbered = Buffer.from(frames);
      for (let frame = 0, start = 0; frame < 3; frame++, start += frames.length / 3) putU32(numbered, start + 20, ++offset);
      node.write(numbered.subarray(0, cut));
      await cluster.clock.advance(50);
      node.write(numbered.subarray(cut));
      await cluster.clock.advance(100);
      assert.deepEqual(
        ran.map((line) => line.split(" ")[2]),
        ["1", "2", "3"],
        `cut at ${cut}`,
      );
      assert.deepEqual(
        node.frames.map(({ seq, kind }) => [kind, seq]),
        [offset - 2, offset - 1, offset].map((seq) => [KIND.reply, seq]),
      );
    }
    node.destroy();
    await cluster.close();
  });
});

suite("a harbor's port", () => {
  const group = "the secret of all nodes of group 1, 32 bytes";
  const between = "the secret of all harbors, 32 bytes or more";

  test("the secret of a node, does not open it as a harbor; that of harbors does", async () => {
    const cluster = new Cluster();
    await cluster.start("1.255.1", { harbors: cluster.discovery, secrets: [group], harborSecrets: [between] });
    await assert.rejects(
      rawPeer(cluster, "2.255.1", "1.255.1", [group]),
      (error: unknown) => error instanceof HandshakeError && error.reason === "noCommonKey",
    );
    await assert.rejects(
      rawPeer(cluster, "1.255.2", "1.255.1", [group]),
      (error: unknown) => error instanceof HandshakeError && error.reason === "noCommonKey",
    );
    await assert.rejects(
      rawPeer(cluster, "1.1.1", "1.255.1", [between]),
      (error: unknown) => error instanceof HandshakeError && error.reason === "noCommonKey",
    );
    const harbor = await rawPeer(cluster, "2.255.1", "1.255.1", [between]);
    const node = await rawPeer(cluster, "1.1.1", "1.255.1", [group]);
    assert.deepEqual([harbor.closed, node.closed], [false, false]);
    assert.equal(cluster.nodes[0]!.status().refusals.noCommonKey, 3);
    for (const peer of [harbor, node]) peer.destroy();
    await cluster.close();
  });

  test("groups with a secret each, and one of the harbors, reach each other", async () => {
    const cluster = new Cluster();
    const other = "the secret of all nodes of group 2, 32 bytes";
    await cluster.start("1.255.1", { harbors: cluster.discovery, secrets: [group], harborSecrets: [between] });
    await cluster.start("2.255.1", { harbors: cluster.discovery, secrets: [other], harborSecrets: [between] });
    await cluster.start("2.1.1", { secrets: [other] }, (node) => node.handle(echo, (note) => note));
    const caller = await cluster.start("1.1.1", { secrets: [group] });
    assert.equal((await cluster.run(caller.invoke("2.1.1", echo, textNote("hi")))).text, "hi");
    await cluster.close();
  });
});
