import assert from "node:assert/strict";
import { PEERS } from "../contenders/index.mjs";
import { GATES, judge } from "../lib/gates.mjs";
import { planOf } from "../lib/plan.mjs";
import { scenarioNames } from "../scenarios/index.mjs";

const planFor = (scenario, ...names) => [{ scenario, names }];
const rounds = (...values) => values.map((value) => ({ value }));

suite("gates", () => {
  test("a figure exactly at the wanted share of the other's passes, one below it fails", () => {
    const plan = planFor("B64", "clusterts", "mini:whole");
    const at = judge(plan, { B64: { clusterts: rounds(80), "mini:whole": rounds(100) } });
    const below = judge(plan, { B64: { clusterts: rounds(79), "mini:whole": rounds(100) } });
    assert.deepEqual([at.length, at[0].verdict, below[0].verdict], [1, "PASS", "FAIL"]);
  });

  test("a second harbor, is held against one", () => {
    const plan = planFor("F64", "clusterts", "clusterts:harbors");
    const verdicts = [59, 60].map((value) =>
      judge(plan, { F64: { clusterts: rounds(100), "clusterts:harbors": rounds(value) } }).map(({ verdict }) => verdict),
    );
    assert.deepEqual(verdicts, [["FAIL"], ["PASS"]]);
  });

  test("a peer that is as fast, is not behind", () => {
    const [gate] = judge(planFor("C", "clusterts", "zeromq"), { C: { clusterts: rounds(10), zeromq: rounds(10) } });
    assert.equal(gate.verdict, "FAIL");
  });

  test("rounds are compared pair by pair, so a round that was slow for both does not decide", () => {
    const results = { B64: { clusterts: rounds(90, 90, 9), "mini:whole": rounds(100, 100, 10) } };
    const [gate] = judge(planFor("B64", "clusterts", "mini:whole"), results);
    assert.equal(gate.verdict, "PASS");
    assert.match(gate.line, /0\.90 \(0\.90–0\.90\)/);
  });

  test("an error in any round fails the gate and is named", () => {
    const results = { C: { clusterts: rounds(10, 10), nats: [{ value: 1 }, { error: "no broker\n at ..." }] } };
    const [gate] = judge(planFor("C", "clusterts", "nats"), results);
    assert.equal(gate.verdict, "FAIL");
    assert.match(gate.line, /nats gave no figure: no broker$/);
  });

  test("a scenario that the peer does not offer is skipped, one that clusterts does not offer fails", () => {
    const plan = planFor("D", "clusterts", "pomelo-rpc");
    const skip = [{ skip: true }];
    assert.equal(judge(plan, { D: { clusterts: rounds(10), "pomelo-rpc": skip } })[0].verdict, "SKIP");
    assert.equal(judge(plan, { D: { clusterts: skip, "pomelo-rpc": rounds(10) } })[0].verdict, "FAIL");
  });

  test("what the plan holds was not measured: it fails", () => {
    const [gate] = judge(planFor("A", "clusterts", "floor-raw"), {});
    assert.equal(gate.verdict, "FAIL");
  });

  test("a bound, holds for the median of the figure that it is for", () => {
    const runs = (clientBytes) => ({ E3: { clusterts: [{ value: 9, clientBytes }] } });
    const verdicts = (results) => judge(planFor("E3", "clusterts"), results).map(({ verdict }) => verdict);
    assert.deepEqual(verdicts(runs(3500)), ["PASS", "PASS"]);
    assert.deepEqual(verdicts(runs(3501)), ["PASS", "FAIL"]);
    assert.deepEqual(verdicts({ E3: { clusterts: [{ error: "no stream" }] } }), ["FAIL", "FAIL"]);
    assert.deepEqual(verdicts({}), ["FAIL", "FAIL"]);
  });

  test("the plan of a full run has both sides of every gate", () => {
    const plan = planOf({ contenders: {}, only: undefined, scenarios: scenarioNames(), floor: "floor-raw", gates: true });
    assert.equal(judge(plan, {}).length, GATES.length);
    assert.equal(GATES.length, 11 + 6 * PEERS.length);
  });
});
