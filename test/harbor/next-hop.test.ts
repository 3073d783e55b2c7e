import assert from "node:assert/strict";
import fc from "fast-check";
import { type AddressText, ANONYMOUS, addressGroup, formatAddress, isHarbor, parseAnyAddress } from "../../src/addr/logical-address.js";
import { HarborChoices } from "../../src/harbor/harbor-choices.js";
import { chooseHarbor, nextHop, type RouteView } from "../../src/harbor/next-hop.js";

const at = parseAnyAddress;

function viewOf(...known: AddressText[]): RouteView {
  const members = known.map((text) => ({ address: at(text) }));
  return {
    knows: (address) => members.some((member) => member.address === address),
    harborsOf: (group) => members.filter(({ address }) => isHarbor(address) && addressGroup(address) === group),
    isUnreachable: () => false,
  };
}

const all = viewOf("1.1.1", "1.255.1", "1.255.2", "2.1.1", "2.255.1", "2.255.2");

suite("the next hop", () => {
  const cases: readonly (readonly [from: AddressText, to: AddressText, hop: string])[] = [
    ["1.1.2", "1.1.1", "node 1.1.1"],
    ["1.1.2", "1.1.9", "unknownTarget"],
    ["1.1.2", "2.1.1", "harbor of 1"],
    ["1.1.2", "3.1.1", "harbor of 1"],
    ["1.1.2", "2.255.1", "harbor of 1"],
    ["3.1.1", "2.1.1", "noHarborHere"],
    ["1.255.1", "1.1.1", "node 1.1.1"],
    ["1.255.1", "2.1.1", "harbor of 2"],
    ["1.255.1", "2.1.9", "harbor of 2"],
    ["1.255.1", "2.255.2", "node 2.255.2"],
    ["1.255.1", "2.255.9", "unknownTarget"],
    ["1.255.1", "3.1.1", "noHarborThere"],
    ["2.255.1", "2.1.9", "unknownTarget"],
  ];
  for (const [self, to, expected] of cases) {
    test(`from ${self} to ${to}, is ${expected}`, () => {
      const hop = nextHop(at(self), at(to), all);
      const text =
        hop.type === "node" ? `node ${formatAddress(hop.address)}` : hop.type === "harborOf" ? `harbor of ${hop.group}` : hop.reason;
      assert.equal(text, expected);
    });
  }

  test("to an anonymous tool, there is none", () => {
    assert.deepEqual(nextHop(at("1.255.1"), ANONYMOUS, all), { type: "none", reason: "anonymous" });
  });

  test("from any node, a frame arrives after two harbors at most", () => {
    const groups = [1, 2, 3];
    const nodes = groups.flatMap((group) => [`${group}.1.1`, `${group}.255.1`, `${group}.255.2`] as AddressText[]);
    const view = viewOf(...nodes);
    for (const from of nodes)
      for (const to of nodes) {
        let here = at(from);
        let harbors = 0;
        while (here !== at(to)) {
          const hop = nextHop(here, at(to), view);
          assert.ok(hop.type !== "none");
          here = hop.type === "node" ? hop.address : chooseHarbor(at(to), view.harborsOf(hop.group))!;
          if (here !== at(to)) harbors++;
        }
        assert.ok(harbors <= 2, `${from} > ${to}: ${harbors} harbors`);
      }
  });
});

suite("the choice among harbors", () => {
  const harbors = ["2.255.1", "2.255.2", "2.255.3"].map((text) => ({ address: at(text) }));

  test("the same for all that know the same, in whatever order, and spread over all", () => {
    const counts = new Map<number, number>();
    for (let id = 0; id < 300; id++) {
      const to = at(`2.1.${id}`);
      const chosen = chooseHarbor(to, harbors)!;
      assert.equal(chooseHarbor(to, [...harbors].reverse()), chosen);
      counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
    }
    assert.ok([...counts.values()].every((count) => count > 60) && counts.size === 3);
  });

  test("the one that was lost, is chosen only when it is the only one", () => {
    const to = at("2.1.1");
    const first = chooseHarbor(to, harbors)!;
    assert.notEqual(chooseHarbor(to, harbors, first), first);
    assert.equal(chooseHarbor(to, [{ address: first }], first), first);
    assert.equal(chooseHarbor(to, []), undefined);
  });

  test("a target keeps its harbor while others come and go, until its own is left", () => {
    const choices = new HarborChoices();
    const to = at("2.1.1");
    const first = choices.choose(to, harbors.slice(0, 2))!;
    assert.equal(choices.choose(to, harbors), first);
    assert.equal(choices.choose(to, []), first);
    choices.leave(at("2.255.9"));
    assert.equal(choices.choose(to, harbors), first);
    choices.leave(first);
    assert.notEqual(choices.choose(to, harbors), first);
  });

  test("any number of targets, are remembered up to a bound", () => {
    const choices = new HarborChoices();
    for (let group = 2; group < 20; group++) for (let id = 0; id < 4_096; id++) choices.choose(at(`${group}.1.${id}`), harbors);
    assert.equal(choices.size, 65_536);
  });

  test("when one harbor goes, only its targets move", () => {
    fc.assert(
      fc.property(fc.nat(2), fc.array(fc.nat(4_095), { maxLength: 50 }), (gone, ids) => {
        const left = harbors.filter((_, index) => index !== gone);
        for (const id of ids) {
          const to = at(`2.1.${id}`);
          const before = chooseHarbor(to, harbors);
          if (before !== harbors[gone]!.address) assert.equal(chooseHarbor(to, left), before);
        }
      }),
    );
  });
});
