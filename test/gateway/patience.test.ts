import assert from "node:assert/strict";
import { lookIntervalMs, Patience, type PatienceLimits } from "../../src/gateway/patience.js";

const LIMITS: PatienceLimits = { idleTimeoutMs: 1_000, firstByteTimeoutMs: 300, stallTimeoutMs: 200 };
const NEVER: PatienceLimits = { idleTimeoutMs: false, firstByteTimeoutMs: false, stallTimeoutMs: false };

suite("Patience", () => {
  test("a client that says nothing, is borne until the time for its first byte", () => {
    const patience = new Patience(0);
    assert.equal(patience.look(299, LIMITS, 0, 0, 0), undefined);
    assert.equal(patience.look(300, LIMITS, 0, 0, 0), "silent");
  });

  test("bytes that go either way, begin the idle time anew", () => {
    const patience = new Patience(0);
    assert.equal(patience.look(250, LIMITS, 1, 0, 0), undefined);
    assert.equal(patience.look(1_200, LIMITS, 1, 5, 0), undefined);
    assert.equal(patience.look(2_199, LIMITS, 1, 5, 0), undefined);
    assert.equal(patience.look(2_200, LIMITS, 1, 5, 0), "idle");
  });

  test("bytes that wait and become fewer, are no stall; bytes that only wait are, though the client goes on to talk", () => {
    const patience = new Patience(0);
    assert.equal(patience.look(150, LIMITS, 1, 100, 90), undefined);
    assert.equal(patience.look(300, LIMITS, 2, 200, 180), undefined);
    assert.equal(patience.look(450, LIMITS, 3, 300, 280), undefined);
    assert.equal(patience.look(500, LIMITS, 4, 300, 280), "stalled");
  });

  test("no limits, all is borne", () => {
    const patience = new Patience(0);
    assert.equal(patience.look(1e9, NEVER, 0, 10, 10), undefined);
  });

  test("looks come four times in the shortest time, and once a second at least", () => {
    assert.equal(lookIntervalMs([10_000, 2_000, false]), 500);
    assert.equal(lookIntervalMs([300_000, 30_000]), 1_000);
    assert.equal(lookIntervalMs([4]), 10);
  });
});
