import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { KIND } from "../../src/wire/header.js";
import { PURPOSE, RECORD, REFUSAL } from "../../src/wire/hello.js";
import * as limits from "../../src/wire/limits.js";
import { vectors } from "./support/golden.js";

const page = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");

/** The first two cells of every row of a table under `heading`. */
function rows(heading: string): string[] {
  const start = page.indexOf(`\n${heading}\n`);
  assert.ok(start >= 0, heading);
  const section = page.slice(start + heading.length + 2).split(/\n## /)[0]!;
  return [...section.matchAll(/^\| (\d+) \| ([\w-]+)/gm)].map(([, number, name]) => `${number} ${name}`);
}

const inWords = (name: string): string =>
  name
    .replace("goAway", "go-away")
    .replace("hopError", "hop")
    .replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

suite("docs/protocol.md", () => {
  test("every kind, record, purpose and refusal of the code, stands there with its number, and no other", () => {
    const entries = (table: Readonly<Record<string, number>>): string[] =>
      Object.entries(table).map(([name, number]) => `${number} ${name}`);
    assert.deepEqual(rows("## Refusals"), entries(REFUSAL));
    const kinds = rows("## Kinds").slice(0, Object.keys(KIND).length);
    assert.deepEqual(kinds, entries(Object.fromEntries(Object.entries(KIND).map(([name, kind]) => [inWords(name), kind]))));
    const opening = rows("## Opening");
    for (const entry of [...entries(RECORD), ...entries(PURPOSE)]) assert.ok(opening.includes(entry), entry);
  });

  test("every limit of the code, stands there", () => {
    const {
      MAX_FRAME_BODY_BYTES,
      HEADER_BYTES,
      PREFACE: _preface,
      PROTOCOL_VERSION: _version,
      MAX_PAYLOAD_BYTES,
      DEFAULT_MAX_PAYLOAD_BYTES,
      ...others
    } = limits;
    const numbers = [MAX_FRAME_BODY_BYTES, HEADER_BYTES, HEADER_BYTES - 4 + MAX_FRAME_BODY_BYTES, ...Object.values(others)];
    for (const number of numbers) assert.ok(page.includes(number.toLocaleString("en-US")), `${number}`);
    assert.ok(page.includes(`default ${DEFAULT_MAX_PAYLOAD_BYTES / 2 ** 20} MiB, at most ${MAX_PAYLOAD_BYTES / 2 ** 20} MiB`));
  });

  test("every line of hex in an example, stands in a golden vector", () => {
    const all = JSON.stringify(vectors);
    let lines = 0;
    for (const [, line] of page.matchAll(/^ {4}(.+)$/gm)) {
      let bytes = "";
      for (const word of line!.trim().split(/\s+/)) {
        if (!/^([0-9a-f]{2})+$/.test(word)) break;
        bytes += word;
      }
      if (bytes.length < 12) continue;
      assert.ok(all.includes(bytes), line);
      lines++;
    }
    assert.ok(lines > 25);
  });
});
