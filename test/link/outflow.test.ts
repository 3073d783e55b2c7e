/** What one connection's outflow keeps while the peer does not read. */
import assert from "node:assert/strict";
import { parseAddress } from "../../src/addr/logical-address.js";
import { FIRST_BYTES, FIRST_MARK } from "../../src/link/fragment-window.js";
import { Outflow } from "../../src/link/outflow.js";
import type { HeldMessage } from "../../src/link/pending-queue.js";
import { resolveNodeOptions } from "../../src/node/options.js";
import type { Connection, ConnectionHandler } from "../../src/transport/transport.js";
import { FrameReader } from "../../src/wire/frame-reader.js";
import { decodeHeader, KIND } from "../../src/wire/header.js";
import { FRAGMENT_BYTES, HEADER_BYTES } from "../../src/wire/limits.js";
import { FakeClock } from "../support/fake-clock.js";

const TO = parseAddress("1.1.2");
const FROM = parseAddress("1.1.1");
const BODY = new Uint8Array(60);

/** A connection over which nothing leaves until it is drained. */
class StuckConnection implements Connection {
  readonly remote = "127.0.0.1:1";
  readonly isLoopback = true;
  readonly identity = undefined;
  readonly channelBinding = undefined;
  kept: Uint8Array[] = [];
  ended = false;

  get bufferedBytes(): number {
    return this.kept.reduce((sum, { length }) => sum + length, 0);
  }

