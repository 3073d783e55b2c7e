/**
 * Who imports whom: no cycles at run time, each part only what lies below it, and nothing of Node.js in what browsers load.
 * Usage: check-imports.mjs [folder of the package]
 *
 * Imports of types count for parts, not for cycles.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { importsIn } from "./support/imports.mjs";

const BASE = ["addr", "errors", "events", "internal", "protobuf"];
const MIDDLE = [...BASE, "wire", "transport"];
const PARTS = ["rpc", "link", "discovery", "stream", "harbor"];

/**
 * What each folder of src/ (or file directly in it) may import besides itself; those that are not named are the top and may import all.
 * The discovery server is a program on nodes and links: it stands above node/, and of discovery/ only the entry, which nothing imports, knows it.
 */
const MAY_IMPORT = {
  ...Object.fromEntries(BASE.map((part) => [part, BASE])),
  wire: BASE,
  transport: BASE,
  kcp: BASE,
  ...Object.fromEntries(PARTS.map((part) => [part, MIDDLE])),
  gen: [], // generated from proto/: imports this package by its name, as all generated code
  node: [...MIDDLE, ...PARTS, "gen"],
  gateway: [...BASE, "kcp", "rpc", "node"],
  "discovery/server": [...MIDDLE, ...PARTS, "gen", "node"],
  "discovery/index": [...MIDDLE, "discovery", "discovery/server"],
};

/** Entries that browsers load. */
const BROWSER_ENTRIES = ["src/rpc/index.ts"];

/** Only the generator may import these: who does not generate does not install them. */
const GENERATOR_ONLY = /^(@bufbuild\/|ts-proto(\/|$))/;

const root = resolve(process.argv[2] ?? join(import.meta.dirname, ".."));
const files = ["src", "codegen"].filter((folder) => existsSync(join(root, folder))).flatMap(sources);
const imports = new Map(files.map((file) => [file, importsOf(file)]));
const faults = [...files.flatMap(partFaults), ...cycleFaults(), ...BROWSER_ENTRIES.flatMap(browserFaults)];
for (const fault of faults) console.error(fault);
console.log(`${files.length} files, ${faults.length} faults in who imports whom`);
process.exitCode = faults.length === 0 ? 0 : 1;

function sources(folder) {
  const names = readdirSync(join(root, folder), { recursive: true }).filter((name) => name.endsWith(".ts"));
  return names.map((name) => join(folder, name)).filter((file) => !file.startsWith(join("codegen", "golden")));
}

function importsOf(file) {
  return importsIn(readFileSync(join(root, file), "utf8")).map(({ specifier, isType, isLazy }) => {
    const isRelative = specifier.startsWith(".");
    const path = isRelative ? relative(root, resolve(root, dirname(file), specifier.replace(/\.js$/, ".ts"))) : specifier;
    return { path, isRelative, atRunTime: !isType, isLazy };
  });
}

/** `src/link/link.ts` is of `link`, `src/errors.ts` of `errors`, what lies in codegen/ of `codegen`. */
function partOf(file) {
  const [top, second, third] = file.split(/[\\/]/);
  const nested = `${second}/${third?.replace(/\.ts$/, "")}`;
  if (top === "src" && nested in MAY_IMPORT) return nested;
  return top === "src" ? second.replace(/\.ts$/, "") : top;
}

function partFaults(file) {
  const from = partOf(file);
  return imports.get(file).flatMap(({ path, isRelative }) => {
    if (!isRelative) return file.startsWith("src") && GENERATOR_ONLY.test(path) ? [`${file}: ${path} is for the generator only`] : [];
    const to = partOf(path);
    if (to === "testing" && from !== "testing")
      return [`${file}: testing is for users' tests, nothing of the library imports it (${path})`];
    return from === to || (MAY_IMPORT[from]?.includes(to) ?? true) ? [] : [`${file}: ${from} must not import ${to} (${path})`];
  });
}

/** Depth first; a file that is met again while it is being visited closes a cycle. Lazy imports break cycles. */
function cycleFaults() {
  const found = [];
  const visited = new Set();
  const visit = (file, path) => {
    const start = path.indexOf(file);
    if (start >= 0) found.push(`cycle: ${[...path.slice(start), file].join(" -> ")}`);
    if (start >= 0 || visited.has(file)) return;
    visited.add(file);
    for (const { path: next, atRunTime, isLazy } of imports.get(file) ?? []) if (atRunTime && !isLazy) visit(next, [...path, file]);
  };
  for (const file of files) visit(file, []);
  return found;
}

function browserFaults(entry) {
  if (!imports.has(entry)) return [`${entry} is not there: name the entries that browsers load in this script`];
  const found = [];
  const seen = new Set();
  const visit = (file, path) => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const { path: next, isRelative, atRunTime } of imports.get(file) ?? []) {
      if (!atRunTime) continue;
      if (isRelative) visit(next, [...path, next]);
      else if (isBuiltin(next)) found.push(`${path.join(" -> ")} imports ${next}, which browsers do not have`);
    }
  };
  visit(entry, [entry]);
  return found;
}
