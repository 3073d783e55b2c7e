import assert from "node:assert/strict";
import fc from "fast-check";
import { type KeepaliveOptions, type KeepaliveState, keepaliveSweepMs, keepaliveVerdict } from "../../src/link/keepalive.js";

const OPTIONS: KeepaliveOptions = { keepaliveMs: 15_000, probeMs: 3_000, keepaliveTimeoutMs: 5_000, unansweredMs: 60_000 };

/** A link on which nothing has happened since it was opened at time 0. */
const QUIET: KeepaliveState = { lastReadAt: 0, lastWriteAt: 0, pingSentAt: undefined, lastPongAt: 0, callsWait: false };

const verdict = (state: Partial<KeepaliveState>, now: number) => keepaliveVerdict({ ...QUIET, ...state }, OPTIONS, now);

suite("keepalive", () => {
  test("15 s without a byte, and the peer is pinged; not sooner", () => {
    assert.equal(verdict({ lastReadAt: 1_000 }, 15_999), "fine");
    assert.equal(verdict({ lastReadAt: 1_000 }, 16_000), "ping");
  });

  test("calls wait, and 3 s are enough", () => {
    assert.equal(verdict({ callsWait: true }, 2_999), "fine");
    assert.equal(verdict({ callsWait: true }, 3_000), "ping");
  });

  test("a ping without an answer for 5 s, and the link is dead; any byte counts as life", () => {
    assert.equal(verdict({ pingSentAt: 15_000 }, 19_999), "fine");
    assert.equal(verdict({ pingSentAt: 15_000 }, 20_000), "silent");
    assert.equal(verdict({ pingSentAt: 15_000, lastReadAt: 15_001 }, 20_000), "fine");
  });

  test("bytes that were on their way when the link died, postpone the end by their own 5 s and no longer", () => {
    const state = { pingSentAt: 15_000, lastReadAt: 15_001 };
    assert.equal(verdict(state, 20_000), "fine");
    assert.equal(verdict(state, 20_001), "silent");
    assert.equal(
      verdict({ pingSentAt: 15_000, lastReadAt: 15_000 }, 20_000),
      "silent",
      "also one that was read in the ping's own millisecond",
    );
  });

  test("bytes arrive and nothing that was written is answered: the peer is asked after 30 s, and dead after 60", () => {
    const busy = (now: number): Partial<KeepaliveState> => ({ lastReadAt: now, lastWriteAt: now - 1 });
    assert.equal(verdict(busy(29_999), 29_999), "fine");
    assert.equal(verdict(busy(30_000), 30_000), "ping");
    assert.equal(verdict({ ...busy(59_999), pingSentAt: 30_000 }, 59_999), "fine");
    assert.equal(verdict({ ...busy(60_000), pingSentAt: 30_000 }, 60_000), "unanswered");
  });

  test("bytes arrive and nothing was written since the last answer, and nothing needs to be asked", () => {
    assert.equal(verdict({ lastReadAt: 1_000_000, lastWriteAt: 10, lastPongAt: 10 }, 1_000_000), "fine");
  });

  test("any dead link whatever it had last, is found out in the time that the options promise", () => {
    const past = fc.nat(100_000);
    fc.assert(
      fc.property(past, past, past, fc.boolean(), (readAt, writeAt, pongAt, callsWait) => {
        const bornAt = Math.max(readAt, writeAt, pongAt);
        const state = { lastReadAt: readAt, lastWriteAt: writeAt, lastPongAt: Math.min(pongAt, readAt), callsWait };
        const step = keepaliveSweepMs(OPTIONS);
        let pingSentAt: number | undefined;
        for (let now = bornAt; ; now += step) {
          const said = verdict({ ...state, pingSentAt }, now);
          if (said === "ping") pingSentAt = now;
          if (said === "silent" || said === "unanswered") return;
          const silence = callsWait ? OPTIONS.probeMs : OPTIONS.keepaliveMs;
          assert.ok(now <= bornAt + silence + OPTIONS.keepaliveTimeoutMs + 2 * step);
        }
      }),
    );
  });

  test("a peer that answers each ping within its time, is never given up", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 4_000 }), { minLength: 5, maxLength: 5 }), fc.boolean(), (delays, callsWait) => {
        let state: KeepaliveState = { ...QUIET, callsWait };
        let pongDueAt = Number.POSITIVE_INFINITY;
        let pings = 0;
        for (let now = 0; pings < delays.length; now += 250) {
          if (now >= pongDueAt) {
            state = { ...state, lastReadAt: now, lastPongAt: now, pingSentAt: undefined };
            pongDueAt = Number.POSITIVE_INFINITY;
          }
          const said = keepaliveVerdict(state, OPTIONS, now);
          assert.ok(said === "fine" || said === "ping");
          if (said === "ping") {
            assert.equal(state.pingSentAt, undefined, "one ping at a time");
            state = { ...state, pingSentAt: now, lastWriteAt: now };
            pongDueAt = now + delays[pings++]!;
          }
        }
      }),
    );
  });

  test("links are looked at four times in the shortest time, every 10 ms to 1 s", () => {
    assert.equal(keepaliveSweepMs(OPTIONS), 750);
    assert.equal(keepaliveSweepMs({ ...OPTIONS, keepaliveTimeoutMs: 100 }), 25);
    assert.equal(keepaliveSweepMs({ ...OPTIONS, probeMs: 1 }), 10);
    assert.equal(keepaliveSweepMs({ keepaliveMs: 1e6, probeMs: 1e6, keepaliveTimeoutMs: 1e6, unansweredMs: 1e6 }), 1_000);
  });
});