  /** Memory that it holds, of which the bytes to be sent are a part. */
  get memoryBytes(): number {
    return [...new Set(this.kept.map(({ buffer }) => buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  write(bytes: Uint8Array): boolean {
    this.kept.push(bytes);
    return false;
  }

  setHandler(_handler: ConnectionHandler): void {}

  end(): void {
    this.ended = true;
  }

  destroy(): void {}
}

/** A connection that takes all; frames are noted as their kind and number. */
class OpenConnection extends StuckConnection {
  readonly frames: { readonly kind: number; readonly seq: number }[] = [];
  sentBytes = 0;

  override write(bytes: Uint8Array): boolean {
    new FrameReader((frame, start, end) => {
      const { kind, seq } = decodeHeader(frame, start);
      this.frames.push({ kind, seq });
      if (kind === KIND.fragment) this.sentBytes += end - start;
    }).push(Buffer.from(bytes));
    return true;
  }

  /** Number of the ping that was sent last. */
  get lastPing(): number {
    return this.frames.findLast(({ kind }) => kind === KIND.ping)!.seq;
  }
}

function scene<C extends StuckConnection = StuckConnection>(connection: C = new StuckConnection() as C) {
  const clock = new FakeClock();
  const { link } = resolveNodeOptions({ address: FROM, discovery: { watch: async function* () {} } });
  const outflow = new Outflow(FROM, TO, connection, clock, link, {
    onWrite() {},
    onCongested() {},
    onTooSlow: () => assert.fail("too slow"),
  });
  const send = (seq: number): void => {
    outflow.begin(BODY.length).raw(BODY);
    outflow.commit(KIND.bytes, 0, TO, FROM, 1, seq, 0, Number.POSITIVE_INFINITY);
  };
  return { clock, connection, outflow, send };
}

function large(seq: number, bytes: number, kind: number = KIND.reply): HeldMessage {
  const frame = Buffer.alloc(HEADER_BYTES + bytes);
  return { frame, kind, flags: 0, to: TO, from: FROM, epoch: 1, seq, deadlineAt: Number.POSITIVE_INFINITY };
}

suite("outflow of a connection", () => {
  test("a message in each of many turns while the peer does not read, and no more than twice their bytes are kept", async () => {
    const { clock, connection, outflow, send } = scene();
    const count = 20_000;
    for (let seq = 1; seq <= count; seq++) {
      send(seq);
      await clock.settle();
    }
    const bytes = count * (HEADER_BYTES + BODY.length);
    assert.equal(outflow.bufferedBytes, bytes);
    assert.equal(outflow.congested, true);
    const first = 256 * 1024; // of the first turn, when the connection was not known to be stuck
    assert.ok(connection.memoryBytes <= 2 * bytes + first, `${connection.memoryBytes} bytes for ${bytes}`);
  });

  test("the connection drains, and what was gathered meanwhile leaves at once, in order", async () => {
    const { clock, connection, outflow, send } = scene();
    send(1);
    await clock.settle();
    for (const seq of [2, 3, 4]) {
      send(seq);
      await clock.settle();
    }
    assert.equal(connection.kept.length, 1);
    connection.kept = [];
    outflow.onDrain();
    await clock.settle();
    assert.equal(connection.kept.length, 1);
    const [bytes] = connection.kept;
    const seqs = [0, 1, 2].map((i) => Buffer.from(bytes!).readUInt32BE(i * (HEADER_BYTES + BODY.length) + 20));
    assert.deepEqual(seqs, [2, 3, 4]);
  });

  test("large messages while the peer does not read, and none of their bytes stand in front of what comes later", async () => {
    const { clock, connection, outflow, send } = scene();
    for (const seq of [1, 2, 3]) {
      outflow.sendHeld(large(seq, 4 * FRAGMENT_BYTES));
    }
    for (let turn = 0; turn < 10; turn++) await clock.settle();
    send(4);
    await clock.settle();
    assert.ok(connection.bufferedBytes <= FRAGMENT_BYTES + 2 * HEADER_BYTES, `${connection.bufferedBytes} bytes`);
    connection.kept = [];
    outflow.onDrain();
    await clock.settle();
    assert.equal(Buffer.from(connection.kept[0]!).readUInt8(4), KIND.bytes, "the small one comes first");
  });

  test("a large message and no pong, and what is unread stays bounded; small messages wait for none of it", async () => {
    const { clock, connection, outflow, send } = scene(new OpenConnection());
    outflow.sendHeld(large(1, 4 * FIRST_BYTES));
    await clock.settle();
    assert.ok(connection.sentBytes >= FIRST_BYTES && connection.sentBytes < FIRST_BYTES + FRAGMENT_BYTES, `${connection.sentBytes} bytes`);
    assert.equal(connection.frames.at(-1)!.kind, KIND.ping, "asks whether it was read");
    send(2);
    await clock.settle();
    assert.deepEqual(connection.frames.at(-1), { kind: KIND.bytes, seq: 2 });
    outflow.onMarkRead(connection.lastPing, clock.now());
    await clock.settle();
    assert.ok(connection.sentBytes > 2 * FIRST_BYTES, `${connection.sentBytes} bytes`);
  });

  test("a peer that never answers, and a large message goes all the same, a part each second; what waits behind it then too", async () => {
    const { clock, connection, outflow, send } = scene(new OpenConnection());
    outflow.sendHeld(large(1, 4 * FIRST_BYTES, KIND.request));
    send(2);
    for (let second = 0; second < 5; second++) {
      await clock.advance(1_000);
      outflow.sweep(clock.now());
    }
    await clock.settle();
    assert.deepEqual(connection.frames.at(-1), { kind: KIND.bytes, seq: 2 });
    assert.deepEqual([outflow.bufferedBytes, outflow.isSending], [0, false]);
  });

  test("a connection that is ended while a large message waits for a pong, ends behind its last fragment", async () => {
    const { clock, connection, outflow } = scene(new OpenConnection());
    outflow.sendHeld(large(1, 2 * FIRST_BYTES));
    await clock.settle();
    outflow.end();
    await clock.settle();
    assert.equal(connection.ended, false);
    outflow.onMarkRead(connection.lastPing, clock.now());
    await clock.settle();
    assert.deepEqual([connection.ended, outflow.bufferedBytes], [true, 0]);
  });

  test("small messages are sent too, and less of a large one is unread than when it is alone, until a second behind the last", async () => {
    const { clock, connection, outflow, send } = scene(new OpenConnection());
    outflow.sendHeld(large(1, 32 * 1024 * 1024));
    await clock.settle();
    let read = 0;
    /** All is read, a million bytes in a millisecond; gives what goes then. */
    const burst = async (): Promise<number> => {
      const before = connection.sentBytes;
      await clock.advance(0.05 + (before - read) / 1_000_000);
      read = before;
      outflow.onMarkRead(connection.lastPing, clock.now());
      await clock.settle();
      return connection.sentBytes - before;
    };
    const alone = await burst();
    send(2);
    await clock.settle();
    await burst();
    const shared = await burst();
    await clock.advance(1_000);
    await burst();
    const aloneAgain = await burst();
    assert.ok(alone >= 1_000_000 && shared < 600_000 && aloneAgain >= 1_000_000, `${alone}, ${shared}, ${aloneAgain} bytes`);
  });

  test("pings among fragments, are no messages and have numbers of their own", async () => {
    const { clock, connection, outflow } = scene(new OpenConnection());
    outflow.sendHeld(large(1, FRAGMENT_BYTES * 2));
    await clock.settle();
    const pings = connection.frames.filter(({ kind }) => kind === KIND.ping);
    assert.ok(pings.length > 0 && pings.every(({ seq }) => seq >= FIRST_MARK));
    assert.equal(outflow.framesOut, 0);
  });

  test("the connection is ended while it is stuck, and what was gathered goes before", async () => {
    const { clock, connection, outflow, send } = scene();
    for (const seq of [1, 2]) {
      send(seq);
      await clock.settle();
    }
    outflow.end();
    assert.equal(connection.bufferedBytes, 2 * (HEADER_BYTES + BODY.length));
    assert.equal(connection.ended, true);
  });
});
