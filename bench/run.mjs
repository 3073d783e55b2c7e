#!/usr/bin/env node
/**
 * Measures contenders side by side: each scenario, in each round, for all contenders in random order, so that neighbours
 * in time are compared. `--help` tells the options, README.md what they are for.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { commandText, parseCommandLine, USAGE } from "./lib/command-line.mjs";
import { judge } from "./lib/gates.mjs";
import { describeMachine } from "./lib/machine.mjs";
import { writeSection } from "./lib/markdown.mjs";
import { measure } from "./lib/measure.mjs";
import { planOf } from "./lib/plan.mjs";
import { report } from "./lib/report.mjs";
import { figure, shuffle } from "./lib/stats.mjs";

const argv = process.argv.slice(2);
const print = (text) => process.stdout.write(`${text}\n`);
const progress = (text) => process.stderr.write(`${text}\n`);

const options = optionsOrExit();
if (options.help) print(USAGE);
else if (options.list) for (const [name, { optional }] of Object.entries(options.contenders)) print(optional ? `${name} (optional)` : name);
else await main();

async function main() {
  const { run, plan, results } = options.from === undefined ? await measureAll() : JSON.parse(readFileSync(options.from, "utf8"));
  const verdicts = options.gates ? judge(plan, results) : [];
  const gates = verdicts.map(({ line }) => line).join("\n");
  const tables = report(results, run.parameters.floor);

  print(tables);
  if (gates !== "") print(`\n${gates}`);
  if (options.markdown !== undefined) {
    writeSection(options.markdown, run, gates === "" ? tables : `\`\`\`\n${gates}\n\`\`\`\n\n${tables}`);
  }
  if (options.gates && (verdicts.length === 0 || verdicts.some(({ verdict }) => verdict === "FAIL"))) process.exitCode = 1;
}

async function measureAll() {
  for (const why of options.leftOut) progress(`left out ${why}`);
  const { rounds, seconds, warmup, floor, pin } = options;
  const run = { command: commandText(argv), machine: describeMachine(), parameters: { rounds, seconds, warmup, floor, pin } };
  const plan = planOf(options);
  const results = {};
  const began = performance.now();
  for (let round = 1; round <= rounds; round++) {
    for (const { scenario, names } of plan) {
      for (const name of shuffle(names)) {
        const result = await measure(name, options.contenders[name], scenario, options);
        results[scenario] ??= {};
        results[scenario][name] ??= [];
        results[scenario][name].push(result);
        const seconds = Math.round((performance.now() - began) / 1000);
        progress(`[${seconds}s] round ${round}/${rounds} ${scenario} ${name}: ${inShort(result)}`);
        if (options.json !== undefined) writeFileSync(options.json, JSON.stringify({ run, plan, results }, null, 1));
      }
    }
  }
  return { run, plan, results };
}

function inShort(result) {
  if (result.skip) return "skip";
  return result.error === undefined ? figure(result.value) : `ERROR ${result.error.split("\n")[0]}`;
}

function optionsOrExit() {
  try {
    return parseCommandLine(argv);
  } catch (error) {
    progress(error.message);
    process.exit(2);
  }
}
