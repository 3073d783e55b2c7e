import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { RpcError } from "../../src/errors.js";
import { mailbox } from "../../src/rpc/mailbox.js";
import { defineMethod } from "../../src/rpc/service.js";
import { Simulation } from "../../src/testing/sim.js";
import { runOnce, type Scenario, SimulationError, simulate } from "../../src/testing/simulate.js";
import { say, type Text } from "./support/text-method.js";

const think = defineMethod("test.Chat/think", "unary", say.input, say.output);
const greet = defineMethod("test.Chat/greet", "unary", say.input, say.output);

const echo = (request: Text): Text => request;

/** Two nodes, calls, and a partition that ends. */
const chat: Scenario = async (sim) => {
  const room = await sim.node("1.1.1", (node) => node.handle(say, echo));
  const caller = await sim.node("1.2.1");
  const calls = Array.from({ length: 20 }, (_, index) => caller.invoke("1.1.1", say, { text: `${index}` }).catch(() => undefined));
  sim.partition(caller, room, { oneWay: true });
  await sim.advance(sim.random() * 5_000);
  sim.heal();
  sim.crash(room);
  await sim.advance(2_000);
  await sim.restart(room);
  await sim.advance(20_000);
  await Promise.all(calls);
};

async function traceOf(seed: number): Promise<string[]> {
  const lines: string[] = [];
  const error = await runOnce(new Simulation(seed, { onLine: (line) => lines.push(line) }), chat);
  if (error !== undefined) throw error;
  return lines;
}

suite("simulate", () => {
  test("two runs of one seed, are the same to the event; another seed gives another run", async () => {
    const [one, again, other] = [await traceOf(7), await traceOf(7), await traceOf(8)];
    assert.ok(one.length > 100, `only ${one.length} events`);
    assert.deepEqual(again, one);
    assert.notDeepEqual(other, one);
  });

  test("one seed in two processes, is the same to the event", async () => {
    const program = fileURLToPath(new URL("support/print-trace.ts", import.meta.url));
    const print = () => promisify(execFile)(process.execPath, ["--import", "tsx", program, "7"]);
    const [one, other] = await Promise.all([print(), print()]);
    assert.match(one.stdout, /^\d{3,} lines, \d{3,} events, [0-9a-f]{64}, passed\n$/);
    assert.equal(other.stdout, one.stdout);
  }).timeout(30_000);

  test("time passes by itself while the scenario awaits, and costs none", async () => {
    const startedAt = performance.now();
    await simulate({ seed: 1 }, async (sim) => {
      await sim.advance(24 * 3_600_000);
      assert.equal(sim.now, 24 * 3_600_000);
    });
    assert.ok(performance.now() - startedAt < 5_000);
  });

  test("a run that fails, says which seed replays it and what happened; that seed fails again, in the first run", async () => {
    const fails: Scenario = async (sim) => {
      await chat(sim);
      sim.note(`drew ${sim.random()}`);
      assert.ok(sim.random() < 0.7, "planted");
    };
    const first = await simulate({ seed: 100, runs: 50 }, fails).catch((error: unknown) => error);
    assert.ok(first instanceof SimulationError);
    assert.match(first.message, /run \d+ of 50 failed: planted\nCLUSTERTS_SEED=\d+ replays it/);
    assert.ok(first.trace.some((line) => /1\.2\.1 calls 1\.1\.1 test\.Chat\/say #\d+$/.test(line)));
    assert.ok(first.trace.some((line) => / s {2}crash 1\.1\.1 reset$/.test(line)));
    const again = await simulate({ seed: first.seed, runs: 50 }, fails).catch((error: unknown) => error);
    assert.ok(again instanceof SimulationError);
    assert.match(again.message, /run 1 of 50 failed: planted/);
    assert.deepEqual(again.trace, first.trace);
  });

  test("a scenario that awaits what nothing will bring, fails and says so", async () => {
    const waits = simulate({ seed: 1 }, () => new Promise(() => {}));
    await assert.rejects(waits, /the scenario hangs: it awaits something, and nothing is left that could bring it/);
  });

  test("a scenario that awaits a call of a crashed node, fails and names the node", async () => {
    const waits = simulate({ seed: 1 }, async (sim) => {
      await sim.node("1.1.1", (node) => node.handle(say, () => new Promise<Text>(() => {})));
      const caller = await sim.node("1.2.1");
      const calls = Array.from({ length: 8 }, () => caller.invoke("1.1.1", say, { text: "" }));
      await sim.advance(100);
      sim.crash(caller);
      await Promise.all(calls);
    });
    await assert.rejects(waits, /the scenario hangs.*\d+ calls of 1\.2\.1 \(crashed: they never end\)/);
  });

  test("CLUSTERTS_SEED in the environment, replays that one run", async () => {
    const seeds: number[] = [];
    process.env.CLUSTERTS_SEED = "4711";
    try {
      await simulate({ runs: 50 }, async (sim) => void seeds.push(sim.seed));
    } finally {
      delete process.env.CLUSTERTS_SEED;
    }
    assert.deepEqual(seeds, [4711]);
  });

  test("a mailbox that refuses and a limit that lets requests wait, are no broken promises", async () => {
    await simulate({ seed: 1, runs: 5 }, async (sim) => {
      const slowly = async (request: Text): Promise<Text> => {
        await sim.advance(10);
        return request;
      };
      await sim.node("1.1.1", (node) => {
        node.handle(
          say,
          mailbox({ maxQueued: 1 }).serial(() => "one", slowly),
        );
        node.handle(think, slowly);
        node.limit(think.name, { maxConcurrent: 1, maxQueued: 10 });
        node.handle(greet, echo);
      });
      const caller = await sim.node("1.2.1");
      const call = (method: typeof say) => caller.invoke("1.1.1", method, { text: "" });
      const outcomes = await Promise.allSettled([say, say, say, think, think, think, greet].map(call));
      assert.deepEqual(
        outcomes.map((outcome) => (outcome.status === "fulfilled" ? "done" : (outcome.reason as RpcError).execution)),
        ["done", "done", "notRun", "done", "done", "done", "done"],
      );
    });
  });
});
