import assert from "node:assert/strict";
import fc from "fast-check";
import { backoffMs } from "../../src/internal/backoff.js";

suite("back-off", () => {
  test("each failure doubles the ceiling, up to the cap", () => {
    const ceilings = [1, 2, 3, 4, 5, 6, 100, 1_000_000].map((failures) => backoffMs(failures, 100, 2_000, 1));
    assert.deepEqual(ceilings, [100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000]);
  });

  test("chance spreads it over everything from 0 to the ceiling", () => {
    assert.deepEqual(
      [0, 0.25, 0.5, 0.999].map((random) => backoffMs(3, 100, 2_000, random)),
      [0, 100, 200, 400],
    );
  });

  test("any failures, base, cap and chance, give whole milliseconds from 0 to the cap", () => {
    const ms = fc.integer({ min: 1, max: 2 ** 31 - 1 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1 }),
        ms,
        ms,
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (failures, base, cap, random) => {
          const pause = backoffMs(failures, base, cap, random);
          assert.ok(Number.isInteger(pause) && pause >= 0 && pause <= cap);
        },
      ),
    );
  });
});
