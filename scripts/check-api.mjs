/**
 * Makes the API reference from the declarations that are published, with typedoc: a link in a doc comment that leads nowhere
 * is an error. Usage: check-api.mjs [--out <folder>] (default: thrown away)
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ROOT, report, run } from "./support/run.mjs";

/** typedoc wants a TypeScript that is written in JavaScript; this package is built with another one. */
const TOOLS = ["typedoc@0.28.20", "typescript@5.9.3"];

const { values } = parseArgs({ options: { out: { type: "string" } } });
const work = mkdtempSync(join(tmpdir(), "clusterts-api-"));
try {
  await report("API reference", () => {
    writeFileSync(join(work, "package.json"), "{}");
    run("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", ...TOOLS], { cwd: work });
    const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    const entryPoints = Object.values(exports).flatMap((entry) => (entry.types === undefined ? [] : [join(ROOT, entry.types)]));
    if (!entryPoints.every((path) => existsSync(path))) throw new Error("not built: npm run build");
    const out = values.out === undefined ? join(work, "api") : resolve(values.out);
    mkdirSync(out, { recursive: true });
    const compilerOptions = {
      target: "es2022",
      module: "nodenext",
      lib: ["es2023", "esnext.disposable"],
      types: ["node"],
      skipLibCheck: true,
    };
    const typeRoots = [join(ROOT, "node_modules", "@types")];
    writeFileSync(join(work, "tsconfig.json"), JSON.stringify({ compilerOptions: { ...compilerOptions, typeRoots }, files: entryPoints }));
    const options = {
      name: "clusterts",
      entryPoints,
      out,
      tsconfig: join(work, "tsconfig.json"),
      readme: join(ROOT, "README.md"),
      excludeInternal: true,
      excludePrivate: true,
      excludeExternals: true, // what a stream has from Node.js is described there
      disableGit: true,
      sourceLinkTemplate: "{path}",
      validation: { invalidLink: true, notExported: false, notDocumented: false, invalidPath: false },
      treatValidationWarningsAsErrors: true,
    };
    writeFileSync(join(work, "typedoc.json"), JSON.stringify(options));
    run(join(work, "node_modules", ".bin", "typedoc"), ["--options", join(work, "typedoc.json")], { cwd: work });
    return `${readdirSync(out, { recursive: true }).filter((name) => name.endsWith(".html")).length} pages from ${entryPoints.length} entries`;
  });
} finally {
  rmSync(work, { recursive: true, force: true });
}
