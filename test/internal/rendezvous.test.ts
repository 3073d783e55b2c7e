import assert from "node:assert/strict";
import fc from "fast-check";
import { type LogicalAddress, makeAddress, parseAddress } from "../../src/addr/logical-address.js";
import { hashKey, rendezvous, rendezvousWeight } from "../../src/internal/rendezvous.js";

const candidates = (count: number): { address: LogicalAddress }[] =>
  Array.from({ length: count }, (_, id) => ({ address: makeAddress(1, 7, id) }));

suite("rendezvous hashing", () => {
  test("the formula, gives these numbers in every language", () => {
    assert.equal(hashKey(""), 0x811c9dc5);
    assert.equal(hashKey("a"), 0xe40c292c); // FNV-1a's published vectors
    assert.equal(hashKey("foobar"), 0xbf9cf968);
    assert.equal(hashKey("ü"), 0x119dd44a);
    assert.equal(rendezvousWeight(hashKey("player-1"), parseAddress("1.7.0")), 0xde228cb1);
    assert.equal(rendezvousWeight(hashKey(42), parseAddress("1.7.1")), 0x1156bb79);
  });

  test("a number, a bigint and their text, are one key", () => {
    for (const [number, bigint, text] of [
      [7, 7n, "7"],
      [-7, -7n, "-7"],
      [-0, 0n, "0"],
      [2 ** 53 - 1, 2n ** 53n - 1n, "9007199254740991"],
    ] as const) {
      assert.equal(hashKey(number), hashKey(bigint));
      assert.equal(hashKey(number), hashKey(text));
    }
    assert.notEqual(hashKey("7"), hashKey("07"));
  });

  test("a number whose digits are not exact, is refused", () => {
    for (const key of [0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) assert.throws(() => hashKey(key), /use a bigint or a string/);
  });

  test("two addresses, never weigh the same for a key", () => {
    const keyHash = hashKey("any");
    const all = candidates(4096);
    assert.equal(new Set(all.map(({ address }) => rendezvousWeight(keyHash, address))).size, all.length);
  });

  test("any order of the candidates, gives the same choice", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.shuffledSubarray(candidates(40), { minLength: 1 }), (key, some) => {
        const sorted = [...some].sort((one, other) => one.address - other.address);
        assert.equal(rendezvous(key, some)?.address, rendezvous(key, sorted)?.address);
      }),
    );
  });

  test("a candidate that goes, moves its own keys and no others", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 40 }), fc.nat(), fc.array(fc.bigInt(), { minLength: 50 }), (count, which, keys) => {
        const before = candidates(count);
        const gone = before[which % count]!;
        const after = before.filter((candidate) => candidate !== gone);
        for (const key of keys) {
          const holder = rendezvous(key, before);
          if (holder !== gone) assert.equal(rendezvous(key, after), holder);
        }
      }),
    );
  });

  test("ten thousand keys of several kinds on ten nodes, spread within 15 % of even", () => {
    const nodes = candidates(10);
    const kinds: ((index: number) => string | number | bigint)[] = [
      (index) => index,
      (index) => `player-${index}`,
      (index) => BigInt(index) * 4096n,
      (index) => `${index % 100}:${Math.floor(index / 100)}`,
    ];
    for (const kind of kinds) {
      const held = new Map<unknown, number>();
      for (let index = 0; index < 10_000; index++) {
        const holder = rendezvous(kind(index), nodes);
        held.set(holder, (held.get(holder) ?? 0) + 1);
      }
      for (const count of held.values()) assert.ok(count > 850 && count < 1150, `${kind(1)}: ${[...held.values()].join(" ")}`);
      assert.equal(held.size, 10);
    }
  });

  test("a node that joins ten others, takes about an eleventh of the keys, from all of them alike", () => {
    const before = candidates(10);
    const after = candidates(11);
    const lost = new Map<LogicalAddress, number>();
    for (let key = 0; key < 11_000; key++) {
      const old = rendezvous(key, before)!.address;
      const now = rendezvous(key, after)!.address;
      if (now === old) continue;
      assert.equal(now, after[10]!.address);
      lost.set(old, (lost.get(old) ?? 0) + 1);
    }
    const total = [...lost.values()].reduce((sum, count) => sum + count, 0);
    assert.ok(total > 850 && total < 1150, `${total} moved`);
    assert.ok(
      [...lost.values()].every((count) => count > 60 && count < 140),
      [...lost.values()].join(" "),
    );
  });
});
