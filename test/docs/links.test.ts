/** Who reads the pages in node_modules has what the package ships, and nothing else: no link leads beyond it. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");
const { files } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { files: string[] };
/** A folder, a file, or the pages of a folder: what `files` has. */
const shipped = [...files, "README.md", "LICENSE"];

function isShipped(path: string): boolean {
  return shipped.some((entry) => {
    const folder = entry.endsWith("/*.md") ? entry.slice(0, -"/*.md".length) : undefined;
    if (folder !== undefined) return path === folder || (dirname(path) === folder && path.endsWith(".md"));
    return path === entry || path.startsWith(`${entry}/`);
  });
}

function pages(): string[] {
  const folders = files.filter((entry) => entry.endsWith("/*.md")).map((entry) => dirname(entry));
  const inFolders = folders.flatMap((folder) => readdirSync(join(ROOT, folder)).map((name) => join(folder, name)));
  return ["README.md", "CHANGELOG.md", ...inFolders.filter((path) => path.endsWith(".md"))];
}

suite("links of the pages that the package ships", () => {
  for (const page of pages())
    test(`${page}: each leads to something that is shipped too`, () => {
      const text = readFileSync(join(ROOT, page), "utf8");
      for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^(https?:|#)/.test(link!)) continue;
        const target = relative(ROOT, resolve(ROOT, dirname(page), link!.replace(/#.*/, "")));
        assert.ok(existsSync(join(ROOT, target)), `${link} is not there`);
        assert.ok(isShipped(target), `${link} is not in the package`);
      }
    });
});
