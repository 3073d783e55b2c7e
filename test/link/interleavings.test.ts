/**
 * Every order in which the steps of two dials that cross can come, one by one, over the real links: at each step any packet
 * that is first in its direction may arrive, or either side send, find its link idle, or lose a connection. At the end
 * there is one connection, and nothing was lost, doubled or reordered.
 *
 * Bounded are messages (one or two from each side), deaths (one) and go-aways (one from each side). Packets are not cut: the
 * openings are tried with every cut elsewhere. Time passes only when nothing is under way. With CLUSTERTS_DEEP=1 more is allowed,
 * a million states in a few minutes.
 */
import assert from "node:assert/strict";
import { explore } from "./support/explore.js";
import { LinkPair, type Script } from "./support/link-pair.js";
import type { Dials } from "./support/script-network.js";

const isDeep = process.env.CLUSTERTS_DEEP === "1";

/** `atLeast`: states that there are, so that a script which explores nothing is noticed. */
async function everyOrder(script: Script, atLeast: number): Promise<void> {
  const { states } = await explore(2, () => LinkPair.make(script));
  assert.ok(states >= atLeast, `${states} states, there should be ${atLeast} and more`);
}

suite("two dials that cross, in every order of their steps", function () {
  this.timeout(isDeep ? 1_800_000 : 120_000);

  test("both have two messages queued", () => everyOrder({ queued: [2, 2] }, 1_500));

  test("both send at any time", () => everyOrder({ queued: [0, 0], later: [1, 1] }, 5_000));

  test("one dials, the other sends at any time", async () => {
    await everyOrder({ queued: [2, 0], later: [0, 1] }, 3_000);
    await everyOrder({ queued: [0, 2], later: [1, 0] }, 3_000);
  });

  for (const blocked of ["refused", "swallowed"] satisfies Dials[]) {
    test(`dials of one side are ${blocked}, both send at any time`, async () => {
      await everyOrder({ queued: [1, 1], later: [1, 1], dials: [blocked, "answered"] }, 150);
      await everyOrder({ queued: [1, 1], later: [1, 1], dials: ["answered", blocked] }, 150);
    });

    test(`dials of one side are ${blocked}, and a connection dies at any time`, async () => {
      await everyOrder({ queued: [2, 2], dials: [blocked, "answered"], cuts: 1 }, 50);
      await everyOrder({ queued: [2, 2], dials: ["answered", blocked], cuts: 1 }, 50);
    });
  }

  test("either connection dies at any step of its opening", () => everyOrder({ queued: [2, 2], cuts: 1, cutsInOpening: true }, 15_000));

  test("one dials, and the connection dies at any time", async () => {
    await everyOrder({ queued: [2, 0], cuts: 1 }, 15);
    await everyOrder({ queued: [0, 2], cuts: 1 }, 15);
  });
});

suite("a connection that goes out of use, in every order of the steps", function () {
  this.timeout(isDeep ? 1_800_000 : 120_000);

  test("one side says go-away, the other sends at any time", () =>
    everyOrder({ stands: true, queued: [0, 0], idles: [1, 0], later: [0, 2] }, 1_000));

  test("one side says go-away and sends, at any time", () =>
    everyOrder({ stands: true, queued: [0, 0], idles: [1, 0], later: [2, 0] }, 1_000));

  test("both say go-away, one sends at any time", () => everyOrder({ stands: true, queued: [0, 0], idles: [1, 1], later: [1, 0] }, 7_500));

  test("one side says go-away, the other sends, and a connection dies at any time", () =>
    everyOrder({ stands: true, queued: [0, 0], idles: [1, 0], later: [0, 1], cuts: 1 }, 1_000));
});

if (isDeep) {
  suite("the same with more", function () {
    this.timeout(1_400_000);

    test("two dials cross, and either connection dies at any time", () => everyOrder({ queued: [2, 2], cuts: 1 }, 50_000));

    test("one dials, the other sends, and either connection dies at any time", () =>
      everyOrder({ queued: [2, 0], later: [0, 1], cuts: 1 }, 75_000));

    test("one side says go-away, both send at any time", () =>
      everyOrder({ stands: true, queued: [0, 0], idles: [1, 0], later: [1, 1] }, 400_000));
  });
}
