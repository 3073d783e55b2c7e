/** What users would get from the registry: the right files, entries that resolve for everybody, no dependency that is not declared. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { importsIn } from "./support/imports.mjs";
import { ROOT, report, run } from "./support/run.mjs";

/** No source maps: the programs are the sources without types and comments, line for line, and read as well. */
const SHIPPED = [
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/,
  /^dist\/(src|codegen|shared)\/[\w./-]+\.(js|d\.ts)$/,
  /^proto\/[\w./-]+\.proto$/,
  /^docs\/((guides|decisions)\/)?[\w-]+\.md$/,
  /^examples\/[\w./-]+\.(ts|proto|json|html|sh)$/, // the guides lead there
];
const REQUIRED = ["README.md", "LICENSE", "CHANGELOG.md"];
const MAX_PACKED_BYTES = 1_000_000;

const folder = mkdtempSync(join(tmpdir(), "clusterts-package-"));
try {
  run("npm", ["pack", "--pack-destination", folder]);
  const tarball = join(folder, readdirSync(folder)[0]);
  run("tar", ["-xzf", tarball, "-C", folder]);
  const root = join(folder, "package");
  const bin = (name) => join(ROOT, "node_modules", ".bin", name);
  await report("package files", () => checkFiles(root, statSync(tarball).size));
  await report("package dependencies", () => checkDependencies(root));
  await report("publint", () => void run(bin("publint"), ["--strict", tarball]));
  // CommonJS gets this ESM through require(), which Node.js has from 20.19 on: no fault.
  await report(
    "are the types wrong",
    () => void run(bin("attw"), [tarball, "--profile", "node16", "--ignore-rules", "cjs-resolves-to-esm"]),
  );
} finally {
  rmSync(folder, { recursive: true });
}

function filesOf(root) {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1));
}

function checkFiles(root, packedBytes) {
  const files = filesOf(root);
  const faults = [
    ...files.filter((file) => !SHIPPED.some((pattern) => pattern.test(file))).map((file) => `${file} does not belong into the package`),
    ...REQUIRED.filter((file) => !files.includes(file)).map((file) => `${file} is missing`),
    ...Object.values(manifestOf(root).bin).flatMap((file) => binFaults(root, file, files)),
  ];
  if (packedBytes > MAX_PACKED_BYTES)
    faults.push(`${packedBytes} bytes packed, more than ${MAX_PACKED_BYTES}: is something in it by mistake?`);
  if (faults.length > 0) throw new Error(faults.join("\n"));
  const unpackedBytes = files.reduce((sum, file) => sum + statSync(join(root, file)).size, 0);
  return `${files.length} files, ${Math.round(packedBytes / 1000)} kB packed, ${Math.round(unpackedBytes / 1000)} kB unpacked`;
}

function binFaults(root, file, files) {
  if (!files.includes(file)) return [`${file} is in "bin" and missing`];
  return readFileSync(join(root, file), "utf8").startsWith("#!/usr/bin/env node\n") ? [] : [`${file} has no #!/usr/bin/env node`];
}

/** Each package that is imported is declared, and each that is installed with this one is imported. */
function checkDependencies(root) {
  const { dependencies, peerDependencies } = manifestOf(root);
  const scripts = filesOf(root).filter((file) => file.endsWith(".js") || file.endsWith(".d.ts"));
  const imported = new Set(scripts.flatMap((file) => packagesIn(readFileSync(join(root, file), "utf8"))));
  const faults = [
    ...[...imported]
      .filter((name) => !(name in dependencies) && !(name in peerDependencies))
      .map((name) => `${name} is imported, not declared`),
    ...Object.keys(dependencies)
      .filter((name) => !imported.has(name))
      .map((name) => `${name} is declared, never imported`),
  ];
  if (faults.length > 0) throw new Error(faults.join("\n"));
  return `${Object.keys(dependencies).join(", ")}; optional: ${Object.keys(peerDependencies).join(", ")}`;
}

function packagesIn(text) {
  const specifiers = importsIn(text).map(({ specifier }) => specifier);
  const foreign = specifiers.filter((specifier) => !specifier.startsWith(".") && !isBuiltin(specifier));
  return foreign.map((specifier) => /^(@[^/]+\/)?[^/]+/.exec(specifier)[0]).filter((name) => name !== "clusterts");
}

function manifestOf(root) {
  return JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
}
