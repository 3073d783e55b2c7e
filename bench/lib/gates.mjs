/** The figures that clusterts has to reach, and the verdict on each of them. */
import { PEERS } from "../contenders/index.mjs";
import { pairedRatios, values } from "./report.mjs";
import { figure, median, range } from "./stats.mjs";

const SUBJECT = "clusterts";

/** `atLeast`: of the other's figure in the same round, median over the rounds. */
const AGAINST_FLOORS = [
  { scenario: "A", other: "floor-raw", atLeast: 0.85 },
  { scenario: "B64", other: "mini:whole", atLeast: 0.8 },
  { scenario: "B512", other: "mini:whole", atLeast: 0.8 },
  { scenario: "F64", other: "mini:whole", atLeast: 0.8 },
];

/** Streams, by sockets of their own in the place of each: opening one, and data. */
const STREAMS = [
  { scenario: "E1", other: "floor-raw", atLeast: 10 },
  { scenario: "E2", other: "floor-raw", atLeast: 0.75 },
  { scenario: "E2x100", other: "floor-raw", atLeast: 0.75 },
];

/** Bounds of the figure itself: how many times longer calls take beside a stream at full rate, and bytes per idle stream at either end. */
const BOUNDS = [
  { scenario: "E2calls", key: "value", atMost: 2, unit: "times" },
  { scenario: "E3", key: "value", atMost: 3500, unit: "bytes at the server" },
  { scenario: "E3", key: "clientBytes", atMost: 3500, unit: "bytes at the client" },
];

/** A second harbor on the way, by what is reached with one. */
const TWO_HARBORS = { subject: "clusterts:harbors", scenario: "F64", other: "clusterts", atLeast: 0.6 };

/** Ahead of every peer wherever users would compare. */
const AGAINST_PEERS = ["A", "B64", "B512", "C", "D", "F64"].flatMap((scenario) => PEERS.map((other) => ({ scenario, other, above: 1 })));

export const GATES = [...AGAINST_FLOORS, TWO_HARBORS, ...STREAMS, ...BOUNDS, ...AGAINST_PEERS];
export const gatedScenarios = [...new Set(GATES.map(({ scenario }) => scenario))];

export function gateContenders(scenario) {
  const gates = GATES.filter((gate) => gate.scenario === scenario);
  return [...new Set([SUBJECT, ...gates.flatMap(({ subject = SUBJECT, other = subject }) => [subject, other])])];
}

/**
 * One `{ verdict, line }` per gate of `plan`: `PASS`, `FAIL`, or `SKIP` when the other contender does not offer the
 * scenario. What could not be measured has not been reached: `FAIL`.
 */
export function judge(plan, results) {
  return GATES.flatMap((gate) => {
    const names = plan.find(({ scenario }) => scenario === gate.scenario)?.names ?? [];
    const { subject = SUBJECT, other = subject } = gate;
    if (!names.includes(subject) || !names.includes(other)) return [];
    return [gate.atMost === undefined ? verdictOn(gate, results[gate.scenario]) : verdictOnBound(gate, results[gate.scenario])];
  });
}

function verdictOn(gate, byContender) {
  const { subject = SUBJECT } = gate;
  const wanted = gate.atLeast === undefined ? `ahead of ${gate.other}` : `>= ${gate.atLeast} x ${gate.other}`;
  const say = (verdict, why) => ({ verdict, line: `${verdict}  ${gate.scenario.padEnd(4)} ${subject} ${wanted}: ${why}` });

  const other = byContender?.[gate.other] ?? [];
  if (other.length > 0 && other.every((result) => result.skip)) return say("SKIP", `${gate.other} does not offer it`);
  for (const name of [subject, gate.other]) {
    const runs = byContender?.[name] ?? [];
    const broken = runs.find((result) => !Number.isFinite(result.value));
    if (broken !== undefined) return say("FAIL", `${name} gave no figure: ${firstLine(broken.error ?? "it does not offer the scenario")}`);
    if (runs.length === 0) return say("FAIL", `${name} was not measured`);
  }

  const ratios = pairedRatios(byContender, subject, gate.other);
  const ratio = median(ratios);
  const reached = gate.atLeast === undefined ? ratio > gate.above : ratio >= gate.atLeast;
  const of = (name) => `${figure(median(values(byContender[name])))} (${range(values(byContender[name])) || "one round"})`;
  return say(
    reached ? "PASS" : "FAIL",
    `${figure(ratio)}${ratios.length > 1 ? ` (${range(ratios)})` : ""}, ${of(subject)} against ${of(gate.other)}`,
  );
}

function verdictOnBound({ scenario, key, atMost, unit }, byContender) {
  const runs = byContender?.[SUBJECT] ?? [];
  const broken = runs.find((result) => !Number.isFinite(result[key]));
  const say = (verdict, why) => ({ verdict, line: `${verdict}  ${scenario.padEnd(4)} ${SUBJECT} <= ${atMost} ${unit}: ${why}` });
  if (runs.length === 0) return say("FAIL", "it was not measured");
  if (broken !== undefined) return say("FAIL", `no figure: ${firstLine(broken.error ?? "it does not offer the scenario")}`);
  const measured = runs.map((result) => result[key]);
  return say(median(measured) <= atMost ? "PASS" : "FAIL", `${figure(median(measured))} (${range(measured)})`);
}

function firstLine(text) {
  return text.split("\n")[0];
}
