import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeSection } from "../lib/markdown.mjs";

const run = (command) => ({
  command,
  machine: { cpu: "EPYC", cores: 2, memoryGiB: 4, system: "Linux 6", node: "v20", load: "0 0 0", date: "2026-01-01 00:00", commit: "abc" },
  parameters: { rounds: 5, seconds: 2, warmup: 0.7 },
});

suite("results.md", () => {
  let folder;
  setup(() => {
    folder = mkdtempSync(join(tmpdir(), "clusterts-bench-"));
  });
  teardown(() => rmSync(folder, { recursive: true }));

  test("a command that ran before gets its section replaced, the others stay in their order", () => {
    const file = join(folder, "results.md");
    writeSection(file, run("node run.mjs --scenario A"), "### A\n\nold");
    writeSection(file, run("node run.mjs --scenario C"), "### C\n\nother");
    writeSection(file, run("node run.mjs --scenario A"), "### A\n\nnew");
    const text = readFileSync(file, "utf8");
    assert.deepEqual(text.match(/^(## .*|old|new|other)$/gm), [
      "## `node run.mjs --scenario A`",
      "new",
      "## `node run.mjs --scenario C`",
      "other",
    ]);
    assert.equal(text.match(/^# Results$/gm).length, 1);
  });

  test("writing the same again changes nothing", () => {
    const file = join(folder, "results.md");
    writeSection(file, run("node run.mjs"), "### A\n\nsame\n");
    const first = readFileSync(file, "utf8");
    writeSection(file, run("node run.mjs"), "### A\n\nsame\n");
    assert.equal(readFileSync(file, "utf8"), first);
  });
});
