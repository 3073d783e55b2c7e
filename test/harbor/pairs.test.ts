import assert from "node:assert/strict";
import { parseAnyAddress } from "../../src/addr/logical-address.js";
import { Pair, Pairs } from "../../src/harbor/pairs.js";
import type { RelayPort } from "../../src/harbor/ports.js";

const at = parseAnyAddress;
const caller = at("1.1.1");
const target = at("2.1.1");

function port(address: string): RelayPort & { isClosed: boolean } {
  return {
    peer: { address: at(address) },
    isClosed: false,
    congested: false,
    overfull: false,
    arrivedAt: 0,
    relay: () => {},
    tell: () => {},
  };
}

suite("what a harbor remembers of a pair", () => {
  test("of a connection that is lost, the last number that it carried, once", () => {
    const pair = new Pair(caller, target, port("1.1.1"));
    const out = port("2.255.1");
    for (const seq of [1, 3, 2]) pair.sent(out, 5, seq);
    assert.deepEqual([pair.lose(port("2.255.1")), pair.lose(out), pair.lose(out)], [0, 3, 0]);
  });

  test("of two connections, each its own number: the older one may end later", () => {
    const pair = new Pair(caller, target, port("1.1.1"));
    const [first, second] = [port("2.255.1"), port("2.255.1")];
    pair.sent(first, 5, 7);
    pair.sent(second, 5, 9);
    assert.deepEqual([pair.lose(first), pair.lose(second)], [7, 9]);
  });

  test("of another life of the sender, nothing of the one before", () => {
    const pair = new Pair(caller, target, port("1.1.1"));
    const out = port("2.255.1");
    pair.waits(100);
    pair.sent(out, 5, 700);
    pair.sent(out, 6, 1);
    assert.deepEqual([pair.isWaiting(0), pair.lose(out)], [false, 1]);
  });

  test("it waits until the answer, the last deadline, or the loss of either side", () => {
    const inbound = port("1.1.1");
    const pair = new Pair(caller, target, inbound);
    const out = port("2.255.1");
    pair.sent(out, 5, 1);
    pair.waits(100);
    pair.waits(50);
    assert.deepEqual([pair.isWaiting(99), pair.isWaiting(100)], [true, false]);
    pair.answered();
    assert.equal(pair.isWaiting(0), true);
    pair.answered();
    pair.answered(); // of a request whose cancel was seen before
    assert.equal(pair.isWaiting(0), false);
    pair.waits(100);
    pair.lose(out);
    assert.equal(pair.isWaiting(0), false);
    pair.waits(100);
    inbound.isClosed = true;
    assert.equal(pair.isWaiting(0), false);
  });
});

suite("the pairs of a harbor", () => {
  test("up to their bound, those for which nobody waits make room, unused ones first", () => {
    const pairs = new Pairs(3);
    const inbound = port("1.1.1");
    const [one, two, three] = ["2.1.1", "2.1.2", "2.1.3"].map((to) => pairs.add(caller, at(to as "2.1.1"), inbound, 0)!);
    for (const pair of [one!, two!, three!]) pair.isUsed = false;
    one!.waits(100);
    two!.isUsed = true;
    assert.ok(pairs.add(caller, at("2.1.4"), inbound, 0));
    assert.deepEqual(
      [pairs.get(caller, at("2.1.1")), pairs.get(caller, at("2.1.2")), pairs.get(caller, at("2.1.3"))],
      [one, two, undefined],
    );
    two!.waits(100);
    pairs.get(caller, at("2.1.4"))!.waits(100);
    assert.equal(pairs.add(caller, at("2.1.5"), inbound, 0), undefined, "all of them are waited for");
    assert.ok(pairs.add(caller, at("2.1.5"), inbound, 100), "until their deadlines are over");
    assert.equal(pairs.size, 1);
  });

  test("behind a node, are those to it; behind a harbor, those to its group", () => {
    const pairs = new Pairs(10);
    for (const to of ["2.1.1", "2.1.2", "2.255.1", "3.1.1"] as const) pairs.add(caller, at(to), port("1.1.1"), 0);
    const count = (neighbour: "2.1.1"): number => [...pairs.behind(at(neighbour))].length;
    assert.deepEqual([count("2.1.1"), count("2.255.1" as "2.1.1"), count("2.255.2" as "2.1.1"), count("2.1.9" as "2.1.1")], [1, 3, 3, 0]);
  });
});

suite("the ways of a pair", () => {
  test("an answer goes back where its request came from, also when later ones come from elsewhere", () => {
    const pairs = new Pairs(10);
    const [first, second, third] = [port("1.255.1"), port("1.255.2"), port("1.255.3")];
    const pair = pairs.add(caller, target, first, 0)!;
    const out = port("2.1.1");
    pair.sent(out, 5, 3);
    pairs.move(pair, second);
    pair.sent(out, 5, 7);
    assert.deepEqual([pair.wayBack(2), pair.wayBack(3), pair.wayBack(4)], [first, first, second]);
    assert.deepEqual([...pairs.answeredOver(first)], [pair]);
    assert.deepEqual(
      [...pair.waysBack(7)].map(({ port: back, lastSeq }) => [back, lastSeq]),
      [
        [first, 3],
        [second, 7],
      ],
    );
    assert.deepEqual(
      [...pair.waysBack(2)].map(({ lastSeq }) => lastSeq),
      [2, 2],
      "what was lost is the earlier connection",
    );
    pairs.move(pair, third);
    assert.deepEqual([[...pairs.answeredOver(first)], [...pairs.answeredOver(second)]], [[], [pair]], "two are remembered");
    second.isClosed = true;
    pairs.forgetPort(second);
    assert.deepEqual([pair.wayBack(7), pair.inbounds], [third, [third]]);
  });

  test("a cancel goes where its request went, and nowhere when that is closed", () => {
    const pair = new Pair(caller, target, port("1.1.1"));
    const [first, second] = [port("2.255.1"), port("2.255.2")];
    pair.sent(first, 5, 3);
    pair.sent(second, 5, 7);
    assert.deepEqual([pair.carrier(3), pair.carrier(4)], [first, second]);
    first.isClosed = true;
    assert.equal(pair.carrier(3), undefined);
  });
});
