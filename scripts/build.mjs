/**
 * `dist/`: declarations as tsc writes them, file for file; programs as one module per entry of package.json and what entries
 * share. Fewer modules start faster and take less memory than the 250 files they are written in (docs/decisions/0014).
 * Neither names nor lines are squeezed: stack traces and steps of a debugger read as the source does.
 */
import { chmodSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { ROOT, run } from "./support/run.mjs";

const { exports: entries, bin } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
const programs = Object.values(bin);
const modules = Object.values(entries).flatMap((entry) => (typeof entry === "string" ? [] : [`./${join(entry.default)}`]));
const sources = [...modules, ...programs].map((file) => join(ROOT, file.replace(/^(\.\/)?dist\//, "").replace(/\.js$/, ".ts")));

rmSync(join(ROOT, "dist"), { recursive: true, force: true });
run(join(ROOT, "node_modules", ".bin", "tsc"), ["-p", "tsconfig.build.json"]);
await build({
  absWorkingDir: ROOT,
  entryPoints: sources,
  outbase: ROOT,
  outdir: join(ROOT, "dist"),
  chunkNames: "shared/[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "es2022",
  packages: "external",
  logLevel: "warning",
});
// npm does the same where it installs them; here for this checkout.
for (const program of programs) chmodSync(join(ROOT, program), 0o755);
