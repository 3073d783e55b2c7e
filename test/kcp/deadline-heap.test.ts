import assert from "node:assert/strict";
import { DeadlineHeap, type Scheduled } from "../../src/kcp/deadline-heap.js";
import { SeededRandom } from "../../src/testing/seeded-random.js";

suite("KCP deadlines", () => {
  test("random deadlines that come, come forward and go, the soonest is always on top", () => {
    const random = new SeededRandom(1);
    const heap = new DeadlineHeap<Scheduled>();
    const items: Scheduled[] = Array.from({ length: 100 }, () => ({ heapAt: 0, heapIndex: -1 }));
    for (let step = 0; step < 5_000; step++) {
      const item = random.pick(items);
      if (random.chance(0.3)) heap.remove(item);
      else heap.schedule(item, random.below(1_000));
      const held = items.filter(({ heapIndex }) => heapIndex >= 0);
      assert.equal(heap.size, held.length);
      assert.equal(heap.soonest?.heapAt, held.length === 0 ? undefined : Math.min(...held.map(({ heapAt }) => heapAt)));
    }
  });

  test("a later deadline for what is there, leaves it where it is; never, adds nothing", () => {
    const heap = new DeadlineHeap<Scheduled>();
    const item = { heapAt: 0, heapIndex: -1 };
    heap.schedule(item, Number.POSITIVE_INFINITY);
    assert.equal(heap.size, 0);
    heap.schedule(item, 5);
    heap.schedule(item, 9);
    assert.equal(heap.soonest?.heapAt, 5);
  });
});
