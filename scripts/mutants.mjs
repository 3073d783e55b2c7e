/**
 * Shows that the random histories find what they are for: plants one defect at a time into a copy of the sources and runs
 * histories until they fail: of one group, or those that the defect asks for. Usage: mutants.mjs [--runs 2000] [--seed 1] [name ...]
 */
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "./support/run.mjs";

/** Where mutants lie, and the histories that are to find them. */
const KINDS = [
  { mutants: join("test", "fault", "mutants"), histories: join("test", "fault", "run-histories.ts") },
  { mutants: join("test", "stream", "mutants"), histories: join("test", "stream", "histories", "run-histories.ts") },
  { mutants: join("test", "kcp", "mutants"), histories: join("test", "kcp", "run-histories.ts") },
];
const COPIED = ["package.json", "tsconfig.json", "src", join("test", "fault"), join("test", "stream"), join("test", "kcp")];
const MAX_MS = 300_000;

const { values, positionals } = parseArgs({
  options: { runs: { type: "string", default: "2000" }, seed: { type: "string", default: "1" } },
  allowPositionals: true,
});
const all = KINDS.flatMap(({ mutants, histories }) => {
  const files = readdirSync(join(ROOT, mutants)).filter((file) => file.endsWith(".json"));
  return files.map((file) => ({ name: basename(file, ".json"), path: join(ROOT, mutants, file), histories }));
});
const wanted = positionals.length === 0 ? all : all.filter(({ name }) => positionals.includes(name));
if (wanted.length < Math.max(1, positionals.length)) throw new Error(`no such mutant; there are ${all.map(({ name }) => name).join(", ")}`);

let survivors = 0;
const queue = [...wanted];
// Histories know no time but their own: several at once find the same.
await Promise.all(Array.from({ length: availableParallelism() }, work));
process.exitCode = survivors === 0 ? 0 : 1;

async function work() {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) await tryOne(next);
}

async function tryOne({ name, path, histories }) {
  const startedAt = performance.now();
  const found = await run(JSON.parse(readFileSync(path, "utf8")), histories);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  if (found === undefined) survivors++;
  console.log(
    found === undefined
      ? `FAIL  ${name}: not found in ${values.runs} histories (${seconds} s)`
      : `ok    ${name}: seed ${found.seed}, ${seconds} s: ${found.what}`,
  );
}

/** Plants the mutant and runs; what the first failing history says, `undefined` when none fails. */
async function run({ edits, flags = [] }, histories) {
  const copy = mkdtempSync(join(tmpdir(), "clusterts-mutant-"));
  try {
    for (const path of COPIED) cpSync(join(ROOT, path), join(copy, path), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
    for (const edit of edits) plant(copy, edit);
    const { status, stdout, stderr } = await outcomeOf(
      process.execPath,
      ["--import", "tsx", histories, "--runs", values.runs, "--seed", values.seed, ...flags],
      { cwd: copy, encoding: "utf8", timeout: MAX_MS, maxBuffer: 64 * 1024 ** 2 },
    );
    if (status === 0) return undefined;
    const seed = /found by seed (\d+)/.exec(stdout)?.[1];
    const what = /failed: (.*)/.exec(stdout)?.[1];
    if (seed !== undefined) return { seed, what: what.length > 140 ? `${what.slice(0, 140)}...` : what };
    throw new Error(`the histories did not run:\n${stderr.slice(-2_000)}`);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

function outcomeOf(program, args, options) {
  return new Promise((resolve) => {
    execFile(program, args, options, (error, stdout, stderr) => resolve({ status: error === null ? 0 : error.code, stdout, stderr }));
  });
}

/** A mutant that fits its source no longer is a fault of this folder, not a survivor. */
function plant(copy, { file, search, replace }) {
  const path = join(copy, file);
  const source = readFileSync(path, "utf8");
  const parts = source.split(search);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} places like this, not one:\n${search}`);
  writeFileSync(path, parts.join(replace));
}
