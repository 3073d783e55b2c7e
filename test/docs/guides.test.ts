/** The guides show code that compiles and runs: every block is a piece of an example that the guide names. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";

const root = new URL("../../", import.meta.url);
const guides = new URL("docs/guides/", root);

/** Without the indentation that all its lines have. */
function dedent(lines: readonly string[]): string {
  const filled = lines.filter((line) => line !== "");
  const margin = Math.min(...filled.map((line) => line.length - line.trimStart().length));
  return lines.map((line) => line.slice(margin)).join("\n");
}

/** Whether `block` stands in `source` as whole lines, wherever they are indented to. */
function contains(source: string, block: string): boolean {
  const lines = source.split("\n");
  const { length } = block.split("\n");
  return lines.some((_, at) => dedent(lines.slice(at, at + length)) === block);
}

suite("guides", () => {
  for (const name of readdirSync(guides).filter((file) => file.endsWith(".md"))) {
    const page = readFileSync(new URL(name, guides), "utf8");

    test(`the TypeScript of ${name}, is code of its examples`, () => {
      const examples = [...page.matchAll(/\(\.\.\/\.\.\/(examples\/[\w-]+)\)/g)].map(([, example]) => new URL(`${example}/`, root));
      assert.ok(examples.length > 0, "it names no example");
      const sources = examples.flatMap((folder) =>
        readdirSync(folder)
          .filter((file) => file.endsWith(".ts"))
          .map((file) => readFileSync(new URL(file, folder), "utf8")),
      );
      const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)\n```$/gm)].map(([, block]) => block!);
      assert.ok(blocks.length > 0 || page.includes("```sh"));
      for (const block of blocks) {
        assert.ok(
          sources.some((source) => contains(source, dedent(block.split("\n")))),
          `not in its examples:\n${block}`,
        );
      }
    });

    test(`the links of ${name}, lead to files`, () => {
      for (const [, target] of page.matchAll(/\]\((?!https?:)([^)#]+)/g)) assert.ok(existsSync(new URL(target!, guides)), target);
    });
  }
});
