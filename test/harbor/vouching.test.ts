import assert from "node:assert/strict";
import { type AddressText, ANONYMOUS, parseAnyAddress } from "../../src/addr/logical-address.js";
import { vouch } from "../../src/harbor/vouching.js";

const at = parseAnyAddress;

suite("who may say what", () => {
  const cases: readonly (readonly [
    what: string,
    self: AddressText,
    peer: AddressText,
    to: AddressText,
    from: AddressText,
    verdict: string,
  ])[] = [
    ["a node for itself", "1.1.1", "1.1.2", "1.1.1", "1.1.2", "here"],
    ["a node in the name of another one", "1.1.1", "1.1.2", "1.1.1", "1.1.3", "forged"],
    ["a node in the name of another group's", "1.1.1", "1.1.2", "1.1.1", "2.1.3", "forged"],
    ["a node to another one, at a plain node", "1.1.1", "1.1.2", "2.1.1", "1.1.2", "forged"],
    ["its harbor for another group", "1.1.1", "1.255.1", "1.1.1", "2.1.1", "here"],
    ["its harbor for another group's harbor", "1.1.1", "1.255.1", "1.1.1", "2.255.1", "here"],
    ["its harbor for itself", "1.1.1", "1.255.1", "1.1.1", "1.255.1", "here"],
    ["its harbor in the name of this group", "1.1.1", "1.255.1", "1.1.1", "1.1.3", "forged"],
    ["its harbor in the name of another harbor of this group", "1.1.1", "1.255.1", "1.1.1", "1.255.2", "forged"],
    ["its harbor in the name of this very node", "1.1.1", "1.255.1", "1.1.1", "1.1.1", "forged"],
    ["its harbor to another node, at a plain node", "1.1.1", "1.255.1", "1.1.3", "2.1.1", "forged"],
    ["another group's harbor for its own group, at a plain node", "1.1.1", "2.255.1", "1.1.1", "2.1.1", "forged"],
    ["another group's harbor for itself", "1.1.1", "2.255.1", "1.1.1", "2.255.1", "here"],
    ["a node to another group, at a harbor", "1.255.1", "1.1.1", "2.1.1", "1.1.1", "onward"],
    ["a node to the harbor itself", "1.255.1", "1.1.1", "1.255.1", "1.1.1", "here"],
    ["a node in the name of another one, at a harbor", "1.255.1", "1.1.1", "2.1.1", "1.1.2", "forged"],
    ["a harbor for its own group", "1.255.1", "2.255.1", "1.1.1", "2.1.1", "onward"],
    ["a harbor for its own group, to the harbor itself", "1.255.1", "2.255.1", "1.255.1", "2.1.1", "here"],
    ["a harbor in the name of a third group", "1.255.1", "2.255.1", "1.1.1", "3.1.1", "forged"],
    ["a harbor in the name of the receiver's group", "1.255.1", "2.255.1", "1.1.1", "1.1.2", "forged"],
    ["a harbor of the same group in the name of another group", "1.255.1", "1.255.2", "1.1.1", "2.1.1", "forged"],
    ["a harbor of the same group in the name of this group", "1.255.1", "1.255.2", "2.1.1", "1.1.1", "forged"],
    ["a harbor of the same group for itself", "1.255.1", "1.255.2", "1.255.1", "1.255.2", "here"],
  ];
  for (const [what, self, peer, to, from, verdict] of cases) {
    test(`${what}, is ${verdict}`, () => assert.equal(vouch(at(self), at(peer), at(to), at(from)), verdict));
  }

  test("an anonymous tool, speaks for itself and nobody for it", () => {
    assert.equal(vouch(at("1.1.1"), ANONYMOUS, at("1.1.1"), ANONYMOUS), "here");
    assert.equal(vouch(at("1.1.1"), at("1.255.1"), at("1.1.1"), ANONYMOUS), "forged");
    assert.equal(vouch(at("1.255.1"), at("2.255.1"), at("1.1.1"), ANONYMOUS), "forged");
    assert.equal(vouch(at("1.1.1"), ANONYMOUS, at("1.1.1"), at("1.1.2")), "forged");
  });
});
