import assert from "node:assert/strict";
import fc from "fast-check";
import { harborAddress, type LogicalAddress, makeAddress } from "../../src/addr/logical-address.js";
import { decideInbound, type LinkView, ownDialWins } from "../../src/link/simultaneous-dial.js";

const address = fc
  .tuple(fc.integer({ min: 1, max: 4095 }), fc.integer({ min: 1, max: 255 }), fc.nat(4095))
  .map(([group, type, id]) => (type === 255 ? harborAddress(group, id) : makeAddress(group, type, id)));

const view = (phase: LinkView["phase"], peerIncarnation?: bigint): LinkView => ({ phase, peerIncarnation });
const LOW = makeAddress(1, 2, 1);
const HIGH = makeAddress(1, 2, 2);

suite("two nodes that dial each other at once", () => {
  test("any two addresses, agree on one winner; also those whose highest bit is set", () => {
    fc.assert(
      fc.property(address, address, (one, other) => {
        if (one !== other) assert.notEqual(ownDialWins(one, other), ownDialWins(other, one));
      }),
    );
    assert.equal(ownDialWins(makeAddress(1, 1, 0), makeAddress(4095, 254, 4095)), true);
  });

  test("both hellos cross, and exactly one of the two connections is taken at once while the other is parked", () => {
    fc.assert(
      fc.property(address, address, fc.bigInt({ min: 0n }), (one, other, incarnation) => {
        if (one === other) return;
        const at = (self: LogicalAddress, peer: LogicalAddress) => decideInbound(self, peer, view("dialing"), incarnation);
        assert.deepEqual([at(one, other), at(other, one)].sort(), ["accept", "park"]);
      }),
    );
  });

  test("no connection and no dial, and whoever comes is taken, of an older incarnation too: nobody newer is there", () => {
    for (const phase of ["idle", "waiting", "draining"] as const) {
      for (const incarnation of [4n, 5n, 6n]) {
        assert.equal(decideInbound(LOW, HIGH, view(phase, phase === "draining" ? 5n : undefined), incarnation), "accept");
        assert.equal(decideInbound(HIGH, LOW, view(phase, phase === "draining" ? 5n : undefined), incarnation), "accept");
      }
    }
  });

  test("a connection stands: a newer incarnation takes its place, the same or an older one asks whether it is alive", () => {
    for (const [self, peer] of [
      [LOW, HIGH],
      [HIGH, LOW],
    ] as const) {
      const decide = (incarnation: bigint) => decideInbound(self, peer, view("ready", 5n), incarnation);
      assert.deepEqual([decide(4n), decide(5n), decide(6n), decide(2n ** 64n - 1n)], ["probe", "probe", "accept", "accept"]);
    }
  });

  test("this node is closed, and nobody is taken", () => {
    assert.equal(decideInbound(LOW, HIGH, view("closed"), 6n), "refuse-closed");
  });
});
