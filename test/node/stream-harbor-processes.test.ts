/** Streams and streaming calls between two groups of real processes, of which some are killed or stopped; the opener is this process. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { RpcError } from "../../src/errors.js";
import type { ClusterStream } from "../../src/node/cluster-stream.js";
import { defineMethod } from "../../src/rpc/service.js";
import { StreamError } from "../../src/stream/stream-error.js";
import { Crossing, HARBORS, type TARGETS } from "../support/crossing.js";
import { noteCodec, textNote } from "../support/note.js";
import { until } from "../support/until.js";

const forever = defineMethod("test.Notes/forever", "server", noteCodec, noteCodec);

const PROCESSES_MS = 180_000;
/** Silence is seen within the sum of the first and the last, and a second for two looks. */
const KEEPALIVE = { keepaliveMs: 1_000, probeMs: 1_000, keepaliveTimeoutMs: 500 };
const STREAMS = 200;
const CALLS = 50;
const MIB = 1024 ** 2;

type Victim = (typeof HARBORS)[number] | (typeof TARGETS)[number];

let crossing: Crossing;

suite("streams between two groups of processes", function () {
  this.timeout(PROCESSES_MS);

  setup(async () => {
    crossing = await Crossing.start(KEEPALIVE);
  });

  teardown(() => crossing[Symbol.asyncDispose]());

  test("100 MiB over two harbors, arrive with their hash", async () => {
    const stream = await crossing.caller.openStream("2.1.1", { protocol: "hash" });
    const hash = createHash("sha256");
    const piece = Buffer.alloc(65_537);
    for (let sent = 0, round = 0; sent < 100 * MIB; round++) {
      piece.writeUInt32LE(Math.imul(round, 0x9e37_79b1) >>> 0, round % 65_000);
      const bytes = Buffer.from(piece.subarray(0, Math.min(piece.length, 100 * MIB - sent)));
      hash.update(bytes);
      sent += bytes.length;
      if (!stream.write(bytes)) await once(stream as never, "drain");
    }
    stream.end();
    const said: Uint8Array[] = [];
    for await (const chunk of stream) said.push(chunk);
    assert.equal(Buffer.concat(said).toString(), hash.digest("hex"));
    for (const group of [1, 2]) {
      const statuses = await Promise.all(HARBORS.filter((each) => each.startsWith(`${group}.`)).map((each) => crossing.status(each)));
      assert.ok(Math.max(...statuses.map(({ harbor }) => harbor!.streams.bytes)) > 100 * MIB);
      for (const { rssBytes } of statuses) assert.ok(rssBytes < 250 * MIB, `${rssBytes} bytes`);
    }
  });

  test("readers that pause for ten seconds, hold back their writers through both harbors, and then get all of it", async () => {
    const each = 8 * MIB;
    const streams = await Promise.all(Array.from({ length: 20 }, () => crossing.caller.openStream("2.1.1", { protocol: "paused" })));
    await Promise.all(streams.map((stream) => once(stream as never, "data")));
    const written = streams.map(() => 0);
    const writing = streams.map(async (stream, index) => {
      const piece = Buffer.alloc(64 * 1024);
      while (written[index]! < each) {
        written[index]! += piece.length;
        if (!stream.write(piece)) await once(stream as never, "drain");
      }
      stream.end();
    });
    await new Promise((resolve) => setTimeout(resolve, 10_000)); // the pause itself
    assert.ok(Math.max(...written) < 2 * MIB, `${Math.max(...written)} bytes were taken`);
    for (const address of HARBORS) {
      const { rssBytes, unreadBytes } = await crossing.status(address);
      assert.ok(unreadBytes <= streams.length * 256 * 1024, `${unreadBytes} bytes wait at ${address}`);
      assert.ok(rssBytes < 250 * MIB, `${rssBytes} bytes`);
    }
    crossing.read("2.1.1");
    const said = await Promise.all(
      streams.map(async (stream) => {
        let text = "";
        for await (const chunk of stream) text += Buffer.from(chunk).toString();
        return text;
      }),
    );
    await Promise.all(writing);
    assert.deepEqual(new Set(said), new Set([String(each)]));
  });

  test("a call that streams and is left, ends its handler behind both harbors", async () => {
    for await (const _ of crossing.caller.invoke("2.1.1", forever, textNote("left"), { timeoutMs: 60_000 })) break;
    await until(() => crossing.runs("2.1.1").includes("ended left"));
    for (const address of HARBORS) await until(async () => (await crossing.status(address)).harbor!.streams.open === 0);
  });

  /** How streams and calls end: none of them in order. */
  async function openAll(): Promise<Promise<unknown>[]> {
    const streams = await Promise.all(Array.from({ length: STREAMS }, () => crossing.caller.openStream("2.1.1", { protocol: "held" })));
    const replies = Array.from({ length: CALLS }, (_, i) =>
      crossing.caller.invoke("2.1.1", forever, textNote(`${i}`), { timeoutMs: 60_000 }),
    );
    const ends = [...streams.map(endOf), ...replies.map(endOfCall)];
    await Promise.all(streams.map((stream) => once(stream as never, "data")));
    await until(() => crossing.caller.status().callsInFlight === CALLS && crossing.caller.status().streams === STREAMS + CALLS);
    return ends;
  }

  async function endOf(stream: ClusterStream): Promise<unknown> {
    let hasEnded = false;
    stream.on("end", () => {
      hasEnded = true;
    });
    await new Promise<void>((resolve) => stream.on("close", resolve));
    return hasEnded ? "an end in order" : stream.errored;
  }

  async function endOfCall(replies: AsyncIterable<unknown>): Promise<unknown> {
    try {
      for await (const _ of replies);
      return "an end in order";
    } catch (error) {
      return error;
    }
  }

  async function assertAllLost(ends: Promise<unknown>[], withinMs: number): Promise<void> {
    const since = performance.now();
    const errors = await Promise.all(ends);
    const tookMs = performance.now() - since;
    for (const error of errors.slice(0, STREAMS)) assert.ok(StreamError.is(error) && error.reason === "lost", String(error));
    for (const error of errors.slice(STREAMS)) {
      assert.ok(RpcError.is(error), String(error));
      assert.deepEqual([error.code, error.execution], ["UNAVAILABLE", "unknown"], error.message);
    }
    assert.ok(tookMs < withinMs, `${tookMs} ms`);
    const { streams, callsInFlight } = crossing.caller.status();
    assert.deepEqual({ streams, callsInFlight }, { streams: 0, callsInFlight: 0 });
  }

  async function victimOf(which: "target" | 1 | 2): Promise<Victim> {
    return which === "target" ? "2.1.1" : await crossing.relaying(which);
  }

  for (const [what, which] of [
    ["the target", "target"],
    ["the harbor of the own group", 1],
    ["the harbor of the other group", 2],
  ] as const) {
    test(`kill -9 of ${what}: every stream and call ends with an error at once, none in order`, async () => {
      const ends = await openAll();
      const victim = await victimOf(which);
      await crossing.kill(victim);
      await assertAllLost(ends, 1_000);
      if (which !== "target") await assertOthersKnow(victim);
    });

    test(`${what} is stopped: every stream and call ends with an error within the keepalive's time, none in order`, async () => {
      const ends = await openAll();
      const victim = await victimOf(which);
      crossing.stop(victim);
      await assertAllLost(ends, 4_000);
      if (which !== "target") await assertOthersKnow(victim);
    });
  }

  /** The target's ends are over too, nothing is left at harbors, and streams opened now go over the other harbor. */
  async function assertOthersKnow(victim: Victim): Promise<void> {
    await until(async () => (await crossing.status("2.1.1")).streams === 0);
    for (const address of HARBORS)
      if (address !== victim) await until(async () => (await crossing.status(address)).harbor!.streams.open === 0);
    const stream = await crossing.caller.openStream("2.1.1", { protocol: "hash" });
    stream.end();
    assert.equal((await once(stream as never, "data")).length, 1);
  }
});
