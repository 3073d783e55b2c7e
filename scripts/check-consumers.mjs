/**
 * Installs the packed tarball into empty projects such as users have, type-checks small programs there with two versions
 * of TypeScript, and runs them. Usage: check-consumers.mjs [--work <folder to keep and use again>] [name...]
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { processCommands, writeReadmeProject } from "./support/readme.mjs";
import { ROOT, report, run } from "./support/run.mjs";

const NODE_TYPES = ["@types/node@20"];
const GENERATOR = ["@bufbuild/buf", "@bufbuild/protobuf", "ts-proto"];
const NODENEXT = { module: "nodenext" };
const NODENEXT_NODE = { module: "nodenext", types: ["node"] };

/**
 * Who uses this package. `files`: folders of test/consumers/ to start from; `install`: what the project has besides
 * clusterts; `options`: compiler options beyond {@link STRICT}. Where they name no `lib` there is the DOM.
 */
const CONSUMERS = {
  nodenext: { files: ["calls"], install: NODE_TYPES, options: NODENEXT_NODE },
  bundler: { files: ["calls"], options: { module: "esnext", moduleResolution: "bundler" }, bundle: true },
  commonjs: { files: ["calls", "commonjs"], type: "commonjs", install: NODE_TYPES, options: NODENEXT_NODE },
  pnpm: { files: ["calls"], manager: "pnpm", options: NODENEXT },
  "pnpm-es2022": { files: ["calls"], manager: "pnpm", options: { ...NODENEXT, lib: ["es2022"] } },
  "pnpm-es2022-node": { files: ["calls"], manager: "pnpm", install: NODE_TYPES, options: { ...NODENEXT_NODE, lib: ["es2022"] } },
  git: { files: ["calls"], options: NODENEXT, package: `git+file://${ROOT}` },
  generated: { files: ["generated"], manager: "pnpm", install: GENERATOR, options: NODENEXT },
  readme: { files: [], readme: true, install: [...NODE_TYPES, ...GENERATOR, "tsx"], options: NODENEXT_NODE },
};

const STRICT = {
  target: "es2022",
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  rootDir: ".",
};

/** What the checks need and users bring along, in versions that run on Node.js 20. */
const TOOLS = ["esbuild@0.28.2", "pnpm@10.34.9", "typescript@5.9.3"];

const { values, positionals } = parseArgs({ allowPositionals: true, options: { work: { type: "string" } } });
const names = positionals.length > 0 ? positionals : Object.keys(CONSUMERS);
await checkAll();

async function checkAll() {
  const work = resolve(values.work ?? mkdtempSync(join(tmpdir(), "clusterts-consumers-")));
  try {
    const tools = installTools(join(work, "tools"));
    const tarball = pack(join(work, "package"));
    for (const name of names) await report(`consumer ${name}`, () => check(CONSUMERS[name], join(work, name), tarball, tools));
  } finally {
    if (values.work === undefined) rmSync(work, { recursive: true });
  }
}

function installTools(folder) {
  const bin = join(folder, "node_modules", ".bin");
  if (!existsSync(bin)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), "{}");
    run("npm", ["install", "--no-audit", "--no-fund", ...TOOLS], { cwd: folder });
  }
  const compilers = [join(bin, "tsc"), join(ROOT, "node_modules", ".bin", "tsc")];
  return { pnpm: join(bin, "pnpm"), pnpmStore: join(folder, "pnpm-store"), esbuild: join(bin, "esbuild"), compilers };
}

function pack(folder) {
  if (!existsSync(folder)) {
    mkdirSync(folder, { recursive: true });
    run("npm", ["pack", "--pack-destination", folder]);
  }
  return join(
    folder,
    readdirSync(folder).find((file) => file.endsWith(".tgz")),
  );
}

function check(consumer, project, tarball, tools) {
  rmSync(project, { recursive: true, force: true });
  mkdirSync(project, { recursive: true });
  for (const folder of consumer.files) cpSync(join(ROOT, "test", "consumers", folder), project, { recursive: true });
  if (consumer.readme && !writeReadmeProject(join(ROOT, "README.md"), project)) return "README.md has no program yet";
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "consumer", private: true, type: consumer.type ?? "module" }));
  install(consumer, project, tarball, tools);
  if (existsSync(join(project, "proto"))) run("npx", ["--no", "clusterts", "gen", "proto", "--out", "gen"], { cwd: project });
  // Those of the README that are processes are run by its commands.
  const programs = readdirSync(project).filter((file) => (consumer.readme ? file === "program.ts" : file.endsWith(".ts")));
  for (const [index, compiler] of tools.compilers.entries()) {
    const out = join(project, `out${index}`);
    compile(compiler, project, out, consumer.options);
    for (const program of programs) runProgram(project, join(out, program.replace(/\.ts$/, ".js")), consumer, tools);
  }
  if (consumer.readme) runProcesses(project);
  run(process.execPath, [join(ROOT, "scripts", "support", "load-entries.mjs")], { cwd: project });
}

function runProcesses(project) {
  // A session of its own, so that all of it ends with the script: npx does not end what it has started.
  const script = `trap 'status=$?; trap "" TERM; kill 0; wait; exit $status' EXIT\nset -e\n${processCommands(join(ROOT, "README.md"))}`;
  const output = run("setsid", ["--wait", "bash", "-c", script], { cwd: project, timeoutMs: 120_000 });
  if (!/^hello$/m.test(output) || !/^1\.1\.1 .*registered/m.test(output)) throw new Error(`the README's processes said:\n${output}`);
}

function install({ manager, install = [], package: specifier }, project, tarball, { pnpm, pnpmStore }) {
  const wanted = [specifier ?? tarball, ...install];
  if (manager === "pnpm") run(pnpm, ["add", "--store-dir", pnpmStore, ...wanted], { cwd: project });
  else run("npm", ["install", "--no-audit", "--no-fund", ...wanted], { cwd: project });
}

function compile(compiler, project, outDir, options) {
  const config = { compilerOptions: { ...STRICT, ...options, outDir }, include: ["*.ts", "gen"] };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify(config, null, 2));
  run(compiler, ["-p", project], { cwd: project });
}

/** A program ends by itself; one that exports `done` has to settle it too. */
function runProgram(project, file, { bundle }, { esbuild }) {
  if (bundle) {
    const bundled = file.replace(/\.js$/, ".bundle.mjs");
    run(esbuild, [file, "--bundle", "--platform=node", "--format=esm", `--outfile=${bundled}`], { cwd: project });
    runProgram(project, bundled, { bundle: false }, { esbuild });
    writeFileSync(join(project, "browser.js"), 'export * from "clusterts/rpc";\n');
    run(esbuild, ["browser.js", "--bundle", "--platform=browser", "--format=esm", "--outfile=browser.bundle.js"], { cwd: project });
    return;
  }
  const code = `const { done, default: cjs } = await import(${JSON.stringify(`./${basename(join(file, ".."))}/${basename(file)}`)}); await (done ?? cjs?.done);`;
  run(process.execPath, ["--input-type=module", "-e", code], { cwd: project, timeoutMs: 60_000 });
}
