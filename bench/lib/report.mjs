/** Tables of results. `results[scenario][contender]` is a list with one result per round. */
import { SCENARIOS } from "../scenarios/index.mjs";
import { figure, median, range, table } from "./stats.mjs";

/** Columns beyond the headline, for scenarios that report them. */
const COLUMNS = [
  ["p50us", "p50 µs"],
  ["p99us", "p99 µs"],
  ["cpu100k", "CPU s/100k (all)"],
  ["cpuClient100k", "client"],
  ["cpuServer100k", "server"],
  ["cpuPerGB", "CPU s/GB"],
  ["clientBytes", "client bytes/stream"],
  ["openMs", "open ms"],
];

/** The headline figures of the rounds that gave one. */
export function values(runs = []) {
  return runs.map(({ value }) => value).filter(Number.isFinite);
}

/** Ratios within the same round: noise that slows a whole round cancels out. */
export function pairedRatios(byContender, name, other) {
  const others = byContender[other] ?? [];
  return byContender[name].map((run, round) => run.value / others[round]?.value).filter(Number.isFinite);
}

/** One table per scenario, best first: median, median ratio to `floor`, lowest and highest, and what else was measured. */
export function report(results, floor) {
  return Object.keys(results)
    .flatMap((scenario) => scenarioTable(scenario, results[scenario], floor))
    .join("\n\n");
}

function scenarioTable(name, byContender, floor) {
  const scenario = SCENARIOS[name];
  const runs = Object.values(byContender).flat();
  const columns = COLUMNS.filter(([key]) => runs.some((run) => key in run));
  const rows = [];
  for (const [contender, rounds] of Object.entries(byContender)) {
    const measured = values(rounds);
    if (measured.length > 0) {
      const cells = columns.map(([key]) => figure(median(rounds.map((run) => run[key]))));
      const ratio = figure(median(pairedRatios(byContender, contender, floor)));
      rows.push({ value: median(measured), cells: [contender, figure(median(measured)), ratio, range(measured), ...cells] });
      continue;
    }
    const failed = rounds.find((run) => run.error !== undefined);
    if (failed === undefined) continue; // it does not offer this
    const why = failed.error.split("\n")[0].slice(0, 120).replaceAll("|", "\\|");
    rows.push({ value: scenario.down ? Infinity : -Infinity, cells: [contender, "error", "", why, ...columns.map(() => "")] });
  }
  if (rows.length === 0) return [];
  rows.sort((a, b) => (scenario.down ? a.value - b.value : b.value - a.value));
  const head = ["contender", scenario.metric, `× ${floor}`, "min–max", ...columns.map(([, title]) => title)];
  return [
    `### ${scenario.title}\n\n${table(
      head,
      rows.map(({ cells }) => cells),
    )}`,
  ];
}
