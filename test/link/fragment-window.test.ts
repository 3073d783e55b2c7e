import assert from "node:assert/strict";
import { FIRST_BYTES, FIRST_MARK, FragmentWindow, LEAST_BYTES, MOST_BYTES } from "../../src/link/fragment-window.js";
import { type PathConditions, SimulatedPath } from "./support/simulated-path.js";

const LOOPBACK: PathConditions = { delayMs: 0.04, bytesPerMs: 1_000_000, turnMs: 0.024 };
const LAN: PathConditions = { delayMs: 0.1, bytesPerMs: 1_250_000, turnMs: 0.015 };
const LONG: PathConditions = { delayMs: 50, bytesPerMs: 125_000, turnMs: 0.03 };
const MIDDLING: PathConditions = { delayMs: 10, bytesPerMs: 125_000, turnMs: 0.03 };

/** What share of the path is used over `ms`, and how long a small message waits on average. */
function used(path: SimulatedPath, ms: number): { share: number; queueMs: number; longestQueueMs: number } {
  let turns = 0;
  let queueMs = 0;
  let longestQueueMs = 0;
  const rate = path.run(ms, () => {
    turns++;
    queueMs += path.queueMs;
    longestQueueMs = Math.max(longestQueueMs, path.queueMs);
  });
  return { share: rate / path.conditions.bytesPerMs, queueMs: queueMs / turns, longestQueueMs };
}

/** From 0 to 1, the same in each run. */
function chance(): () => number {
  let seed = 1;
  return () => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    return seed / 0x7fff_ffff;
  };
}

