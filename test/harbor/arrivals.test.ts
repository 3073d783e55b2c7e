import assert from "node:assert/strict";
import fc from "fast-check";
import type { LogicalAddress } from "../../src/addr/logical-address.js";
import { parseAnyAddress } from "../../src/addr/logical-address.js";
import { Arrivals } from "../../src/harbor/arrivals.js";

const one = parseAnyAddress("2.1.1");
const other = parseAnyAddress("2.1.2");

suite("what comes from other groups", () => {
  test("numbers that go up, also with gaps, are taken; lower ones and the same one again are not", () => {
    const arrivals = new Arrivals();
    assert.deepEqual(
      [1, 2, 7, 5, 7, 8].map((seq) => arrivals.take(one, 9, seq)),
      [true, true, true, false, false, true],
    );
  });

  test("numbers over the end of their circle, go up", () => {
    const arrivals = new Arrivals();
    assert.deepEqual(
      [0xffff_fffe, 0xffff_ffff, 1, 0xffff_ffff, 2].map((seq) => arrivals.take(one, 9, seq)),
      [true, true, true, false, true],
    );
  });

  test("senders, and lives of one sender, have numbers of their own", () => {
    const arrivals = new Arrivals();
    assert.equal(arrivals.take(one, 9, 100), true);
    assert.equal(arrivals.take(other, 9, 1), true);
    assert.equal(arrivals.take(one, 10, 1), true, "a new life begins at one");
    assert.equal(arrivals.take(one, 9, 101), true, "which of two lives is the later one, is not known");
    assert.equal(arrivals.take(one, 10, 1), false, "and neither is out of order");
    assert.equal(arrivals.take(one, 10, 2), true);
    assert.equal(arrivals.take(one, 9, 101), false);
  });

  test("any mixture of what two harbors bring, is taken in the order of its numbers, and each number once", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1), fc.integer({ min: 1, max: 60 }))), (frames) => {
        const arrivals = new Arrivals();
        const taken = [1, 2].map((): number[] => []);
        for (const [life, seq] of frames) if (arrivals.take(one, life, seq)) taken[life]!.push(seq);
        for (const numbers of taken)
          assert.deepEqual(
            numbers,
            [...new Set(numbers)].sort((a, b) => a - b),
          );
      }),
    );
  });

  test("any number of senders, are remembered up to a bound", () => {
    const arrivals = new Arrivals();
    for (let address = 0x100_0000; address < 0x100_0000 + 70_000; address++) arrivals.take(address as LogicalAddress, 1, 1);
    assert.equal(arrivals.size, 65_536);
  });
});
