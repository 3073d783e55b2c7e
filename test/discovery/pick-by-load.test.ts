import assert from "node:assert/strict";
import { type AddressText, formatAddress, parseAddress, parseAnyAddress } from "../../src/addr/logical-address.js";
import type { Member } from "../../src/discovery/discovery.js";
import { PickTable, type Policy } from "../../src/discovery/pick-table.js";
import { InvalidOptionsError } from "../../src/errors.js";
import { SeededRandom } from "../support/seeded-random.js";

const member = (address: AddressText, fields: Partial<Member> = {}): Member => ({
  address: parseAnyAddress(address),
  endpoint: "10.0.0.1:8011",
  ...fields,
});
const tableOf = (members: readonly Member[], seed = 1): PickTable => {
  const table = new PickTable(parseAddress("1.9.9"), new SeededRandom(seed));
  for (const each of members) table.put(each);
  return table;
};
const loaded = (...loads: (number | undefined)[]): Member[] => loads.map((load, id) => member(`1.1.${id}`, { load }));
const picked = (table: PickTable, policy: Policy, not?: AddressText): string | undefined => {
  const address = table.pick(1, policy, not === undefined ? undefined : parseAddress(not));
  return address === undefined ? undefined : formatAddress(address);
};
const counted = (table: PickTable, policy: Policy, times: number, not?: AddressText): Map<string | undefined, number> => {
  const counts = new Map<string | undefined, number>();
  for (let n = 0; n < times; n++) {
    const address = picked(table, policy, not);
    counts.set(address, (counts.get(address) ?? 0) + 1);
  }
  return counts;
};

