/** What one connection's outflow keeps while the peer does not read. */
import assert from "node:assert/strict";
import { parseAddress } from "../../src/addr/logical-address.js";
import { Outflow } from "../../src/link/outflow.js";
import { resolveNodeOptions } from "../../src/node/options.js";
import type { Connection, ConnectionHandler } from "../../src/transport/transport.js";
import { KIND } from "../../src/wire/header.js";
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

function scene() {
  const clock = new FakeClock();
  const connection = new StuckConnection();
  const { link } = resolveNodeOptions({ address: FROM, discovery: { watch: async function* () {} } });
  const outflow = new Outflow(connection, clock, link, { onWrite() {}, onCongested() {}, onTooSlow: () => assert.fail("too slow") });
  const send = (seq: number): void => {
    outflow.begin(BODY.length).raw(BODY);
    outflow.commit(KIND.bytes, 0, TO, FROM, 1, seq, 0, Number.POSITIVE_INFINITY);
  };
  return { clock, connection, outflow, send };
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
      const frame = Buffer.alloc(HEADER_BYTES + 4 * FRAGMENT_BYTES);
      outflow.sendHeld({ frame, kind: KIND.reply, flags: 0, to: TO, from: FROM, epoch: 1, seq, deadlineAt: Number.POSITIVE_INFINITY });
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