suite("window of fragments", () => {
  test("nothing is known, and a first window may go; then only what pongs make room for", () => {
    const window = new FragmentWindow();
    assert.deepEqual([window.hasRoom, window.wantsMark(true)], [true, false]);
    window.sent(FIRST_BYTES, 100);
    assert.deepEqual([window.hasRoom, window.wantsMark(false), window.unreadBytes], [false, true, FIRST_BYTES]);
    const seq = window.mark(100);
    assert.equal(seq, FIRST_MARK + 1);
    assert.equal(window.wantsMark(true), false, "nothing was sent behind it");
    window.onRead(seq, 101);
    assert.deepEqual([window.hasRoom, window.unreadBytes], [true, 0]);
  });

  test("a pong that nothing waits for, changes nothing; one of a later mark counts for those before", () => {
    const window = new FragmentWindow();
    const marks = [1, 2, 3].map((at) => {
      window.sent(1_000, at);
      return window.mark(at);
    });
    window.onRead(7, 4);
    window.onRead(marks[2]! + 1, 4);
    assert.equal(window.unreadBytes, 3_000);
    window.onRead(marks[1]!, 4);
    assert.equal(window.unreadBytes, 1_000);
    window.onRead(marks[0]!, 5);
    assert.equal(window.unreadBytes, 1_000);
  });

  test("the last fragment of all, is marked however little it is", () => {
    const window = new FragmentWindow();
    window.sent(1, 0);
    assert.deepEqual([window.wantsMark(false), window.wantsMark(true)], [false, true]);
  });

  test("no pong comes, and after a second as much may go again, each time", () => {
    const window = new FragmentWindow();
    for (let now = 0; now < 5_000; now += 1_000) {
      assert.equal(window.hasRoom, true);
      window.sent(FIRST_BYTES, now);
      window.mark(now);
      assert.equal(window.expire(now + 999), false);
      assert.equal(window.hasRoom, false);
      assert.equal(window.expire(now + 1_000), true);
    }
    assert.equal(window.expire(10_000), false, "nothing is waited for");
  });

  test("loopback, and it is used whole while a small message waits for 0.1 ms", () => {
    const path = new SimulatedPath(LOOPBACK);
    path.run(100);
    for (let second = 0; second < 15; second++) {
      const { share, queueMs, longestQueueMs } = used(path, 1_000);
      assert.ok(share > 0.97, `${share} of it`);
      assert.ok(queueMs < 0.12 && longestQueueMs < 0.5, `${queueMs} ms, at most ${longestQueueMs}`);
    }
  });

  test("a sender that is slower than the path, and nothing queues", () => {
    const path = new SimulatedPath({ ...LOOPBACK, bytesPerMs: 2_000_000 });
    path.run(100);
    const { share, queueMs } = used(path, 1_000);
    assert.ok(share > 0.66, `${share} of it`);
    assert.ok(queueMs < 0.03, `${queueMs} ms`);
  });

  test("a local network of 10 Gbit/s, and it is used whole while a small message waits for less than a round trip", () => {
    const path = new SimulatedPath(LAN);
    path.run(100);
    const { share, queueMs } = used(path, 2_000);
    assert.ok(share > 0.97, `${share} of it`);
    assert.ok(queueMs < 0.2, `${queueMs} ms`);
  });

  test("100 ms and 1 Gbit/s, and within a second 80 % of it are used, ever after too", () => {
    const path = new SimulatedPath(LONG);
    path.run(700);
    assert.ok(used(path, 300).share > 0.8);
    for (let second = 1; second < 30; second++) {
      const { share, queueMs } = used(path, 1_000);
      assert.ok(share > 0.75, `${share} in second ${second}: the shortest round trip is measured again now and then`);
      assert.ok(queueMs < 100, `${queueMs} ms`);
    }
    assert.ok(used(path, 20_000).share > 0.95);
  });

  test("the same with pongs that come up to 40 ms late, and most of it is used soon", () => {
    const random = chance();
    const path = new SimulatedPath({ ...LONG, lateMs: () => random() * 40 });
    path.run(2_000);
    const { share } = used(path, 20_000);
    assert.ok(share > 0.9, `${share} of it`);
  });

  test("pongs that come late by many times the round trip, and the window does not dwindle", () => {
    const random = chance();
    const path = new SimulatedPath({ delayMs: 0.5, bytesPerMs: 125_000, turnMs: 0.03, lateMs: () => random() * 5 });
    path.run(1_000);
    for (let i = 0; i < 10; i++) {
      const { share } = used(path, 5_000);
      assert.ok(share > 0.15, `${share} of it`);
    }
  });

  test("a path that becomes ten times slower, and within three seconds small messages wait no longer than before", () => {
    const path = new SimulatedPath(MIDDLING);
    path.run(5_000);
    path.conditions = { ...MIDDLING, bytesPerMs: 12_500 };
    const during = used(path, 3_000);
    assert.ok(during.share > 0.95 && during.longestQueueMs < 400, JSON.stringify(during));
    const after = used(path, 5_000);
    assert.ok(after.share > 0.95 && after.queueMs < 20, JSON.stringify(after));
    path.conditions = MIDDLING;
    path.run(300);
    assert.ok(used(path, 1_000).share > 0.95, "and soon uses what it has again");
  });

  test("a path that becomes five times longer, and after ten seconds it is used whole again", () => {
    const path = new SimulatedPath(MIDDLING);
    path.run(5_000);
    path.conditions = { ...MIDDLING, delayMs: 50 };
    path.run(12_000);
    const { share } = used(path, 20_000);
    assert.ok(share > 0.9, `${share} of it`);
  });

  test("a pause, and what was known of the path still holds", () => {
    const path = new SimulatedPath(LONG);
    path.run(3_000);
    path.pause(5_000);
    const before = path.window.limitBytes;
    path.run(150);
    assert.ok(path.window.limitBytes > before / 2, `${path.window.limitBytes} bytes behind it, ${before} before`);
  });

  test("nothing but fragments is sent, and more may be unread: what the path delivers in 2 ms, and no more than a megabyte", () => {
    const limits = [LOOPBACK, { ...LOOPBACK, bytesPerMs: 125_000 }, { ...LOOPBACK, bytesPerMs: 1_000 }].map((conditions) => {
      const path = new SimulatedPath(conditions);
      path.window.isShared = false;
      path.run(3_000);
      return path.window.limitBytes;
    });
    assert.equal(limits[0], 1024 * 1024);
    assert.ok(limits[1]! > 200_000 && limits[1]! < 300_000, `${limits[1]} bytes`);
    assert.equal(limits[2], LEAST_BYTES);
  });

  test("nothing but fragments is sent over a long path, and it is used as well as with others", () => {
    const path = new SimulatedPath(LONG);
    path.window.isShared = false;
    path.run(1_000);
    const { share } = used(path, 30_000);
    assert.ok(share > 0.95, `${share} of it`);
  });

  test("whatever the path, the window keeps to its bounds", () => {
    for (const conditions of [
      { delayMs: 1_000, bytesPerMs: 1_250_000, turnMs: 0.01 },
      { delayMs: 0, bytesPerMs: Number.POSITIVE_INFINITY, turnMs: 0.01 },
      { delayMs: 0.01, bytesPerMs: 100, turnMs: 0.01 },
    ]) {
      const path = new SimulatedPath(conditions);
      path.run(15_000, () => {
        const { limitBytes, unreadBytes } = path.window;
        assert.ok(limitBytes >= LEAST_BYTES && limitBytes <= MOST_BYTES && unreadBytes <= MOST_BYTES + LEAST_BYTES);
      });
    }
  });
});
