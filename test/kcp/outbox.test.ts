import assert from "node:assert/strict";
import { Outbox } from "../../src/kcp/outbox.js";

/** 26 bytes of payload in each segment. */
const MTU = 50;

suite("KCP outbox", () => {
  const drained = (outbox: Outbox, maxBytes = 1_000) => {
    const parts = [];
    for (let part = outbox.take(maxBytes); part !== undefined; part = outbox.take(maxBytes))
      parts.push([part.payload.toString(), part.fragment]);
    return parts;
  };

  test("a stream, is joined and cut as fits; what was pushed may be changed afterwards", () => {
    const outbox = new Outbox("stream", MTU);
    const bytes = Buffer.alloc(20, "a");
    outbox.push(bytes);
    bytes.fill("!");
    outbox.push(Buffer.alloc(20, "b"));
    outbox.push(Buffer.alloc(1, "c"));
    assert.equal(outbox.segments, 2);
    assert.deepEqual(drained(outbox), [
      ["a".repeat(20) + "b".repeat(6), 0],
      [`${"b".repeat(14)}c`, 0],
    ]);
    assert.ok(outbox.isEmpty);
  });

  test("messages, are never joined, and count the fragments that follow", () => {
    const outbox = new Outbox("message", MTU);
    outbox.push(Buffer.alloc(60, "a"));
    outbox.push(Buffer.alloc(1, "b"));
    assert.equal(outbox.segments, 4);
    assert.deepEqual(
      drained(outbox).map(([, fragment]) => fragment),
      [2, 1, 0, 0],
    );
  });

  test("the end, comes after everything else and as an empty segment, once", () => {
    const outbox = new Outbox("stream", MTU);
    outbox.push(Buffer.from("a"));
    outbox.pushEnd();
    assert.equal(outbox.segments, 2);
    assert.deepEqual(drained(outbox), [
      ["a", 0],
      ["", 0],
    ]);
    assert.equal(outbox.segments, 0);
  });

  test("one small fragment first, and the rest keeps to the number that it announced", () => {
    const outbox = new Outbox("message", MTU);
    outbox.push(Buffer.alloc(52, "a"));
    assert.equal(outbox.take(1)?.fragment, 2);
    assert.equal(outbox.take(1), undefined, "a second small one would need a fragment more");
    assert.deepEqual(drained(outbox), [
      ["a".repeat(26), 1],
      ["a".repeat(25), 0],
    ]);
  });

  test("a small fragment that would exceed the peer's window, is not cut", () => {
    const outbox = new Outbox("message", MTU);
    outbox.push(Buffer.alloc(52, "a"));
    assert.equal(outbox.take(1, 2), undefined);
    assert.equal(outbox.take(26, 2)?.fragment, 1);
  });

  test("no room at all, takes nothing: an empty segment would be an end", () => {
    const outbox = new Outbox("stream", MTU);
    outbox.push(Buffer.from("a"));
    assert.equal(outbox.take(0), undefined);
  });
});
