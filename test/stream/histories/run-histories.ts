/**
 * Runs random histories of streams until one fails: `run-histories.ts [--runs 2000] [--seed 1]`. `CLUSTERTS_SEED` runs that
 * one. Exits with 1 after the first that fails.
 */
import { parseArgs } from "node:util";
import { runHistory } from "./history.js";

const { values } = parseArgs({ options: { runs: { type: "string", default: "2000" }, seed: { type: "string", default: "1" } } });
const only = process.env.CLUSTERTS_SEED;
const first = Number(only ?? values.seed);
const runs = only === undefined ? Number(values.runs) : 1;
const startedAt = performance.now();
const seconds = (): number => Math.round((performance.now() - startedAt) / 100) / 10;

for (let run = 0; run < runs; run++) {
  const seed = (first + run) >>> 0;
  try {
    await runHistory(seed);
  } catch (error) {
    process.stdout.write(`${(error as Error).message}\nfound by seed ${seed} after ${seconds()} s\n`);
    if (only !== undefined) process.stdout.write(`${((error as Error).cause as Error)?.stack}\n`);
    process.exit(1);
  }
}
process.stdout.write(`${runs} histories in ${seconds()} s; nothing found\n`);
