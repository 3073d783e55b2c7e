import assert from "node:assert/strict";
import fc from "fast-check";
import type { LogicalAddress } from "../../src/addr/logical-address.js";
import { PendingQueue, remainingOf } from "../../src/link/pending-queue.js";
import { held, SELF } from "./support/held.js";

suite("pending queue", () => {
  test("a message of any size has room in an empty queue, and then none before it is gone", () => {
    const queue = new PendingQueue(10, 100);
    assert.equal(queue.hasRoom(1_000_000), true);
    queue.push(held({ seq: 1, size: 1_000 }));
    assert.equal(queue.hasRoom(0), false);
    queue.takeAll();
    assert.equal(queue.hasRoom(1_000_000), true);
  });

  test("count and bytes are bounded, whichever comes first", () => {
    const queue = new PendingQueue(3, 28 * 3 + 100);
    queue.push(held({ seq: 1, size: 50 }));
    assert.equal(queue.hasRoom(28 + 28 + 50), true);
    assert.equal(queue.hasRoom(28 + 28 + 51), false);
    queue.push(held({ seq: 2, size: 0 }));
    queue.push(held({ seq: 3, size: 0 }));
    assert.equal(queue.hasRoom(0), false);
  });

  test("any pushes and removals, keep order and account", () => {
    const step = fc.oneof(
      fc.record({ type: fc.constant("push" as const), to: fc.nat(1), size: fc.nat(40) }, { noNullPrototype: true }),
      fc.record({ type: fc.constant("remove" as const), to: fc.nat(1), seq: fc.nat(30) }, { noNullPrototype: true }),
      fc.record({ type: fc.constant("take" as const) }, { noNullPrototype: true }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const queue = new PendingQueue(5, 200);
        let model: ReturnType<typeof held>[] = [];
        let seq = 0;
        for (const next of steps) {
          if (next.type === "push") {
            const message = held({ seq: ++seq, to: next.to as LogicalAddress, size: next.size });
            if (!queue.hasRoom(message.frame.length)) continue;
            queue.push(message);
            model.push(message);
            assert.ok(model.length === 1 || queue.bytes <= 200 || model.length <= 5);
          } else if (next.type === "remove") {
            const there = model.find((message) => message.to === next.to && message.seq === next.seq);
            assert.equal(queue.remove(next.to as LogicalAddress, SELF, next.seq), there !== undefined);
            model = model.filter((message) => message !== there);
          } else {
            assert.deepEqual(queue.takeAll(), model);
            model = [];
          }
          assert.equal(queue.length, model.length);
          assert.equal(
            queue.bytes,
            model.reduce((sum, { frame }) => sum + frame.length, 0),
          );
        }
        assert.deepEqual(queue.takeAll(), model);
        assert.deepEqual([queue.length, queue.bytes], [0, 0]);
      }),
    );
  });

  test("the time that travels, is 0 without a deadline and at least 1 with one", () => {
    assert.equal(remainingOf(held({ seq: 1, deadlineAt: Number.POSITIVE_INFINITY }), 5), 0);
    assert.equal(remainingOf(held({ seq: 1, deadlineAt: 1_000.2 }), 5), 996);
    assert.equal(remainingOf(held({ seq: 1, deadlineAt: 5 }), 5), 1);
    assert.equal(remainingOf(held({ seq: 1, deadlineAt: 1 }), 5), 1);
  });
});
