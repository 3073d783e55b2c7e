import assert from "node:assert/strict";
import fc from "fast-check";
import { Longs as Bigints } from "./fixture/gen/bigint/longs.js";
import { Longs as Numbers } from "./fixture/gen/number/longs.js";
import { Longs as Strings } from "./fixture/gen/string/longs.js";
import { int64, uint64 } from "./support/arbitraries.js";

const longs: fc.Arbitrary<Bigints> = fc.record(
  {
    anInt64: int64,
    aUint64: uint64,
    aSint64: int64,
    aFixed64: uint64,
    anSfixed64: int64,
    int64s: fc.array(int64),
    byName: fc.dictionary(
      fc.string({ unit: "grapheme-ascii", minLength: 1 }).filter((key) => key !== "__proto__"),
      uint64,
      { noNullPrototype: true },
    ),
  },
  { noNullPrototype: true },
);

/** The same message with every 64-bit integer turned into something else. */
function converted(message: Bigints, convert: (value: bigint) => unknown): unknown {
  const { int64s, byName, ...single } = message;
  return {
    ...Object.fromEntries(Object.entries(single).map(([name, value]) => [name, convert(value)])),
    int64s: int64s.map(convert),
    byName: Object.fromEntries(Object.entries(byName).map(([name, value]) => [name, convert(value)])),
  };
}

const isSafe = (value: bigint): boolean => BigInt(Number(value)) === value && Number.isSafeInteger(Number(value));

suite("64-bit integers of generated code", () => {
  test("as text: the same bytes as bigints, and every digit comes back", () => {
    fc.assert(
      fc.property(longs, (message) => {
        const text = converted(message, String) as Strings;
        const bytes = Strings.encode(text).finish();
        assert.deepEqual(bytes, Bigints.encode(message).finish());
        assert.deepEqual(Strings.decode(bytes), text);
        assert.deepEqual(Bigints.decode(bytes), message);
      }),
    );
  });

  test("as numbers: the same bytes as bigints where they are exact", () => {
    fc.assert(
      fc.property(longs, (message) => {
        const exact = converted(message, (value) => (isSafe(value) ? value : 2n ** 53n - 1n)) as Bigints;
        const numbers = converted(exact, Number) as Numbers;
        const bytes = Numbers.encode(numbers).finish();
        assert.deepEqual(bytes, Bigints.encode(exact).finish());
        assert.deepEqual(Numbers.decode(bytes), numbers);
      }),
    );
  });

  test("as numbers: one that is not exact is an error, not another number", () => {
    const bytes = Bigints.encode(Bigints.fromPartial({ anInt64: 2n ** 53n + 1n })).finish();
    assert.throws(() => Numbers.decode(bytes), /larger than Number.MAX_SAFE_INTEGER/);
  });
});
