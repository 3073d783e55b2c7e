/** Two sessions joined by a relay: what comes on a stream of the one goes out on a stream of the other, and the other way round. */
import assert from "node:assert/strict";
import { FLAG, TYPE } from "../../src/stream/frame.js";
import { harborReset } from "../../src/stream/harbor-reset.js";
import { RESET } from "../../src/stream/reset-code.js";
import type { SessionOptions } from "../../src/stream/session-options.js";
import type { YamuxStream } from "../../src/stream/yamux-stream.js";
import { RawYamux } from "./support/raw-yamux.js";

const { data, windowUpdate } = TYPE;
const { ack, fin, syn } = FLAG;
const WINDOW = 262_144;

/** The relay in the middle: `near` has dialed it, `far` is dialed by it. */
class Relay {
  readonly near: RawYamux;
  readonly far: RawYamux;
  came!: YamuxStream;
  goes!: YamuxStream;

  constructor(options: SessionOptions = {}) {
    this.near = new RawYamux("acceptor", options, false);
    this.far = new RawYamux("dialer", options);
  }

  /** The peer of `near` opens a stream with `early`, of which the relay has read `read` bytes and sends `first` in their place. */
  async begin(early = "", read = 0, first = ""): Promise<void> {
    await this.near.send(windowUpdate, syn, 1);
    if (early !== "") await this.near.send(data, 0, 1, early);
    this.came = this.near.offered[0]!;
    if (read > 0) assert.equal(String(this.came.read(read)), early.slice(0, read));
    this.goes = this.far.open();
    this.came.relayTo(this.goes, Buffer.from(first));
    await this.settle();
  }

  async settle(): Promise<void> {
    for (const side of [this.near, this.far, this.near, this.far]) await side.clock.settle();
  }
}

suite("relayed streams", () => {
  test("what was read goes ahead of what had come, and that ahead of what comes", async () => {
    const relay = new Relay();
    await relay.begin("HEADand more", 4, "head");
    assert.deepEqual(await relay.far.said(), ["update syn 1 0", "data 1 headand more"]);
    await relay.near.send(data, 0, 1, "!");
    await relay.settle();
    assert.deepEqual(await relay.far.said(), ["data 1 !"]);
  });

  test("the acknowledgment is passed on, and never made up: not for an end, not for a window that has gone on", async () => {
    const relay = new Relay();
    await relay.begin();
    for (let count = 0; count < 4; count++) await relay.near.send(data, 0, 1, "x".repeat(WINDOW / 4));
    await relay.near.send(windowUpdate, fin, 1);
    await relay.settle();
    assert.deepEqual(await relay.near.said(), []);
    assert.equal((await relay.far.said()).at(-1), "update fin 1 0");
    await relay.far.send(windowUpdate, ack, 1);
    await relay.settle();
    assert.deepEqual(await relay.near.said(), ["update ack 1 262144"]);
  });

  test("credit is for what the other side has taken: a side without credit stops the other at its window", async () => {
    const relay = new Relay();
    await relay.begin();
    await relay.far.send(windowUpdate, ack, 1);
    await relay.near.said();
    const piece = "y".repeat(WINDOW / 4);
    for (let count = 0; count < 4; count++) await relay.near.send(data, 0, 1, piece);
    await relay.settle();
    const granted = (await relay.near.frames()).reduce((sum, { type, length }) => sum + (type === windowUpdate ? length : 0), 0);
    assert.equal(granted, WINDOW);
    for (let count = 0; count < 4; count++) await relay.near.send(data, 0, 1, piece);
    await relay.settle();
    assert.deepEqual(await relay.near.said(), [], "the far window is used up: no more credit");
    assert.deepEqual([relay.came.unreadBytes, relay.near.session.status().unreadBytes], [WINDOW, WINDOW]);
    await relay.far.send(windowUpdate, 0, 1, WINDOW);
    await relay.settle();
    assert.equal(relay.came.unreadBytes, 0);
    assert.equal(
      (await relay.near.frames()).reduce((sum, { length }) => sum + length, 0),
      WINDOW,
    );
  });

  test("an end goes behind all that came before it, in each direction by itself; after both, nothing is left", async () => {
    const relay = new Relay();
    await relay.begin();
    await relay.far.send(windowUpdate, ack, 1);
    await relay.far.send(data, 0, 1, "answer");
    await relay.far.send(windowUpdate, fin, 1);
    await relay.settle();
    assert.deepEqual(await relay.near.said(), ["update ack 1 0", "data 1 answer", "update fin 1 0"]);
    assert.equal(relay.near.session.streamCount, 1);
    await relay.near.send(data, 0, 1, "question");
    await relay.near.send(windowUpdate, fin, 1);
    await relay.settle();
    assert.deepEqual(await relay.far.said(), ["update syn 1 0", "data 1 question", "update fin 1 0"]);
    for (const { session, errors } of [relay.near, relay.far]) {
      assert.deepEqual([session.streamCount, errors.size, session.status().unreadBytes, session.status().resetsOut], [0, 0, 0, 0]);
    }
  });

  test("ended by its peers while much waits for credit, goes on until all is out, also when its session has ended", async () => {
    const relay = new Relay();
    await relay.begin();
    await relay.far.send(windowUpdate, ack, 1);
    await relay.far.send(windowUpdate, fin, 1);
    for (let count = 0; count < 4; count++) await relay.near.send(data, 0, 1, "z".repeat(WINDOW / 4));
    await relay.settle();
    await relay.near.send(data, 0, 1, "the rest");
    await relay.near.send(windowUpdate, fin, 1);
    relay.near.connection.handler!.onClose(undefined);
    await relay.settle();
    await relay.far.said();
    await relay.far.send(windowUpdate, 0, 1, WINDOW);
    await relay.settle();
    assert.deepEqual(await relay.far.said(), ["data 1 the rest", "update fin 1 0"]);
    assert.equal(relay.far.session.streamCount, 0);
  });

  test("given up before it was accepted: refused while nobody was asked, and not called refused after that", async () => {
    const held = new Relay({ maxUnacknowledged: 1 });
    held.far.open();
    await held.begin();
    held.near.session.goAway();
    assert.deepEqual(await held.near.said(), [`update rst 1 ${RESET.refused}`, "go-away 0 0"]);
    const asked = new Relay();
    await asked.begin();
    asked.near.session.goAway();
    assert.deepEqual(await asked.near.said(), [`update rst 1 ${harborReset("unanswered")}`, "go-away 0 0"]);
  });

  test("too much unread in a session, resets the one that holds it", async () => {
    const relay = new Relay({ maxUnreadBytes: 100_000 });
    await relay.begin();
    await relay.far.send(windowUpdate, ack, 1);
    relay.far.connection.isFull = true;
    for (let count = 0; count < 4; count++) await relay.near.send(data, 0, 1, "u".repeat(60_000));
    const { overBudget, unreadBytes } = relay.near.session.status();
    assert.deepEqual([overBudget, unreadBytes], [1, 0]);
    assert.equal((await relay.near.said()).at(-1), `update rst 1 ${RESET.overBudget}`);
  });
});
