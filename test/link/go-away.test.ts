import assert from "node:assert/strict";
import { decodeGoAway, encodeGoAway } from "../../src/link/go-away.js";

suite("go-away", () => {
  test("a reason of next year, is another one, with its text", () => {
    const body = Buffer.from(encodeGoAway("shutdown", "why", 5));
    for (const reason of [7, 255]) {
      body[0] = reason;
      assert.deepEqual(decodeGoAway(body, 0, body.length), { reason: "other", lastSeq: 5, text: "why" });
    }
  });

  test("a body that is cut off before its text, is a protocol error", () => {
    const body = Buffer.from(encodeGoAway("shutdown", "", 5));
    assert.equal(body.length, 8);
    for (let end = 0; end < 8; end++) assert.throws(() => decodeGoAway(body, 0, end), { name: "ProtocolError" });
  });

  test("what is in the reserved bytes, is left to newer peers", () => {
    const body = Buffer.from(encodeGoAway("idle", "x", 1));
    body.fill(0xff, 1, 4);
    assert.deepEqual(decodeGoAway(body, 0, body.length), { reason: "idle", lastSeq: 1, text: "x" });
  });
});