suite("picks by load", () => {
  test("least load of four, gives shares that fall with the load, and nothing to the most loaded", () => {
    const counts = counted(tableOf(loaded(40, 10, 30, 20)), "least-load", 6_000);
    // Of the six pairs the least loaded wins three, the next two, the third one.
    for (const [address, share] of [
      ["1.1.1", 3 / 6],
      ["1.1.3", 2 / 6],
      ["1.1.2", 1 / 6],
    ] as const) {
      assert.ok(Math.abs(counts.get(address)! / 6_000 - share) < 0.03, `${address}: ${counts.get(address)}`);
    }
    assert.equal(counts.get("1.1.0"), undefined);
  });

  test("a hundred callers with the same old report, do not run to the least loaded node", () => {
    const members = loaded(...Array.from({ length: 20 }, (_, n) => 100 + n));
    const counts = new Map<string | undefined, number>();
    for (let caller = 0; caller < 100; caller++) {
      const address = picked(tableOf(members, caller + 1), "least-load");
      counts.set(address, (counts.get(address) ?? 0) + 1);
    }
    assert.ok(counts.size >= 10, `${counts.size} nodes were chosen`);
    assert.ok(Math.max(...counts.values()) <= 20, `${Math.max(...counts.values())} at one node`);
  });

  test("callers that pick between reports, even the loads out", () => {
    const loads = [900, 0, 450, 100, 600];
    const table = tableOf(loaded(...loads));
    for (let report = 0; report < 60; report++) {
      for (let call = 0; call < 50; call++) loads[Number(picked(table, "least-load")!.split(".")[2])]! += 1;
      for (const changed of loaded(...loads)) table.put(changed);
    }
    assert.equal(
      loads.reduce((sum, load) => sum + load, 0),
      5_050,
    );
    assert.ok(Math.max(...loads) - Math.min(...loads) < 60, loads.join(" "));
  });

  test("who has reported no load, counts as idle; who is left out or unreachable, is not chosen while there are others", () => {
    const table = tableOf(loaded(5, undefined));
    assert.deepEqual([...counted(table, "least-load", 50).keys()], ["1.1.1"]);
    assert.equal(picked(table, "least-load", "1.1.1"), "1.1.0");
    table.markUnreachable(parseAddress("1.1.1"), true);
    assert.equal(picked(table, "least-load"), "1.1.0");
    table.markUnreachable(parseAddress("1.1.0"), true);
    assert.equal(picked(table, "least-load", "1.1.0"), "1.1.1");
    assert.deepEqual([...counted(table, "least-load", 50).keys()], ["1.1.1"]);
  });

  test("every policy with one node to leave out, gives each of the others its share", () => {
    for (const policy of ["random", "least-load", "round-robin"] as const) {
      const counts = counted(tableOf(loaded(1, 1, 1, 1)), policy, 3_000, "1.1.1");
      assert.deepEqual([...counts.keys()].sort(), ["1.1.0", "1.1.2", "1.1.3"], policy);
      for (const count of counts.values()) assert.ok(Math.abs(count - 1_000) < 120, `${policy}: ${count}`);
    }
  });

  test("fill below a capacity, takes the fullest that has room, and stays with it until it is full", () => {
    const table = tableOf(loaded(10, 95, 50, 100));
    const policy = { fillBelow: 100 };
    assert.equal(picked(table, policy), "1.1.1");
    table.put(member("1.1.2", { load: 99 }));
    assert.equal(picked(table, policy), "1.1.1", "another one that is fuller is no reason to change");
    table.put(member("1.1.1", { load: 100 }));
    assert.equal(picked(table, policy), "1.1.2");
  });

  test("loads that swing around the capacity, do not make the choice flap", () => {
    const table = tableOf(loaded(99, 20));
    const policy = { fillBelow: 100 };
    const chosen: (string | undefined)[] = [];
    for (const load of [99, 100, 99, 101, 98, 95, 100, 91]) {
      table.put(member("1.1.0", { load }));
      chosen.push(picked(table, policy));
    }
    assert.deepEqual(chosen, ["1.1.0", ...new Array<string>(7).fill("1.1.1")]);
    table.put(member("1.1.0", { load: 89 }));
    assert.equal(picked(table, policy), "1.1.1", "the one that is being filled has room");
    table.put(member("1.1.1", { load: 100 }));
    assert.equal(picked(table, policy), "1.1.0", "below nine tenths it is filled again");
  });

  test("when all are full, spreads by load; when one has room again, fills that", () => {
    const table = tableOf(loaded(100, 140, 120));
    const policy = { fillBelow: 100 };
    assert.deepEqual([...counted(table, policy, 200).keys()].sort(), ["1.1.0", "1.1.2"]);
    table.put(member("1.1.1", { load: 50 }));
    assert.deepEqual([...counted(table, policy, 20).keys()], ["1.1.1"]);
  });

  test("the one that is being filled is left out or goes, and another is filled", () => {
    const table = tableOf(loaded(60, 50));
    const policy = { fillBelow: 100 };
    assert.equal(picked(table, policy), "1.1.0");
    assert.equal(picked(table, policy, "1.1.0"), "1.1.1");
    assert.equal(picked(table, policy), "1.1.0", "one attempt elsewhere changes nothing");
    table.remove(member("1.1.0"));
    assert.equal(picked(table, policy), "1.1.1");
  });

  test("by metadata, only those that have all of it, as it changes, by the policy beside", () => {
    const ranked = (load: number) => ({ load, metadata: { mode: "ranked", map: "sea" } });
    const table = tableOf([
      member("1.1.0", ranked(10)),
      member("1.1.1", ranked(20)),
      member("1.1.2", { load: 0, metadata: { mode: "casual", map: "sea" } }),
      member("1.1.3", { load: 0 }),
    ]);
    const policy = { where: { mode: "ranked", map: "sea" } };
    assert.deepEqual([...counted(table, policy, 100).keys()].sort(), ["1.1.0", "1.1.1"]);
    assert.deepEqual([...counted(table, { ...policy, policy: "least-load" }, 100).keys()], ["1.1.0"]);
    assert.equal(picked(table, { ...policy, policy: { fillBelow: 100 } }), "1.1.1");
    assert.equal(picked(table, { where: { map: "sea", mode: "ranked" }, policy: (all) => all.at(-1) }), "1.1.1");
    table.put(member("1.1.1", { load: 20, metadata: { mode: "casual" } }));
    table.put(member("1.1.3", ranked(0)));
    assert.deepEqual([...counted(table, policy, 100).keys()].sort(), ["1.1.0", "1.1.3"]);
    assert.equal(picked(table, { where: { mode: "duel" } }), undefined);
    assert.equal(picked(table, { where: { toString: "x" } }), undefined);
  });

  test("more kinds of metadata than are remembered, are all told apart", () => {
    const table = tableOf(Array.from({ length: 40 }, (_, n) => member(`1.1.${n}`, { metadata: { room: `${n}` } })));
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 40; n++) assert.equal(picked(table, { where: { room: `${n}` } }), `1.1.${n}`);
    }
  });

  test("elsewhere is where the policy leaves a choice", () => {
    const table = tableOf([member("1.1.0", { metadata: { mode: "a" } }), member("1.1.1", { metadata: { mode: "b" } })]);
    const not = parseAddress("1.1.0");
    const policies: [Policy, boolean][] = [
      ["least-load", true],
      [{ fillBelow: 10 }, true],
      [{ hash: 1 }, false],
      [{ where: { mode: "a" } }, false],
      [{ where: { mode: "b" } }, true],
      [{ where: { mode: "b" }, policy: { hash: 1 } }, false],
    ];
    for (const [policy, expected] of policies) assert.equal(table.hasElsewhere(1, policy, not), expected, JSON.stringify(policy));
  });

  test("an unreachable node that reports its load, stays unreachable; at another endpoint it is tried again", () => {
    const table = tableOf(loaded(1, 9));
    table.markUnreachable(parseAddress("1.1.0"), true);
    table.put(member("1.1.0", { load: 0 }));
    assert.equal(picked(table, "least-load"), "1.1.1");
    table.put(member("1.1.0", { load: 0, endpoint: "10.0.0.2:8011" }));
    assert.equal(picked(table, "least-load"), "1.1.0");
  });

  for (const policy of [
    { fillBelow: 0 },
    { fillBelow: "9" },
    { where: null },
    { where: { mode: 1 } },
    { where: {}, police: "random" },
    { where: {}, policy: { where: {} } },
    {},
  ]) {
    test(`${JSON.stringify(policy)} for a policy, is an error`, () => {
      assert.throws(() => tableOf(loaded(1)).pick(1, policy as unknown as Policy), InvalidOptionsError);
    });
  }

  test("choosing among ten thousand, takes no longer than a few times as among ten", () => {
    const policies: Policy[] = [
      "random",
      "round-robin",
      "least-load",
      { fillBelow: 50 },
      { where: { mode: "ranked" }, policy: "least-load" },
    ];
    const nanoseconds = (size: number, policy: Policy): number => {
      const members = Array.from({ length: size }, (_, n) =>
        member(`${1 + (n >>> 12)}.1.${n & 4095}`, { export: true, load: n % 97, metadata: { mode: n % 2 === 0 ? "ranked" : "casual" } }),
      );
      const table = tableOf(members);
      table.markUnreachable(members[1]!.address, true);
      let best = Number.POSITIVE_INFINITY;
      for (let round = 0; round < 5; round++) {
        const before = performance.now();
        for (let n = 0; n < 2_000; n++) table.pick(1, policy, members[0]!.address);
        best = Math.min(best, (performance.now() - before) * 500);
      }
      return best;
    };
    for (const policy of policies) {
      const [few, many] = [nanoseconds(10, policy), nanoseconds(10_000, policy)];
      assert.ok(many < few * 10 + 2_000, `${JSON.stringify(policy)}: ${few.toFixed(0)} ns among 10, ${many.toFixed(0)} ns among 10,000`);
    }
  });
});
