/**
 * One random history of two cores over a bad path, on virtual time: both sides write, read, pause and end as the seed says.
 * Throws when data is lost, doubled or out of order without an error, when a bound does not hold, or when nothing ends.
 */
import assert from "node:assert/strict";
import { KcpCore, type KcpCoreOptions, UNPROVEN_WINDOW } from "../../src/kcp/kcp-core.js";
import { HEADER_BYTES, MAX_FRAGMENTS } from "../../src/kcp/segment.js";
import { SeededRandom } from "../../src/testing/seeded-random.js";
import { LossyPath, type PathFaults } from "./support/lossy-path.js";

/** Virtual time after which a history must be over. */
const MAX_MS = 12 * 3_600_000;
const MAX_STEPS = 2_000_000;
/** IPv4 and UDP headers. */
const OVERHEAD_BYTES = 28;

export interface HistoryResult {
  readonly steps: number;
  readonly bytes: number;
  readonly virtualMs: number;
  readonly datagrams: number;
  /** Codes of the sides that ended with an error. */
  readonly failures: readonly string[];
}

/** One end: a core, the application on it, and what it must get. */
class Side {
  readonly core: KcpCore;
  readonly #options: KcpCoreOptions;
  readonly #random: SeededRandom;
  readonly #toWrite: Buffer[];
  readonly #expected: Buffer[];
  #written = 0;
  #hasEnded = false;
  #sawEnd = false;
  #readableAt = 0;
  #writableAt = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  datagrams = 0;

  constructor(core: KcpCore, options: KcpCoreOptions, random: SeededRandom, toWrite: Buffer[], expected: readonly Buffer[]) {
    this.core = core;
    this.#options = options;
    this.#random = random;
    this.#toWrite = toWrite;
    // A stream has no borders: what is expected is cut as it comes.
    this.#expected = options.mode === "stream" ? [Buffer.concat(expected)] : [...expected];
  }

