/** Parts of clusterts that its package does not export, compiled as its entries are. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const BENCH = fileURLToPath(new URL("..", import.meta.url));

/** `files`, below `src/`, as one module: each export of each of them. */
export async function internals(...files) {
  const folder = mkdtempSync(join(BENCH, ".internals-")); // in here, so that packages are found
  try {
    const outfile = join(folder, "internals.mjs");
    const contents = files.map((file) => `export * from ${JSON.stringify(`../src/${file}`)};`).join("\n");
    const stdin = { contents, resolveDir: BENCH, loader: "ts" };
    await build({
      stdin,
      outfile,
      bundle: true,
      format: "esm",
      platform: "node",
      target: "es2022",
      packages: "external",
      logLevel: "warning",
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
