import assert from "node:assert/strict";
import fc from "fast-check";
import { type AddressText, formatAddress, type LogicalAddress, makeAddress, parseAnyAddress } from "../../src/addr/logical-address.js";
import type { DiscoveryEvent, Member } from "../../src/discovery/discovery.js";
import { isVisible, Membership, type MembershipChange } from "../../src/discovery/membership.js";

const member = (address: AddressText, fields: Partial<Member> = {}): Member => ({
  address: parseAnyAddress(address),
  endpoint: "10.0.0.1:8011",
  ...fields,
});
const snapshot = (members: readonly Member[], revision?: bigint, storeEpoch?: string): DiscoveryEvent => ({
  type: "snapshot",
  members,
  revision,
  storeEpoch,
});
const delta = (put: readonly Member[], removed: readonly AddressText[], revision?: bigint): DiscoveryEvent => ({
  type: "delta",
  put,
  removed: removed.map(parseAnyAddress),
  revision,
});
const names = (change: MembershipChange): Record<string, string[]> => ({
  added: change.added.map(({ address }) => formatAddress(address)),
  updated: change.updated.map(({ address }) => formatAddress(address)),
  removed: change.removed.map(({ address }) => formatAddress(address)),
});
const known = (membership: Membership): string[] => [...membership.values()].map(({ address }) => formatAddress(address)).sort();
const NOTHING = { added: [], updated: [], removed: [] };

