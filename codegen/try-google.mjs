/**
 * Generates from Google's public API definitions, a few hundred files that nobody wrote with us in mind, and checks the output with the
 * strictest compiler settings: `node codegen/try-google.mjs [folder of an installed google-proto-files]`. Without the folder, the npm
 * package is installed into a temporary one. Prints files and seconds; exit code 1 when anything is wrong.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const ROOT = resolve(import.meta.dirname, "..");
const APIS = ["api", "rpc", "type", "longrunning", "iam", "pubsub", "firestore", "spanner", "bigtable"];
const LONG_TYPES = ["bigint", "string", "number"];

const folder = mkdtempSync(join(tmpdir(), "clusterts-google-"));
try {
  writeFileSync(join(folder, "package.json"), '{ "type": "module", "private": true }');
  const protos = process.argv[2] ? resolve(process.argv[2]) : install(folder);
  for (const long of LONG_TYPES) {
    const out = join(folder, long);
    const generating = seconds(() => generate(protos, out, long));
    const files = readdirSync(out, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
    const bytes = files.reduce((sum, name) => sum + statSync(join(out, name)).size, 0);
    const checking = seconds(() => typeCheck(out));
    const size = `${files.length} files, ${(bytes / 1e6).toFixed(1)} MB`;
    process.stdout.write(`--long ${long}: ${size}, generated in ${generating} s, type-checked in ${checking} s\n`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** @param {string} into */
function install(into) {
  // a shell, as npm is a .cmd on Windows; no argument comes from outside
  execFileSync("npm install --no-audit --no-fund --silent google-proto-files@6", { cwd: into, shell: true, stdio: "inherit" });
  return join(into, "node_modules/google-proto-files");
}

/** @param {string} protos @param {string} out @param {string} long */
function generate(protos, out, long) {
  const tsx = pathToFileURL(join(ROOT, "node_modules/tsx/dist/esm/index.mjs")).href;
  const folders = APIS.map((api) => join(protos, "google", api));
  const args = ["--import", tsx, join(ROOT, "src/cli/main.ts"), "gen", ...folders, "--import", protos, "--out", out, "--long", long];
  const path = join(ROOT, "node_modules/.bin") + delimiter + process.env.PATH;
  run(args, { ...process.env, PATH: path });
}

/** @param {string} out */
function typeCheck(out) {
  const config = join(out, "tsconfig.json");
  const paths = { "clusterts/rpc": [join(ROOT, "src/rpc/index.ts")] };
  writeFileSync(
    config,
    JSON.stringify({ extends: join(ROOT, "codegen/golden/tsconfig.json"), compilerOptions: { paths }, include: ["**/*.ts"] }),
  );
  run([join(ROOT, "node_modules/typescript/bin/tsc"), "-p", config], process.env);
}

/** @param {string[]} args @param {NodeJS.ProcessEnv} env */
function run(args, env) {
  const { status } = spawnSync(process.execPath, args, { cwd: folder, env, stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) process.exit(1);
}

/** @param {() => void} work */
function seconds(work) {
  const start = performance.now();
  work();
  return ((performance.now() - start) / 1000).toFixed(1);
}
