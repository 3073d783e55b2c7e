/** Run where `clusterts` can be imported: each of its entries can be imported and required, and both ways give the same module. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.cwd(), "program.js"));
const { exports } = JSON.parse(readFileSync(require.resolve("clusterts/package.json"), "utf8"));
for (const entry of Object.keys(exports).filter((each) => !each.endsWith(".json"))) {
  const name = `clusterts${entry.slice(1)}`;
  const required = require(name);
  const imported = await import(require.resolve(name));
  if (required !== imported) throw new Error(`${name} is not one module for import and require`);
}
