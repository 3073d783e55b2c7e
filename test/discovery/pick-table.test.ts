import assert from "node:assert/strict";
import { type AddressText, formatAddress, parseAddress, parseAnyAddress } from "../../src/addr/logical-address.js";
import type { Member } from "../../src/discovery/discovery.js";
import { type Candidate, PickTable, type Policy } from "../../src/discovery/pick-table.js";
import { InvalidOptionsError } from "../../src/errors.js";
import { SeededRandom } from "../support/seeded-random.js";

const member = (address: AddressText, fields: Partial<Member> = {}): Member => ({
  address: parseAnyAddress(address),
  endpoint: "10.0.0.1:8011",
  ...fields,
});
const tableOf = (...addresses: AddressText[]): PickTable => {
  const table = new PickTable(parseAddress("1.9.9"), new SeededRandom(1));
  for (const address of addresses) table.put(member(address));
  return table;
};
const picked = (table: PickTable, policy: Policy, type = 1): string | undefined => {
  const address = table.pick(type, policy);
  return address === undefined ? undefined : formatAddress(address);
};
const listed = (table: PickTable, type = 1): string[] => table.members(type).map(({ address }) => formatAddress(address));

suite("pick table", () => {
  test("members of another group, not available or of another type, are no candidates", () => {
    const table = tableOf("1.1.3", "1.1.1", "1.2.1", "2.1.1");
    table.put(member("2.1.2", { export: true }));
    table.put(member("1.1.2", { available: false }));
    assert.deepEqual(listed(table), ["1.1.1", "1.1.3", "2.1.2"]);
    assert.equal(table.count(1), 3);
  });

  test("a member whose export or availability changes, comes and goes", () => {
    const table = tableOf("1.1.1");
    table.put(member("2.1.1", { export: false }));
    table.put(member("2.1.1", { export: true }));
    assert.deepEqual(listed(table), ["1.1.1", "2.1.1"]);
    table.put(member("2.1.1", { export: false }));
    table.put(member("1.1.1", { available: false }));
    assert.deepEqual(listed(table), []);
    table.put(member("1.1.1", { available: true, load: 3 }));
    assert.equal(table.members(1)[0]?.load, 3);
    table.remove(member("1.1.1"));
    assert.equal(picked(table, "random"), undefined);
  });

  test("nobody of a type, picks undefined by every policy", () => {
    for (const policy of ["random", "round-robin", { hash: 1 }, (all: readonly Candidate[]) => all[0]] as const) {
      assert.equal(picked(tableOf(), policy), undefined);
    }
  });

  test("random, gives each its share", () => {
    const table = tableOf("1.1.1", "1.1.2", "1.1.3", "1.1.4");
    const counts = new Map<string | undefined, number>();
    for (let n = 0; n < 8_000; n++) {
      const address = picked(table, "random");
      counts.set(address, (counts.get(address) ?? 0) + 1);
    }
    assert.deepEqual([...counts.keys()].sort(), ["1.1.1", "1.1.2", "1.1.3", "1.1.4"]);
    for (const count of counts.values()) assert.ok(count > 1_800 && count < 2_200, String(count));
  });

  test("round robin, gives one after the other from a random start", () => {
    const starts = new Set<string | undefined>();
    for (let seed = 0; seed < 40; seed++) {
      const table = new PickTable(parseAddress("1.9.9"), new SeededRandom(seed));
      for (const address of ["1.1.1", "1.1.2", "1.1.3"] as const) table.put(member(address));
      const round = [1, 2, 3, 4].map(() => picked(table, "round-robin"));
      assert.equal(new Set(round.slice(0, 3)).size, 3);
      assert.equal(round[0], round[3]);
      starts.add(round[0]);
    }
    assert.equal(starts.size, 3);
  });

  test("round robin while members come and go, leaves nobody out and gives nobody two turns", () => {
    const table = tableOf("1.1.2", "1.1.4", "1.1.6");
    while (picked(table, "round-robin") !== "1.1.2");
    table.put(member("1.1.1"));
    table.put(member("1.1.3"));
    table.remove(member("1.1.2"));
    assert.deepEqual(
      [1, 2, 3, 4, 5].map(() => picked(table, "round-robin")),
      ["1.1.3", "1.1.4", "1.1.6", "1.1.1", "1.1.3"],
    );
  });

  test("round robin of one type, does not move another's", () => {
    const table = tableOf("1.1.1", "1.1.2", "1.2.1", "1.2.2");
    const first = picked(table, "round-robin", 1);
    picked(table, "round-robin", 2);
    assert.notEqual(picked(table, "round-robin", 1), first);
  });

  test("a hash key, stays with its node until that one goes", () => {
    const table = tableOf("1.1.1", "1.1.2", "1.1.3");
    const holder = picked(table, { hash: "player-1" })!;
    assert.equal(picked(table, { hash: "player-1" }), holder);
    table.markDraining(member(holder as AddressText), true);
    assert.notEqual(picked(table, { hash: "player-1" }), holder);
    table.markDraining(member(holder as AddressText), false);
    assert.equal(picked(table, { hash: "player-1" }), holder);
  });

  test("a function, gets the candidates in order and may choose none", () => {
    const table = tableOf("1.1.2", "1.1.1");
    assert.equal(
      picked(table, (all) => all.at(-1)),
      "1.1.2",
    );
    assert.equal(
      picked(table, () => undefined),
      undefined,
    );
    assert.throws(() => table.pick(1, (all) => (all as Candidate[]).pop()), TypeError);
  });

  test("a function that keeps the candidates, has them as they were", () => {
    const table = tableOf("1.1.1");
    let kept: readonly Candidate[] = [];
    table.pick(1, (all) => {
      kept = all;
      return undefined;
    });
    table.put(member("1.1.2"));
    assert.equal(kept.length, 1);
  });

  test("a function that returns what it was not offered, is an error that names it", () => {
    const table = tableOf("1.1.1");
    assert.throws(() => table.pick(1, () => member("1.1.7")), /type 1 returned member 1.1.7, which it was not offered/);
    const asynchronous = (async () => undefined) as unknown as Policy;
    assert.throws(() => table.pick(1, asynchronous), /returned an object, which it was not offered/);
  });

  test("a policy that is none, is an error that lists them", () => {
    assert.throws(
      () => tableOf().pick(1, "least-loaded" as Policy),
      /"random", "round-robin", "least-load", .* or a function, got "least-loaded"/,
    );
    assert.throws(() => tableOf().pick(1, null as unknown as Policy), InvalidOptionsError);
  });

  for (const type of [-1, 0, 1.5, 256, Number.NaN]) {
    test(`${type} for a type, is an error`, () => {
      assert.throws(() => tableOf().pick(type, "random"), /a whole number from 1 to 254, or 255 for harbors/);
      assert.throws(() => tableOf().count(type), InvalidOptionsError);
    });
  }

  test("a harbor, picks harbors of other groups", () => {
    const table = new PickTable(parseAnyAddress("1.255.1"), new SeededRandom(1));
    table.put(member("2.255.1"));
    assert.equal(picked(table, "random", 255), "2.255.1");
  });

  test("a peer that said go-away, is skipped through changes of its record and taken back as another incarnation", () => {
    const table = tableOf();
    table.put(member("1.1.1", { incarnation: 1n }));
    table.markDraining(member("1.1.1", { incarnation: 1n }), true);
    table.put(member("1.1.1", { incarnation: 1n, load: 5 }));
    assert.deepEqual([listed(table), table.isDraining(parseAddress("1.1.1"))], [[], true]);
    table.put(member("1.1.1", { incarnation: 2n }));
    assert.deepEqual([listed(table), table.isDraining(parseAddress("1.1.1"))], [["1.1.1"], false]);
  });

  test("one change among ten thousand candidates of one type, takes much less than a millisecond", () => {
    const table = tableOf();
    for (let n = 0; n < 10_000; n++) table.put(member(`${1 + (n >>> 12)}.1.${n & 4095}`, { export: true }));
    const rounds = 2_000;
    const before = performance.now();
    for (let round = 0; round < rounds; round++) {
      table.put(member("1.1.7", { available: round % 2 === 0 }));
      table.pick(1, "random");
      table.pick(1, "round-robin");
    }
    const each = (performance.now() - before) / rounds;
    assert.ok(each < 0.2, `${each} ms each`);
  });
});
