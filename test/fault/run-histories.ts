/**
 * Runs random histories until one fails: `run-histories.ts [--runs 2000 | --minutes 30] [--seed 1] [--harbors]`.
 * `--harbors`: two groups with two harbors each.
 * Each has the seed after that of the one before. Exits with 1 after the first that fails, with its seed and trace.
 */
import { parseArgs } from "node:util";
import { Simulation } from "../../src/testing/sim.js";
import { runOnce, SimulationError } from "../../src/testing/simulate.js";
import { history, historyOfGroups } from "./history.js";

const PROGRESS_MS = 60_000;

const { values } = parseArgs({
  options: {
    runs: { type: "string" },
    minutes: { type: "string" },
    seed: { type: "string", default: "1" },
    harbors: { type: "boolean", default: false },
  },
});
const firstSeed = numberOf(process.env.CLUSTERTS_SEED ?? values.seed, "seed");
const minutes = values.minutes === undefined ? undefined : numberOf(values.minutes, "minutes");
const runs = process.env.CLUSTERTS_SEED !== undefined ? 1 : numberOf(values.runs ?? (minutes === undefined ? "2000" : "Infinity"), "runs");

const startedAt = performance.now();
const endsAt = minutes === undefined ? Number.POSITIVE_INFINITY : startedAt + minutes * 60_000;
let run = 0;
let events = 0;
let calls = 0;
let saidAt = startedAt;
for (; run < runs && performance.now() < endsAt; run++) {
  const seed = (firstSeed + run) >>> 0;
  const simulation = new Simulation(seed);
  const error = await runOnce(simulation, values.harbors ? historyOfGroups : history);
  events += simulation.clock.events;
  calls += simulation.ledger.size;
  if (error !== undefined) {
    say(new SimulationError(seed, run, runs, error, simulation.trace.last()).message);
    say(`found by seed ${seed} after ${secondsSince(startedAt)} s`);
    process.exit(1);
  }
  if (performance.now() - saidAt > PROGRESS_MS) {
    saidAt = performance.now();
    say(summary());
  }
}
say(summary());

function summary(): string {
  const seconds = secondsSince(startedAt);
  const perSecond = (count: number): number => Math.round(count / seconds);
  return `${run} histories, ${calls} calls, ${events} events in ${seconds} s: ${perSecond(run)} histories and ${perSecond(events)} events a second; nothing found`;
}

function secondsSince(at: number): number {
  return Math.round((performance.now() - at) / 100) / 10;
}

function numberOf(text: string, name: string): number {
  const value = Number(text);
  if (!(value > 0) && text !== "0") throw new RangeError(`--${name} is a number, got ${text}`);
  return value;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
