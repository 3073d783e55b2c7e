import assert from "node:assert/strict";
import { FLAG } from "../../src/stream/frame.js";
import { PendingOpens } from "../../src/stream/pending-opens.js";
import { StreamIds } from "../../src/stream/stream-ids.js";
import { ProtocolError } from "../../src/wire/protocol-error.js";

suite("stream ids", () => {
  test("both sides' ids, never meet", () => {
    const dialer = new StreamIds("dialer");
    const acceptor = new StreamIds("acceptor");
    assert.deepEqual([dialer.take(), dialer.take(), acceptor.take(), acceptor.take()], [1, 3, 2, 4]);
    assert.throws(() => new StreamIds("dialer", 2), RangeError);
    assert.throws(() => new StreamIds("acceptor", 0), RangeError);
  });

  test("the last id, is used, and none after it", () => {
    const ids = new StreamIds("acceptor", 2 ** 32 - 2);
    assert.equal(ids.isExhausted, false);
    assert.equal(ids.take(), 2 ** 32 - 2);
    assert.equal(ids.isExhausted, true);
  });

  test("a frame, is for an open stream, a new one, or one that is over; anything else nobody can have sent", () => {
    const ids = new StreamIds("dialer");
    ids.take();
    assert.equal(ids.place(4, FLAG.syn, false), "new");
    assert.equal(ids.place(2, FLAG.syn, false), "new");
    assert.deepEqual([ids.place(4, 0, true), ids.place(2, 0, false), ids.place(1, 0, false)], ["known", "gone", "gone"]);
    for (const [id, flags, isOpen] of [
      [0, 0, false],
      [3, 0, false],
      [6, 0, false],
      [1, FLAG.syn, false],
      [4, FLAG.syn, true],
    ] as const) {
      assert.throws(() => ids.place(id, flags, isOpen), ProtocolError);
    }
  });
});

suite("pending opens", () => {
  test("more than may be asked for, are held, and take the places of those that are settled, in order", () => {
    const opens = new PendingOpens<string>(1, 2);
    assert.deepEqual([opens.add("a", 0), opens.add("b", 1), opens.add("c", 2), opens.isFull], [true, false, false, true]);
    assert.deepEqual([opens.settle("b"), opens.settle("a"), opens.settle("c"), opens.settle("c")], [undefined, "c", undefined, undefined]);
    assert.deepEqual([opens.askedCount, opens.heldCount], [0, 0]);
  });

  test("those that wait too long, are told held ones first, by when they were opened", () => {
    const opens = new PendingOpens<string>(1, 2);
    opens.add("a", 0);
    opens.add("b", 10);
    opens.add("c", 20);
    assert.deepEqual([opens.since(-1), opens.since(10), opens.all()], [[], ["b", "a"], ["b", "c", "a"]]);
  });
});