suite("membership", () => {
  test("a second snapshot, changes only what differs", () => {
    const membership = new Membership();
    membership.apply(snapshot([member("1.1.1"), member("1.1.2", { metadata: { a: "b" } }), member("1.1.3")]), 0);
    const again = [member("1.1.2", { metadata: { a: "b" } }), member("1.1.3", { load: 1 }), member("1.1.4")];
    assert.deepEqual(names(membership.apply(snapshot(again), 0)), { added: ["1.1.4"], updated: ["1.1.3"], removed: ["1.1.1"] });
  });

  test("an adapter that changes its objects afterwards, changes nothing here", () => {
    const membership = new Membership();
    const mine = member("1.1.1", { metadata: { a: "b" } });
    membership.apply(snapshot([mine]), 0);
    mine.endpoint = "10.0.0.9:1";
    mine.metadata!.a = "c";
    const held = membership.get(mine.address);
    assert.deepEqual([held?.endpoint, held?.metadata], ["10.0.0.1:8011", { a: "b" }]);
    assert.deepEqual(names(membership.apply(snapshot([mine]), 0)), { added: [], updated: ["1.1.1"], removed: [] });
  });

  test("bad records, are told and cost only themselves", () => {
    const membership = new Membership();
    const bad = [
      null,
      { address: "1.1.1", endpoint: "h:1" },
      { address: 5, endpoint: "h:1" },
      member("1.1.2", { endpoint: "h" }),
      member("1.1.3", { endpoint: "h:0" }),
      { ...member("1.1.4"), available: "yes" },
      member("1.1.5", { load: Number.NaN }),
      { ...member("1.1.6"), metadata: { a: 1 } },
      { ...member("1.1.7"), incarnation: 1 },
    ] as Member[];
    const applied = membership.apply(snapshot([...bad, member("1.1.8")]), 0);
    assert.deepEqual(names(applied).added, ["1.1.8"]);
    assert.deepEqual(applied.problems, [
      "expected a member, got null",
      '"1.1.1" is not a logical address: use parseAnyAddress("group.type.id") or makeAddress(group, type, id)',
      '5 is not a logical address: use parseAnyAddress("group.type.id") or makeAddress(group, type, id)',
      'member 1.1.2: endpoint "h": expected host:port, as in 10.0.1.7:8011',
      'member 1.1.3: endpoint "h:0": port 0 cannot be dialed',
      'member 1.1.4: available is true or false, got "yes"',
      "member 1.1.5: load is a finite number, got NaN",
      'member 1.1.6: metadata "a" is a string, got 1',
      "member 1.1.7: incarnation is a bigint, got 1",
    ]);
  });

  test("a bad record of a known member, leaves what was known", () => {
    const membership = new Membership();
    membership.apply(snapshot([member("1.1.1"), member("1.1.2")]), 0);
    assert.deepEqual(names(membership.apply(snapshot([member("1.1.1", { endpoint: "" })]), 0)), { ...NOTHING, removed: ["1.1.2"] });
    assert.equal(membership.get(makeAddress(1, 1, 1))?.endpoint, "10.0.0.1:8011");
  });

  test("an address that is listed twice, is told and the last one counts", () => {
    const membership = new Membership();
    const applied = membership.apply(snapshot([member("1.1.1"), member("1.1.1", { endpoint: "10.0.0.2:1" })]), 0);
    assert.deepEqual(names(applied), { ...NOTHING, added: ["1.1.1"] });
    assert.equal(applied.added[0]?.endpoint, "10.0.0.2:1");
    assert.deepEqual(applied.problems, ["member 1.1.1 is listed twice (10.0.0.1:8011 and 10.0.0.2:1): the last one counts"]);
  });

  test("an address that one delta puts and removes, is told and stays", () => {
    const membership = new Membership();
    membership.apply(snapshot([]), 0);
    const applied = membership.apply(delta([member("1.1.1")], ["1.1.1"]), 0);
    assert.deepEqual(known(membership), ["1.1.1"]);
    assert.deepEqual(applied.problems, ["1.1.1 is both put and removed in one delta: it stays"]);
  });

  test("a delta before the first snapshot, is told and ignored", () => {
    const membership = new Membership();
    const applied = membership.apply(delta([member("1.1.1")], []), 0);
    assert.deepEqual([applied.accepted, membership.size, membership.hasSnapshot], [false, 0, false]);
    assert.match(applied.problems[0]!, /before the first snapshot/);
  });

  const garbage: readonly unknown[] = [
    undefined,
    "hello",
    {},
    { type: "snapshot" },
    { type: "snapshot", members: [], revision: 1 },
    { type: "snapshot", members: [], storeEpoch: 1 },
    { type: "delta", put: [] },
    { type: "delta", put: {}, removed: [] },
  ];
  for (const value of garbage) {
    test(`${JSON.stringify(value)} for an event, is told and changes nothing`, () => {
      const membership = new Membership();
      membership.apply(snapshot([member("1.1.1")]), 0);
      const applied = membership.apply(value as DiscoveryEvent, 0);
      assert.deepEqual([applied.accepted, applied.problems.length, known(membership)], [false, 1, ["1.1.1"]]);
    });
  }

  test("an old delta after a removal, does not bring the member back", () => {
    const membership = new Membership();
    membership.apply(snapshot([member("1.1.1")], 5n, "a"), 0);
    membership.apply(delta([], ["1.1.1"], 6n), 0);
    for (const revision of [4n, 5n, 6n]) {
      assert.deepEqual(names(membership.apply(delta([member("1.1.1")], [], revision), 0)), NOTHING);
    }
    assert.deepEqual(names(membership.apply(delta([member("1.1.1")], [], 7n), 0)).added, ["1.1.1"]);
  });

  test("an old snapshot, is told and ignored; the same one again is not worth a word", () => {
    const membership = new Membership();
    membership.apply(snapshot([member("1.1.1")], 5n), 0);
    assert.deepEqual(membership.apply(snapshot([], 5n), 0).problems, []);
    assert.match(membership.apply(snapshot([], 3n), 0).problems[0]!, /revision 3 came after revision 5 and is ignored/);
    assert.deepEqual(known(membership), ["1.1.1"]);
  });

  test("a store that lost its data, keeps its members for one grace and counts revisions anew", () => {
    const membership = new Membership(15_000);
    membership.apply(snapshot([member("1.1.1"), member("1.1.2"), member("1.1.3"), member("1.1.4")], 90n, "a"), 1_000);
    assert.deepEqual(names(membership.apply(snapshot([member("1.1.1")], 1n, "b"), 2_000)), NOTHING);
    assert.equal(membership.graceEndsAt, 17_000);
    membership.apply(delta([member("1.1.2")], ["1.1.3"], 2n), 3_000);
    assert.deepEqual(names(membership.apply(snapshot([member("1.1.1"), member("1.1.2")], 3n, "b"), 16_000)), NOTHING);
    assert.deepEqual(names(membership.expire(16_999)), NOTHING);
    assert.deepEqual(names(membership.expire(17_000)), { ...NOTHING, removed: ["1.1.4"] });
    assert.deepEqual([known(membership), membership.graceEndsAt], [["1.1.1", "1.1.2"], undefined]);
  });

  test("a store that loses its data again and again, does not keep the dead for ever", () => {
    const membership = new Membership(15_000);
    membership.apply(snapshot([member("1.1.1")], 1n, "a"), 0);
    for (let epoch = 0; epoch < 4; epoch++) membership.apply(snapshot([], 1n, `b${epoch}`), epoch * 5_000);
    assert.deepEqual(names(membership.expire(15_000)).removed, ["1.1.1"]);
  });

  test("one change among ten thousand members, takes much less than a millisecond", () => {
    const membership = new Membership();
    const all = Array.from({ length: 10_000 }, (_, n) => member(`${1 + (n >>> 12)}.1.${n & 4095}`));
    membership.apply(snapshot(all), 0);
    const rounds = 1_000;
    const before = performance.now();
    for (let round = 0; round < rounds; round++) membership.apply(delta([member("1.1.7", { load: round })], []), 0);
    const each = (performance.now() - before) / rounds;
    assert.ok(each < 0.2, `${each} ms each`);
  });

  test("any sequence of reports, ends where a naive model ends", () => {
    const address = fc.integer({ min: 0, max: 5 }).map((id) => makeAddress(1, 1, id));
    const record = fc.record({ address, endpoint: fc.constantFrom("h:1", "h:2", "bad") });
    const revision = fc.option(fc.bigInt({ min: 0n, max: 12n }), { nil: undefined });
    const event = fc.oneof(
      fc.record({
        type: fc.constant("snapshot" as const),
        members: fc.array(record, { maxLength: 6 }),
        revision,
        storeEpoch: fc.option(fc.constantFrom("a", "b"), { nil: undefined }),
      }),
      fc.record({
        type: fc.constant("delta" as const),
        put: fc.array(record, { maxLength: 3 }),
        removed: fc.array(address, { maxLength: 3 }),
        revision,
      }),
    );
    const step = fc.record({ event, elapsed: fc.integer({ min: 0, max: 60 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const membership = new Membership(100);
        const model = new NaiveMembership(100);
        let now = 0;
        for (const { event, elapsed } of steps) {
          now += elapsed;
          const before = new Map([...membership.values()].map((held) => [held.address, held]));
          const changes = [membership.expire(now), membership.apply(event, now)];
          model.expire(now);
          model.apply(event, now);
          assert.deepEqual([...membership.values()].map(({ address, endpoint }) => `${address} ${endpoint}`).sort(), model.list());
          for (const change of changes) replay(before, change);
          assert.deepEqual([...before.keys()].sort(), [...membership.values()].map((held) => held.address).sort());
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** What a listener would hold that only gets the changes. */
function replay(view: Map<LogicalAddress, Member>, change: MembershipChange): void {
  for (const { address } of change.removed) assert.ok(view.delete(address));
  for (const held of change.added) {
    assert.ok(!view.has(held.address));
    view.set(held.address, held);
  }
  for (const held of change.updated) {
    assert.notEqual(view.get(held.address)?.endpoint, held.endpoint);
    view.set(held.address, held);
  }
}

/** The rules again, with no thought of speed: one list, scanned each time. */
class NaiveMembership {
  #rows: { address: LogicalAddress; endpoint: string; endsAt?: number }[] = [];
  #started = false;
  #epoch: string | undefined;
  #revision = -1n;
  readonly #graceMs: number;

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  list(): string[] {
    return this.#rows.map(({ address, endpoint }) => `${address} ${endpoint}`).sort();
  }

  expire(now: number): void {
    this.#rows = this.#rows.filter(({ endsAt }) => endsAt === undefined || endsAt > now);
  }

  apply(event: DiscoveryEvent, now: number): void {
    const epochChanged = event.type === "snapshot" && this.#started && event.storeEpoch !== undefined && event.storeEpoch !== this.#epoch;
    if (event.type === "delta" && !this.#started) return;
    if (epochChanged) this.#revision = -1n;
    if (event.revision !== undefined && event.revision <= this.#revision) return;
    this.#revision = event.revision ?? this.#revision;
    if (event.type === "delta") {
      this.#rows = this.#rows.filter(({ address }) => !event.removed.includes(address) || event.put.some((put) => put.address === address));
      this.#upsert(event.put);
      return;
    }
    this.#started = true;
    this.#epoch = event.storeEpoch ?? this.#epoch;
    const listed = event.members.map(({ address }) => address);
    if (!epochChanged) this.#rows = this.#rows.filter(({ address, endsAt }) => endsAt !== undefined || listed.includes(address));
    for (const row of this.#rows) if (!listed.includes(row.address)) row.endsAt ??= now + this.#graceMs;
    this.#upsert(event.members);
  }

  #upsert(members: readonly Member[]): void {
    for (const { address, endpoint } of members) {
      const row = this.#rows.find((candidate) => candidate.address === address);
      if (row !== undefined) delete row.endsAt;
      if (endpoint === "bad") continue;
      if (row === undefined) this.#rows.push({ address, endpoint });
      else row.endpoint = endpoint;
    }
  }
}

suite("visibility", () => {
  const cases: readonly (readonly [self: AddressText, other: AddressText, exported: boolean, visible: boolean])[] = [
    ["1.1.1", "1.2.1", false, true],
    ["1.1.1", "2.1.1", false, false],
    ["1.1.1", "2.1.1", true, true],
    ["1.255.1", "2.255.1", false, true],
    ["1.1.1", "2.255.1", false, false],
    ["1.255.1", "2.1.1", false, false],
    ["1.1.1", "1.255.1", false, true],
  ];
  for (const [self, other, exported, visible] of cases) {
    test(`${self} and ${exported ? "exported " : ""}${other}, ${visible ? "is" : "is not"} visible`, () => {
      assert.equal(isVisible(parseAnyAddress(self), member(other, { export: exported })), visible);
    });
  }
});
