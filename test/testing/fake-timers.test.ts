import assert from "node:assert/strict";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { promisify } from "node:util";
import { simulate } from "../../src/testing/simulate.js";
import { WALL_START_MS } from "../../src/testing/virtual-clock.js";
import { say, type Text } from "./support/text-method.js";

suite("fakeTimers", () => {
  test("the program's timers, dates and sleeps, are on virtual time", async () => {
    await simulate({ seed: 1, fakeTimers: true }, async (sim) => {
      const seen: string[] = [];
      setTimeout((word: string) => seen.push(`${word} ${performance.now()}`), 60_000, "minute");
      const interval = setInterval(() => seen.push(`interval ${sim.now}`), 25_000);
      clearTimeout(setTimeout(() => seen.push("cleared"), 10));
      const timer = setTimeout(() => seen.push(`refreshed ${sim.now}`), 1_000);
      setTimeout(() => timer.refresh(), 500);
      await sleep(70_000);
      clearInterval(interval);
      assert.deepEqual(seen, ["refreshed 1500", "interval 25000", "interval 50000", "minute 60000"]);
      assert.equal(Date.now(), WALL_START_MS + 70_000);
      assert.equal(new Date().toISOString(), "2024-01-01T00:01:10.000Z");
      assert.ok(new Date(0) instanceof Date && typeof Date() === "string");
      await promisify(setTimeout)(1_000);
      await turn();
      const signal = AbortSignal.timeout(4_000);
      await assert.rejects(sleep(60_000, undefined, { signal }), { name: "AbortError" });
      assert.deepEqual([sim.now, (signal.reason as Error).name], [75_000, "TimeoutError"]);
    });
  });

  test("one seed, the same chance for the program too", async () => {
    const drawn: number[] = [];
    for (let run = 0; run < 2; run++) await simulate({ seed: 5, fakeTimers: true }, async () => void drawn.push(Math.random()));
    assert.equal(drawn[0], drawn[1]);
  });

  test("the timers of a node's code, stand still with its process and end with it", async () => {
    await simulate({ seed: 1, fakeTimers: true }, async (sim) => {
      const beats: string[] = [];
      const beating = (name: string) => () => void setInterval(() => beats.push(`${name} ${sim.now}`), 1_000);
      const [a, b] = [await sim.node("1.1.1", beating("a")), await sim.node("1.1.2", beating("b"))];
      await sim.advance(1_500);
      beats.length = 0;
      sim.pause(a);
      sim.crash(b);
      await sim.advance(5_000);
      assert.deepEqual(beats, []);
      sim.resume(a);
      await sim.advance(10);
      assert.equal(beats.length, 1);
      assert.match(beats[0]!, /^a /);
    });
  });

  test("a handler's sleep, takes the time of its process", async () => {
    await simulate({ seed: 1, fakeTimers: true }, async (sim) => {
      const room = await sim.node("1.1.1", (node) =>
        node.handle(say, async (request: Text) => {
          await sleep(1_000);
          return request;
        }),
      );
      const caller = await sim.node("1.2.1");
      const call = caller.invoke("1.1.1", say, { text: "" });
      await sim.advance(500);
      sim.pause(room);
      await sim.advance(1_000);
      sim.resume(room);
      await call;
      assert.ok(sim.now > 1_500, `${sim.now}`);
    });
  });

  test("afterwards, also after a failure, everything is as it was", async () => {
    const before = [setTimeout, setImmediate, Date, performance.now, Math.random, AbortSignal.timeout, sleep];
    const failing = simulate({ seed: 1, fakeTimers: true }, async () => {
      assert.notEqual(setTimeout, before[0]);
      assert.fail("planted");
    });
    await assert.rejects(failing, /planted/);
    assert.deepEqual([setTimeout, setImmediate, Date, performance.now, Math.random, AbortSignal.timeout, sleep], before);
  });

  test("two simulations at once, the second is refused: there is one set of timers", async () => {
    const first = simulate({ seed: 1, fakeTimers: true }, (sim) => sim.advance(10));
    await assert.rejects(
      simulate({ seed: 1, fakeTimers: true }, async () => {}),
      /another simulation of this process has the timers/,
    );
    await first;
  });
});
