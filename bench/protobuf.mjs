/**
 * Encoding and decoding, by the library's reader and writer and by others. Run:
 *
 *   npm run build && node bench/protobuf.mjs
 *
 * Every figure is the ratio to ts-proto's code on @bufbuild/protobuf as people use it (`encode(m).finish()`,
 * `decode(bytes)`): 2.00 is twice as fast. "in place" is how nodes do it: one writer and one reader for all messages,
 * in the buffer of the frame. protobufjs compiles its reflected types, which measures the same as its static output.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";
import { BinaryReader, BinaryWriter } from "../dist/src/rpc/index.js";
import * as bufbuild from "./protobuf/gen/bufbuild/messages.js";
import * as clusterts from "./protobuf/gen/clusterts/messages.js";

const ROUNDS = 15;
const ROUND_MS = 40;

const root = protobuf.loadSync(fileURLToPath(new URL("./protobuf/messages.proto", import.meta.url)));

const small = { room: 77, from: "alice", text: "hello over there...", sentAt: 1_700_000_000_000n };
const big = {
  name: "arena of the north",
  players: Array.from({ length: 24 }, (_, i) => ({
    id: 9_007_199_254_740_993n + BigInt(i),
    name: `player-${i}-${"x".repeat(i % 9)}`,
    position: { x: i * 1.5, y: 54 - i * 2.25, heading: i / 7 },
    score: (i - 12) * 1000,
    online: i % 2 === 0,
    tags: ["ranked", i % 3 === 0 ? "veteran of the first season" : "new"],
    guild: i % 4 === 0 ? "Søren & Åse's guild" : undefined,
  })),
  scores: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`score-of-${i}`, 1 + i * 31])),
  tiles: Array.from({ length: 800 }, (_, i) => ((i * 37) % 301) - 150),
  thumbnail: new Uint8Array(300).map((_, i) => i),
};

const frame = Buffer.allocUnsafeSlow(64 * 1024);
const writer = new BinaryWriter();
const reader = new BinaryReader(frame);

const print = (line) => process.stdout.write(`${line}\n`);

/** The work of one message, per library; the first one is what the others are compared with. */
function contestants(type, theirs, ours, message) {
  const reflected = root.lookupType(`bench.${type}`);
  const object = reflected.fromObject(
    JSON.parse(JSON.stringify(message, (_, v) => (typeof v === "bigint" ? v.toString() : v instanceof Uint8Array ? Array.from(v) : v))),
  );
  const bytes = Buffer.from(theirs.encode(message).finish());
  assert.deepEqual(Buffer.from(ours.encode(message).finish()), bytes);
  assert.deepEqual(Buffer.from(reflected.encode(object).finish()), bytes);
  assert.deepEqual(ours.decode(bytes), message);
  return {
    bytes: bytes.length,
    encode: {
      "ts-proto on @bufbuild": () => theirs.encode(message).finish(),
      "ts-proto on clusterts, finish()": () => ours.encode(message).finish(),
      "ts-proto on clusterts, in place": () => ours.encode(message, writer.attach(frame, 32, 60_000)),
      protobufjs: () => reflected.encode(object).finish(),
      JSON: () => JSON.stringify(object),
    },
    decode: {
      "ts-proto on @bufbuild": () => theirs.decode(bytes),
      "ts-proto on clusterts, new reader": () => ours.decode(bytes),
      "ts-proto on clusterts, in place": () => ours.decode(reader.attach(bytes, 0, bytes.length)),
      protobufjs: () => reflected.decode(bytes),
    },
  };
}

/** Nanoseconds per call of each, the best round of those that took turns. */
function measure(tasks) {
  const best = new Map(Object.keys(tasks).map((name) => [name, Number.POSITIVE_INFINITY]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, task] of Object.entries(tasks)) {
      let calls = 0;
      let elapsed = 0;
      const start = performance.now();
      while (elapsed < ROUND_MS) {
        for (let i = 0; i < 100; i++) task();
        calls += 100;
        elapsed = performance.now() - start;
      }
      best.set(name, Math.min(best.get(name), (elapsed * 1e6) / calls));
    }
  }
  return best;
}

for (const [type, theirs, ours, message] of [
  ["Small", bufbuild.Small, clusterts.Small, small],
  ["Big", bufbuild.Big, clusterts.Big, big],
]) {
  const { bytes, encode, decode } = contestants(type, theirs, ours, message);
  for (const [verb, tasks] of [
    ["encode", encode],
    ["decode", decode],
  ]) {
    const measured = measure(tasks);
    const base = measured.values().next().value;
    print(`\n${type} (${bytes} bytes), ${verb}`);
    for (const [name, ns] of measured) {
      print(`  ${name.padEnd(36)} ${(base / ns).toFixed(2).padStart(6)}   ${ns.toFixed(0).padStart(7)} ns`);
    }
  }
}
