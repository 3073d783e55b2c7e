/**
 * Runs random histories of two cores until one fails: `run-histories.ts [--runs 2000] [--seed 1]`. Each has the seed after
 * that of the one before; CLUSTERTS_SEED runs that one only. Exits with 1 after the first that fails, with its seed.
 */
import { parseArgs } from "node:util";
import { runHistory } from "./history.js";

const { values } = parseArgs({ options: { runs: { type: "string", default: "2000" }, seed: { type: "string", default: "1" } } });
const only = process.env.CLUSTERTS_SEED;
const firstSeed = Number(only ?? values.seed);
const runs = only === undefined ? Number(values.runs) : 1;

const startedAt = performance.now();
let bytes = 0;
let datagrams = 0;
const failures = new Map<string, number>();
for (let run = 0; run < runs; run++) {
  const seed = (firstSeed + run) >>> 0;
  try {
    const result = runHistory(seed);
    bytes += result.bytes;
    datagrams += result.datagrams;
    for (const code of result.failures) failures.set(code, (failures.get(code) ?? 0) + 1);
  } catch (error) {
    say(`history ${run + 1} of ${runs} failed: ${(error as Error).message}`);
    say(`found by seed ${seed} after ${seconds()} s; CLUSTERTS_SEED=${seed} runs it again`);
    process.exit(1);
  }
}
const ended = [...failures].map(([code, count]) => `${count} ${code}`).join(", ");
say(
  `${runs} KCP histories, ${bytes} bytes in ${datagrams} datagrams, in ${seconds()} s; sides that ended with an error: ${ended || "none"}; nothing found`,
);

function seconds(): number {
  return Math.round((performance.now() - startedAt) / 100) / 10;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
