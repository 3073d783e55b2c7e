import assert from "node:assert/strict";
import { resolveSessionOptions } from "../../src/stream/session-options.js";

suite("session options", () => {
  test("none, are the documented defaults", () => {
    const { initialWindowBytes, windowBytes, maxUnreadBytes, acceptBacklog, keepaliveMs, highWaterBytes } = resolveSessionOptions();
    const defaults = { initialWindowBytes, windowBytes, maxUnreadBytes, acceptBacklog, keepaliveMs, highWaterBytes };
    assert.deepEqual(defaults, {
      initialWindowBytes: 262_144,
      windowBytes: 262_144,
      maxUnreadBytes: 64 * 1024 ** 2,
      acceptBacklog: 256,
      keepaliveMs: 15_000,
      highWaterBytes: 65_536,
    });
  });

  test("a window below the agreed one, a fraction, and a timer that is too long, are errors that name the option", () => {
    assert.throws(() => resolveSessionOptions({ windowBytes: 1_000 }), /windowBytes is a whole number from 262144/);
    assert.throws(() => resolveSessionOptions({ acceptBacklog: 1.5 }), /acceptBacklog is a whole number from 1 .* got 1.5/);
    assert.throws(() => resolveSessionOptions({ openTimeoutMs: 2 ** 31 }), /openTimeoutMs/);
  });
});