  get isOver(): boolean {
    return this.core.failure !== undefined || (this.#hasEnded && this.core.isSettled && this.#sawEnd);
  }

  /** It has nothing to say any more, and only what the other side says could make it go on. */
  get hearsNothing(): boolean {
    const { failure, isSettled, isReadable, hasEnded } = this.core;
    return failure !== undefined || (this.#hasEnded && isSettled && !isReadable && !hasEnded);
  }

  waitsForProof(now: number): boolean {
    return !this.core.isProven && !this.core.isSettled && this.core.nextUpdateAt(now) === Number.POSITIVE_INFINITY;
  }

  get nextAt(): number {
    if (this.core.failure !== undefined) return Number.POSITIVE_INFINITY;
    return Math.min(this.#readableAt, this.#writableAt);
  }

  input(datagram: Buffer, now: number): void {
    const wasProven = this.core.isProven;
    const fault = this.core.input(datagram, now);
    if (!wasProven && fault !== "conversation" && fault !== "command" && fault !== "length" && fault !== "short")
      this.#bytesIn += datagram.length + OVERHEAD_BYTES;
    this.#check();
  }

  flush(now: number, path: LossyPath): void {
    this.core.flush(now, (datagram) => {
      this.datagrams++;
      assert.ok(datagram.length <= this.#options.mtu, `a datagram of ${datagram.length} bytes`);
      if (!this.core.isProven) this.#bytesOut += datagram.length + OVERHEAD_BYTES;
      path.send(datagram, now);
    });
    assert.ok(
      this.core.isProven || this.#bytesOut <= this.#bytesIn,
      `${this.#bytesOut} bytes to an unproven peer that sent ${this.#bytesIn}`,
    );
    this.#check();
  }

  /** What the application does now. */
  act(now: number): void {
    if (this.core.failure !== undefined) return;
    if (now >= this.#readableAt) this.#read(now);
    if (now >= this.#writableAt) this.#write(now);
  }

  #read(now: number): void {
    this.#readableAt = now + (this.#random.chance(0.02) ? this.#random.below(3_000) : this.#random.below(20));
    for (let left = 1 + this.#random.below(64); left > 0; left--) {
      const got = this.core.receive();
      if (got === undefined) break;
      this.#got(got);
    }
    if (this.core.hasEnded && !this.#sawEnd) {
      assert.equal(
        this.#expected.reduce((sum, part) => sum + part.length, 0),
        0,
        "the end came before all data",
      );
      this.#sawEnd = true;
    }
    if (this.#sawEnd) this.#readableAt = Number.POSITIVE_INFINITY;
  }

  #got(got: Buffer): void {
    const next = this.#expected[0];
    assert.ok(next !== undefined && got.length <= next.length, "more came than was sent");
    assert.ok(got.equals(next.subarray(0, got.length)), "what came is not what was sent");
    if (this.#options.mode === "message") assert.equal(got.length, next.length, "a part of a message");
    if (got.length === next.length) this.#expected.shift();
    else this.#expected[0] = next.subarray(got.length);
  }

  #write(now: number): void {
    this.#writableAt = now + (this.#random.chance(0.1) ? this.#random.below(2_000) : this.#random.below(30));
    while (this.core.hasRoom && this.#written < this.#toWrite.length && this.#random.chance(0.9))
      this.core.send(this.#toWrite[this.#written++]!);
    if (this.#written < this.#toWrite.length || this.#hasEnded) return;
    this.core.end();
    this.#hasEnded = true;
    this.#writableAt = Number.POSITIVE_INFINITY;
  }

  #check(): void {
    const { core } = this;
    const { receiveWindow, sendWindow } = this.#options;
    const mostHeld = core.isProven ? receiveWindow : Math.min(UNPROVEN_WINDOW + MAX_FRAGMENTS, receiveWindow);
    assert.ok(core.heldSegments <= mostHeld, `${core.heldSegments} segments held`);
    assert.ok(core.waitingSegments <= sendWindow + MAX_FRAGMENTS, `${core.waitingSegments} segments wait`);
  }
}

export function runHistory(seed: number): HistoryResult {
  const random = new SeededRandom(seed);
  const mode = random.pick(["stream", "message"] as const);
  const [optionsA, optionsB] = [coreOptions(random, mode), coreOptions(random, mode)];
  const startsAt = random.below(1_000_000);
  const faults = pathFaults(random, startsAt);
  const conversation = random.below(2 ** 32);
  const firstSequence = random.chance(0.5) ? 2 ** 32 - 1 - random.below(60) : 0;
  const toServer = messages(random, mode, Math.min(optionsA.maxMessageBytes, optionsB.maxMessageBytes));
  const toClient = messages(random, mode, Math.min(optionsA.maxMessageBytes, optionsB.maxMessageBytes));
  const offset = (): number => (2 ** 32 - startsAt - random.below(20_000)) >>> 0;
  const client = new Side(
    new KcpCore(conversation, optionsA, { now: startsAt, firstSequence, timestampOffset: offset() }),
    optionsA,
    random.fork(),
    toServer,
    toClient,
  );
  const server = new Side(
    new KcpCore(conversation, optionsB, { now: startsAt, firstSequence, timestampOffset: offset(), isProven: random.chance(0.5) }),
    optionsB,
    random.fork(),
    toClient,
    toServer,
  );
  const up = new LossyPath(faults, random.fork());
  const down = new LossyPath({ ...faults, delayMs: faults.delayMs * (0.5 + random.next()) }, random.fork());
  let now = startsAt;
  let steps = 0;
  for (; !client.isOver || !server.isOver; steps++) {
    assert.ok(now - startsAt < MAX_MS, "it never ends");
    assert.ok(steps < MAX_STEPS, `${steps} steps, and it is ${now - startsAt} ms`);
    for (const datagram of up.take(now)) server.input(datagram, now);
    for (const datagram of down.take(now)) client.input(datagram, now);
    client.act(now);
    server.act(now);
    if (client.core.nextUpdateAt(now) <= now) client.flush(now, up);
    if (server.core.nextUpdateAt(now) <= now) server.flush(now, down);
    // One side is gone, with an error or because nobody acknowledged its last word: nothing but silence tells the other one.
    const isQuiet = up.nextAt === Number.POSITIVE_INFINITY && down.nextAt === Number.POSITIVE_INFINITY;
    if (isQuiet && ((client.isOver && server.hearsNothing) || (server.isOver && client.hearsNothing))) break;
    // Too little was heard of the client to answer it once more, and it has no reason to say anything.
    if (isQuiet && client.hearsNothing && server.waitsForProof(now)) break;
    const nextAt = Math.min(
      up.nextAt,
      down.nextAt,
      client.nextAt,
      server.nextAt,
      client.core.nextUpdateAt(now),
      server.core.nextUpdateAt(now),
    );
    if (nextAt === Number.POSITIVE_INFINITY) break;
    now = Math.max(now, nextAt);
  }
  const failures = [client, server].flatMap(
    (side) => side.core.failure?.code ?? (side.isOver ? [] : side.core.isProven ? "IDLE" : "UNPROVEN"),
  );
  // Twenty transmissions may all get lost where two in five do.
  const isExcused = faults.blackouts.length > 0 || !server.core.isProven || faults.loss > 0.3;
  assert.ok(isExcused || failures.length === 0, `${failures} without a blackout`);
  const bytes = [...toServer, ...toClient].reduce((sum, part) => sum + part.length, 0);
  return { steps, bytes, virtualMs: now - startsAt, datagrams: client.datagrams + server.datagrams, failures };
}

function coreOptions(random: SeededRandom, mode: "stream" | "message"): KcpCoreOptions {
  const noDelay = random.chance(0.7);
  const receiveWindow = random.pick([1, 2, 8, 32, 128, 512]);
  const mtu = random.pick([50, 200, 576, 1_400]);
  const fitting = Math.min(receiveWindow, MAX_FRAGMENTS - 1) * (50 - HEADER_BYTES);
  return {
    mode,
    noDelay,
    intervalMs: noDelay ? 10 : random.pick([10, 40, 100]),
    resend: random.pick([0, 1, 2, 3]),
    congestionControl: random.chance(0.3),
    sendWindow: random.pick([1, 4, 32, 128, 512]),
    receiveWindow,
    mtu,
    deadLink: 20,
    maxMessageBytes: fitting,
    tellEnds: true,
    acknowledge: random.pick(["turn", "interval"] as const),
  };
}

function pathFaults(random: SeededRandom, startsAt: number): PathFaults {
  const isBad = random.chance(0.8);
  const blackoutAt = startsAt + random.below(5_000);
  const blackouts = random.chance(0.15) ? [{ from: blackoutAt, to: blackoutAt + 30_000 }] : [];
  return {
    loss: isBad ? random.next() * 0.4 : 0,
    duplication: isBad ? random.next() * 0.2 : 0,
    corruption: random.chance(0.3) ? random.next() * 0.1 : 0,
    garbage: random.chance(0.3) ? random.next() * 0.1 : 0,
    delayMs: random.pick([0.1, 5, 20, 80, 300]),
    jitterMs: random.pick([0, 1, 10, 100]),
    blackouts,
  };
}

function messages(random: SeededRandom, mode: "stream" | "message", maxMessageBytes: number): Buffer[] {
  const count = random.below(random.pick([2, 20, 150]));
  const most = mode === "message" ? maxMessageBytes : random.pick([10, 500, 5_000]);
  return Array.from({ length: count }, () => Buffer.from(random.bytes(1 + random.below(most))));
}
