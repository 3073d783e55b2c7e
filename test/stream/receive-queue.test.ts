import assert from "node:assert/strict";
import fc from "fast-check";
import { ReceiveQueue } from "../../src/stream/receive-queue.js";

function drain(queue: ReceiveQueue): Buffer[] {
  const pieces: Buffer[] = [];
  for (let piece = queue.shift(); piece !== undefined; piece = queue.shift()) pieces.push(piece);
  return pieces;
}

suite("receive queue", () => {
  test("any pieces pushed and taken by turns, come out as the same bytes", () => {
    const step = fc.oneof(fc.constant("shift" as const), fc.nat(900), fc.tuple(fc.uint8Array({ maxLength: 400 }), fc.nat(2_000)));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const queue = new ReceiveQueue();
        const pushed: Buffer[] = [];
        const taken: Buffer[] = [];
        for (const one of steps) {
          if (typeof one === "number") {
            const out = Buffer.alloc(1_000);
            const bytes = Math.min(one, queue.bytes);
            queue.copyTo(out, 7, bytes);
            taken.push(out.subarray(7, 7 + bytes));
            continue;
          }
          if (one === "shift") {
            const piece = queue.shift();
            if (piece !== undefined) taken.push(piece);
            continue;
          }
          const [bytes, around] = one;
          if (bytes.length === 0) continue;
          const chunk = Buffer.alloc(bytes.length + around);
          chunk.set(bytes, around);
          queue.push(chunk, around, chunk.length);
          pushed.push(Buffer.from(bytes));
          chunk.fill(0, 0, around); // what is not the stream's may change
        }
        taken.push(...drain(queue));
        assert.deepEqual(Buffer.concat(taken), Buffer.concat(pushed));
        assert.deepEqual([queue.bytes, queue.isEmpty], [0, true]);
      }),
    );
  });

  test("a few bytes of a large chunk, do not keep the chunk; most of one are not copied", () => {
    const queue = new ReceiveQueue();
    const chunk = Buffer.allocUnsafeSlow(64 * 1024);
    queue.push(chunk, 10, 20);
    queue.push(chunk, 20, 60_000);
    const [few, most] = drain(queue);
    assert.notEqual(few!.buffer, chunk.buffer);
    assert.ok(few!.buffer.byteLength < 1_000);
    assert.equal(most!.buffer, chunk.buffer);
  });

  test("a hundred thousand bytes that came one by one, are few pieces", () => {
    const queue = new ReceiveQueue();
    for (let byte = 0; byte < 100_000; byte++) queue.push(Buffer.alloc(13, byte), 12, 13);
    assert.equal(queue.bytes, 100_000);
    const pieces = drain(queue);
    assert.ok(pieces.length <= 8, `${pieces.length} pieces`);
    const bytes = Buffer.concat(pieces);
    for (let byte = 0; byte < 100_000; byte++) assert.equal(bytes[byte], byte & 0xff);
  });

  test("never empty, keeps nothing of what was taken", () => {
    const queue = new ReceiveQueue();
    const size = 64 * 1024;
    const kept: WeakRef<ArrayBufferLike>[] = [];
    const push = (): void => {
      const chunk = Buffer.allocUnsafeSlow(size);
      kept.push(new WeakRef(chunk.buffer));
      queue.push(chunk, 0, size);
    };
    push();
    for (let count = 0; count < 1_000; count++) {
      push();
      if (count % 2 === 0) queue.shift();
      else queue.copyTo(Buffer.alloc(size), 0, size);
    }
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      globalThis.gc!();
      const alive = kept.filter((each) => each.deref() !== undefined).length;
      assert.ok(alive < 50, `${alive} chunks of ${kept.length} are kept, 1 is in the queue`);
      assert.equal(queue.bytes, size);
    });
  });
});
