import assert from "node:assert/strict";
import { StartError } from "../../src/errors.js";
import { simulate } from "../../src/testing/simulate.js";
import { say, type Text } from "../testing/support/text-method.js";

const answering =
  (who: string) =>
  (request: Text): Text => ({ text: `${request.text} ${who}` });

suite("two processes of one address", () => {
  test("the first one hangs and its link is idle: the second one serves, the first one, when it goes on, stops", async () => {
    await simulate({ seed: 1, runs: 10 }, async (sim) => {
      const first = await sim.node("1.1.1", (node) => node.handle(say, answering("first")));
      const caller = await sim.node("1.2.1");
      sim.pause(first);
      await sim.advance(sim.random() * 10_000);
      const second = await sim.node("1.1.1", (node) => node.handle(say, answering("second")));
      await sim.advance(sim.random() * 10_000);
      assert.equal((await caller.invoke("1.1.1", say, { text: "to" })).text, "to second");
      sim.resume(first);
      await sim.advance(20_000);
      assert.deepEqual([first.status().phase, second.status().phase], ["closed", "running"]);
      assert.equal((await caller.invoke("1.1.1", say, { text: "to" })).text, "to second");
    });
  });

  test("the first one lives: the second one does not start, and disturbs nothing", async () => {
    await simulate({ seed: 1, runs: 10 }, async (sim) => {
      const first = await sim.node("1.1.1", (node) => node.handle(say, answering("first")));
      const caller = await sim.node("1.2.1");
      const calls = Array.from({ length: 10 }, () => caller.invoke("1.1.1", say, { text: "to" }));
      await assert.rejects(sim.node("1.1.1"), (error) => error instanceof StartError && error.code === "ADDRESS_IN_USE");
      for (const call of calls) assert.equal((await call).text, "to first");
      assert.equal(first.status().phase, "running");
    });
  });
});
