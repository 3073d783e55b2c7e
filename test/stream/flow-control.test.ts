import assert from "node:assert/strict";
import fc from "fast-check";
import { addedCredit, ReceiveWindow } from "../../src/stream/flow-control.js";
import { ProtocolError } from "../../src/wire/protocol-error.js";

suite("flow control", () => {
  test("credit, is given back when half the window was read, and all of it at once", () => {
    const window = new ReceiveWindow(100, 100);
    window.use(60);
    assert.deepEqual([window.due(60), window.due(11), window.due(10)], [0, 0, 50]);
    window.grant(50);
    assert.deepEqual([window.due(10), window.due(0)], [0, 0]);
  });

  test("a window above the agreed one, is announced whole by the first frame", () => {
    const window = new ReceiveWindow(100, 1_000);
    assert.equal(window.rest(0), 900);
    window.grant(900);
    assert.equal(window.rest(0), 0);
  });

  test("a frame larger than the credit, is against the protocol as soon as it begins", () => {
    const window = new ReceiveWindow(100, 100);
    window.check(100);
    window.use(1);
    assert.throws(() => window.check(100), ProtocolError);
  });

  test("credit above 32 bits, is against the protocol", () => {
    assert.equal(addedCredit(2 ** 32 - 2, 1), 2 ** 32 - 1);
    assert.throws(() => addedCredit(2 ** 32 - 2, 2), ProtocolError);
  });

  test("any arrivals and reads, never let more be sent and unread than the window, and never let the sender starve", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.array(fc.tuple(fc.nat(400), fc.nat(400)), { maxLength: 60 }), (limit, steps) => {
        const window = new ReceiveWindow(limit, limit);
        let credit = limit;
        let unread = 0;
        for (const [sent, read] of steps) {
          const bytes = Math.min(sent, credit);
          window.check(bytes);
          window.use(bytes);
          credit -= bytes;
          unread += bytes;
          unread -= Math.min(read, unread);
          const due = window.due(unread);
          window.grant(due);
          credit += due;
          assert.ok(credit + unread <= limit);
          if (unread === 0) assert.ok(credit > 0);
        }
      }),
    );
  });
});
