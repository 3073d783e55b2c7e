import assert from "node:assert/strict";
import fc from "fast-check";
import { DialLimiter } from "../../src/link/dial-limiter.js";

suite("dial limiter", () => {
  test("a burst of as many as one second's, then one at a time", () => {
    const limiter = new DialLimiter(4);
    assert.deepEqual(
      Array.from({ length: 6 }, () => limiter.take(1_000)),
      [0, 0, 0, 0, 250, 250],
    );
    assert.equal(limiter.take(1_200), 50);
    assert.equal(limiter.take(1_250), 0);
    assert.equal(limiter.take(1_250), 250);
  });

  test("a long pause, saves up no more than one burst", () => {
    const limiter = new DialLimiter(2);
    limiter.take(0);
    assert.deepEqual(
      Array.from({ length: 3 }, () => limiter.take(1e9)),
      [0, 0, 500],
    );
  });

  test("any moments, and no second sees more than twice its share, none is refused without reason", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.array(fc.nat(300), { maxLength: 300 }), (perSecond, pauses) => {
        const limiter = new DialLimiter(perSecond);
        const taken: number[] = [];
        let now = 0;
        for (const pause of pauses) {
          now += pause;
          if (limiter.take(now) === 0) taken.push(now);
          else assert.ok(taken.filter((at) => at > now - 1_000).length >= perSecond - 1);
        }
        for (const start of taken) assert.ok(taken.filter((at) => at >= start && at <= start + 1_000).length <= 2 * perSecond);
      }),
    );
  });

  test("whoever waits as long as it was told, gets a token then, or 1 ms later where it does not come out even", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000 }),
        fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { maxLength: 60 }),
        (perSecond, pauses) => {
          const limiter = new DialLimiter(perSecond);
          let now = 0;
          for (let i = 0; i < perSecond; i++) limiter.take(now);
          for (const pause of pauses) {
            now += pause;
            const wait = limiter.take(now);
            assert.ok(wait >= 0 && wait <= 1_000 && Number.isInteger(wait));
            if (wait === 0) continue;
            now += wait;
            const again = limiter.take(now);
            if (again > 0) {
              assert.equal(again, 1);
              now += 1;
              assert.equal(limiter.take(now), 0);
            }
          }
        },
      ),
    );
  });
});
