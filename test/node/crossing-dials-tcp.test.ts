/** Two nodes that dial each other at the same time, over real sockets, until it has happened often enough. */
import assert from "node:assert/strict";
import type { AddressText } from "../../src/addr/logical-address.js";
import type { ClusterNode } from "../../src/node/node.js";
import { TcpTransport } from "../../src/transport/tcp.js";
import { CountedTransport } from "../support/counted-transport.js";
import { LoopbackNodes } from "../support/loopback-nodes.js";
import { echo, type Note, noteMessage } from "../support/note.js";
import { SeededRandom } from "../support/seeded-random.js";
import { until } from "../support/until.js";

/** Rounds in which both dialed. */
const CROSSINGS = 200;
/** Rounds after which it is given up: the test would show nothing. */
const MAX_ROUNDS = 2_000;
/** Of each side in each round, calls and one-way messages in turn. */
const MESSAGES = 6;

const SECRET = "a secret for crossing dials, of no use elsewhere";

class Side {
  readonly address: AddressText;
  readonly transport = new CountedTransport(new TcpTransport());
  readonly node: ClusterNode;
  /** What came in this round, in order. */
  got: string[] = [];

  constructor(address: AddressText, nodes: LoopbackNodes) {
    this.address = address;
    const link = { maxDialsPerSecond: 1_000_000 };
    this.node = nodes.make(address, { transport: this.transport, secrets: [SECRET], link });
    this.node.handle(echo, (note: Note) => {
      this.got.push(note.text);
      return note;
    });
    this.node.onMessage(noteMessage, (note) => void this.got.push(note.text));
  }

  get phase(): string | undefined {
    return this.node.status().links[0]?.phase;
  }

  /** Now and then one that travels in pieces. */
  send(to: Side, random: SeededRandom): Promise<unknown>[] {
    return numbers().map((text, index) => {
      const note = { text, data: new Uint8Array(random.chance(0.05) ? 200_000 : random.below(100)) };
      return index % 2 === 0 ? this.node.invoke(to.address, echo, note) : this.node.send(to.address, noteMessage, note);
    });
  }
}

function numbers(): string[] {
  return Array.from({ length: MESSAGES }, (_, index) => String(index));
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

suite("crossing dials over TCP", function () {
  this.timeout(60_000);

  test(`${CROSSINGS} times, one connection stays and nothing is lost, doubled or reordered`, async () => {
    await using nodes = new LoopbackNodes();
    const random = new SeededRandom(1);
    const sides = [new Side("1.1.1", nodes), new Side("1.1.2", nodes)] as const;
    const [low, high] = sides;
    await Promise.all(sides.map(({ node }) => node.start()));
    await Promise.all(sides.map(({ address }) => nodes.known(address)));
    let crossings = 0;
    for (let round = 0; crossings < CROSSINGS; round++) {
      assert.ok(round < MAX_ROUNDS, `only ${crossings} of ${round} times both dialed`);
      const [first, second] = random.chance(0.5) ? [low, high] : [high, low];
      const dialsBefore = sides.map(({ transport }) => transport.dials);
      const sent = first.send(second, random);
      await turns(random.below(6));
      sent.push(...second.send(first, random));
      await Promise.all(sent);
      await until(() => sides.every(({ got }) => got.length >= MESSAGES));
      for (const { got } of sides) assert.deepEqual(got, numbers(), `round ${round}`);
      await until(() => sides.every(({ transport }) => transport.open.size === 1));
      assert.deepEqual(
        sides.map(({ phase }) => phase),
        ["ready", "ready"],
      );
      const dialed = sides.map(({ transport }, index) => transport.dials - dialsBefore[index]!);
      if (dialed.every((count) => count > 0)) crossings++;
      // The next round begins without a connection.
      const [connection] = random.pick(sides).transport.open;
      connection!.destroy();
      await until(() => sides.every(({ phase, transport }) => phase === "idle" && transport.open.size === 0));
      for (const side of sides) side.got = [];
    }
  });
});
