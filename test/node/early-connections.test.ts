import assert from "node:assert/strict";
import { makeAddress } from "../../src/addr/logical-address.js";
import { LimitHits } from "../../src/events/limit-hits.js";
import { EarlyConnections } from "../../src/node/early-connections.js";
import type { Connection } from "../../src/transport/transport.js";

suite("connections before a node is up", () => {
  test("as many as may be held, are released once, the oldest first; one more is destroyed and counted", () => {
    const { early, limits, connect, destroyed } = held(2);
    const [first, second, third] = [connect(), connect(), connect()];
    assert.deepEqual(destroyed, [third]);
    assert.deepEqual(limits.counts, { "link.maxOpenings": 1 });
    const released = early.release();
    assert.equal(released.length, 2);
    assert.ok(released[0] === first && released[1] === second);
    assert.deepEqual(early.release(), []);
    early.drop();
    assert.deepEqual(destroyed, [third], "what was released is no longer its own");
  });

  test("a node that does not come up, destroys those that it holds, and has room again", () => {
    const { early, limits, connect, destroyed } = held(1);
    const first = connect();
    early.drop();
    assert.deepEqual(destroyed, [first]);
    const second = connect();
    assert.ok(early.release()[0] === second);
    assert.deepEqual(limits.counts, {});
  });
});

interface Held {
  readonly early: EarlyConnections;
  readonly limits: LimitHits;
  readonly destroyed: Connection[];
  /** A connection comes in. */
  readonly connect: () => Connection;
}

function held(max: number): Held {
  const limits = new LimitHits(makeAddress(1, 1, 1));
  const early = new EarlyConnections(max, limits);
  const destroyed: Connection[] = [];
  const connect = (): Connection => {
    const connection = { destroy: () => void destroyed.push(connection) } as unknown as Connection;
    early.hold(connection);
    return connection;
  };
  return { early, limits, destroyed, connect };
}
