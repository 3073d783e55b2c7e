/** What others may make a node hold, over TCP: each kind of too much ends at its limit, and everybody else is served. */
import assert from "node:assert/strict";
import { parseAddress } from "../../src/addr/logical-address.js";
import { RpcError } from "../../src/errors.js";
import type { Logger } from "../../src/internal/logger.js";
import type { ClusterNode } from "../../src/node/node.js";
import type { LinkStatus } from "../../src/node/status.js";
import { encodeFrame, KIND, putU32 } from "../../src/wire/header.js";
import { OLD } from "../link/support/openings.js";
import { LoopbackNodes } from "../support/loopback-nodes.js";
import { echo, noteMethod, sizedNote, textNote } from "../support/note.js";
import { Stranger } from "../support/stranger.js";
import { until } from "../support/until.js";

const MIB = 1024 ** 2;
/** All nodes share this process, which may be busy with a burst for seconds. */
const PATIENT = { secrets: [OLD], link: { handshakeTimeoutMs: 30_000, reachTimeoutMs: 30_000 }, rpc: { callTimeoutMs: 50_000 } };
const SLOW = parseAddress("1.2.9");
const NODE = parseAddress("1.3.7");
const large = noteMethod("large");
const hold = noteMethod("hold");

const warnings: string[] = [];
const logger: Logger = {
  trace() {},
  debug() {},
  info() {},
  warn: (_fields, text = "") => void warnings.push(text),
  error() {},
};

/** Bytes of buffers that are in use, in this whole process. */
function bufferBytes(): number {
  globalThis.gc!();
  return process.memoryUsage().arrayBuffers;
}

/** Requests without a body's payload, numbered from `first`. */
function requests(method: { readonly id: number }, first: number, count: number): Buffer {
  const body = new Uint8Array(4);
  putU32(body, 0, method.id);
  const header = { kind: KIND.request, flags: 0, hops: 4, to: NODE, from: SLOW, epoch: 1, remainingMs: 0 };
  return Buffer.concat(Array.from({ length: count }, (_, i) => encodeFrame({ ...header, seq: first + i }, body)));
}

