/** The rules by which a harbor relays or does not, beside who may say what (vouching.test.ts). */
import assert from "node:assert/strict";
import { ANONYMOUS, parseAnyAddress } from "../../src/addr/logical-address.js";
import { denialOf } from "../../src/harbor/denial.js";

const at = parseAnyAddress;
const OPEN = { enforcesExport: false, isExported: () => false };

suite("whether a harbor relays", () => {
  const cases: readonly (readonly [what: string, peer: string, from: string, to: string, reason: string | undefined])[] = [
    ["from its group to another", "1.1.1", "1.1.1", "2.1.1", undefined],
    ["from another group, over its harbor, to its own", "2.255.1", "2.1.1", "1.1.1", undefined],
    ["from the harbor of another group itself", "2.255.1", "2.255.1", "1.1.1", undefined],
    ["from a node of another group that came by itself", "2.1.1", "2.1.1", "1.1.1", "stranger"],
    ["within its group", "1.1.1", "1.1.1", "1.1.2", "stranger"],
    ["from another group to a third one", "2.255.1", "2.1.1", "3.1.1", "notResponsible"],
  ];
  for (const [what, peer, from, to, reason] of cases) {
    test(`${what}: ${reason ?? "yes"}`, () => {
      assert.equal(denialOf(at("1.255.1"), at(peer), at(to), at(from), OPEN)?.reason, reason);
    });
  }

  test("from a tool without an address: stranger", () => {
    assert.equal(denialOf(at("1.255.1"), ANONYMOUS, at("2.1.1"), ANONYMOUS, OPEN)?.reason, "stranger");
  });

  test("where export is enforced: to exported nodes from outside, and from the inside to all", () => {
    const rule = { enforcesExport: true, isExported: (address: number) => address === at("1.1.1") };
    const denied = (to: string, from: string, peer: string): string | undefined =>
      denialOf(at("1.255.1"), at(peer), at(to), at(from), rule)?.reason;
    assert.equal(denied("1.1.1", "2.1.1", "2.255.1"), undefined);
    assert.equal(denied("1.1.2", "2.1.1", "2.255.1"), "notExported");
    assert.equal(denied("2.1.1", "1.1.2", "1.1.2"), undefined);
  });
});