suite("too much for a node", function () {
  this.timeout(60_000);
  let nodes: LoopbackNodes;
  let node: ClusterNode;
  let peer: ClusterNode;

  /** `largeBytes`: what the method `large` replies. */
  const start = async (largeBytes = 64): Promise<void> => {
    const reply = sizedNote(largeBytes);
    node = await nodes.start("1.3.7", { ...PATIENT, logger }, (it) => {
      it.handle(echo, (note) => note);
      it.handle(large, () => reply);
      it.handle(hold, () => new Promise(() => {}));
    });
    peer = await nodes.start("1.2.2", PATIENT);
    await nodes.known("1.3.7");
    await peer.invoke("1.3.7", echo, textNote("first"));
  };

  setup(() => {
    warnings.length = 0;
    nodes = new LoopbackNodes();
  });

  teardown(() => nodes[Symbol.asyncDispose]());

  const slowLink = (): LinkStatus | undefined => node.status().links.find((link) => link.peer === "1.2.9");

  /** A peer that has opened a connection and reads nothing from then on. */
  async function slowPeer(): Promise<Stranger> {
    const stranger = await Stranger.at(Number(node.status().endpoint!.split(":")[1]));
    await stranger.openAs(SLOW);
    stranger.socket.pause();
    return stranger;
  }

  test("a peer that asks on and on and reads nothing, is held to the limits, then cut off with a line in the log; another one is served", async () => {
    await start(64 * 1024);
    using slow = await slowPeer();
    const before = bufferBytes();
    let most = 0;
    let looked = 0;
    for (let seq = 1; slowLink()?.phase === "ready"; seq += 500) {
      if (slow.socket.writable) slow.send(requests(large, seq, 500));
      assert.deepEqual(await peer.invoke("1.3.7", echo, textNote("and I")), textNote("and I"));
      most = Math.max(most, slowLink()?.bufferedBytes ?? 0);
      if (most < (looked + 1) * 4 * MIB) continue;
      looked++;
      // Frames of 64 KiB fill a buffer by half, at worst.
      const held = bufferBytes() - before;
      assert.ok(held <= 2 * most + 8 * MIB, `${held} bytes are held for ${most}`);
    }
    assert.ok(most > 31 * MIB && most <= 33 * MIB, `${most} bytes`);
    assert.ok(looked >= 7, `${looked} looks`);
    assert.equal(warnings.length, 1, warnings.join("\n"));
    assert.match(warnings[0]!, /^closed the connection with 1\.2\.9 at 127\.0\.0\.1:\d+: slow peer: \d+ bytes wait to be read$/);
    await until(() => bufferBytes() - before < 4 * MIB); // nothing of it is kept
    await peer.invoke("1.3.7", echo, textNote("last"));
  });

  test("a peer that asks for a thousand replies of 4 MiB and reads nothing, gets errors from 16 MiB on; another one is served", async () => {
    await start(4 * MIB - 1024);
    using slow = await slowPeer();
    const before = bufferBytes();
    slow.send(requests(large, 1, 1_000));
    await until(() => (slowLink()?.framesIn ?? 0) >= 1_000);
    await peer.invoke("1.3.7", echo, textNote("and I"));
    const { bufferedBytes } = slowLink()!;
    assert.ok(bufferedBytes > 16 * MIB && bufferedBytes <= 20 * MIB + MIB, `${bufferedBytes} bytes`);
    assert.ok(bufferBytes() - before <= bufferedBytes + 4 * MIB, `${bufferBytes() - before} bytes are held`);
    assert.equal(slowLink()!.phase, "ready");
    assert.deepEqual(warnings, []);
  });

  test("a peer to which is sent without waiting and which reads nothing: past 16 MiB sends fail; another one is served", async () => {
    await start();
    using _ = await slowPeer();
    const before = bufferBytes();
    const piece = new Uint8Array(1_000);
    let failed: RpcError | undefined;
    const fail = (error: RpcError): void => {
      failed ??= error;
    };
    let most = 0;
    // A few in each turn: what is kept for a turn must not cost more than what stands in it.
    while (failed === undefined) {
      for (let i = 0; i < 16; i++) node.send("1.2.9", 1, piece).catch(fail);
      await peer.invoke("1.3.7", echo, textNote("and I"));
      most = Math.max(most, slowLink()?.bufferedBytes ?? 0);
    }
    assert.deepEqual([failed.code, failed.execution], ["RESOURCE_EXHAUSTED", "notRun"]);
    assert.ok(most > 15 * MIB && most <= 17 * MIB, `${most} bytes`);
    assert.ok(bufferBytes() - before <= 2 * most + MIB, `${bufferBytes() - before} bytes are held for ${most}`);
  });

  test("handlers that never return, are begun up to the limit of one peer; the rest is refused unrun, and another peer is served", async () => {
    await start();
    const cancel = new AbortController();
    const flood = await nodes.start("1.2.3", PATIENT);
    await flood.invoke("1.3.7", echo, textNote("opens the link"));
    const calls = Array.from({ length: 20_000 }, () =>
      flood.invoke("1.3.7", hold, textNote(""), { timeoutMs: 60_000, signal: cancel.signal }).catch((error: RpcError) => error),
    );
    await until(() => flood.status().callsInFlight === 8_192 && node.status().handlersRunning === 8_192);
    await peer.invoke("1.3.7", echo, textNote("and I"));
    cancel.abort();
    const outcomes = new Map<string, number>();
    for (const error of (await Promise.all(calls)) as RpcError[]) {
      const outcome = `${error.code} ${error.execution}`;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    assert.deepEqual(Object.fromEntries(outcomes), { "RESOURCE_EXHAUSTED notRun": 11_808, "CANCELLED unknown": 8_192 });
    await until(() => node.status().requestsInProgress === 0);
    assert.equal(node.status().handlersRunning, 8_192, "they run on, and count");
    const refused: unknown = await flood.invoke("1.3.7", echo, textNote("")).catch((error: unknown) => error);
    assert.ok(RpcError.is(refused) && refused.code === "RESOURCE_EXHAUSTED" && refused.execution === "notRun", String(refused));
    await peer.invoke("1.3.7", echo, textNote("last"));
  });

  test("100,000 calls at once, each settles once: as many as may be in flight with their replies, the others refused unrun; nothing is left", async () => {
    await start();
    const settled = new Uint8Array(100_000);
    const refusals = new Set<string>();
    const before = bufferBytes();
    let most = 0;
    let replies = 0;
    const calls = Array.from(settled, async (_, i) => {
      try {
        const { text } = await peer.invoke("1.3.7", echo, textNote(`${i}`));
        assert.equal(text, `${i}`);
        replies++;
      } catch (error) {
        if (!RpcError.is(error)) throw error;
        refusals.add(`${error.code} ${error.execution}`);
      }
      settled[i]!++;
    });
    most = bufferBytes() - before;
    const other = await nodes.start("1.2.3", PATIENT);
    await nodes.known("1.2.3");
    await other.invoke("1.3.7", echo, textNote("and I"));
    await Promise.all(calls);
    assert.equal(replies, 65_536);
    assert.deepEqual([...refusals], ["RESOURCE_EXHAUSTED notRun"]);
    assert.ok(settled.every((times) => times === 1));
    assert.ok(most <= 16 * MIB, `${most} bytes are held`);
    for (const it of [node, peer]) {
      const { callsInFlight, handlersRunning, requestsInProgress, links } = it.status();
      assert.deepEqual([callsInFlight, handlersRunning, requestsInProgress], [0, 0, 0]);
      for (const { bufferedBytes, queuedBytes } of links) assert.deepEqual([bufferedBytes, queuedBytes], [0, 0]);
    }
  });
});
