/** The pages of limits and events name all that there is. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const events = read("src/events/events.ts");

/** The string literals of a union type, or of the `type` fields of a declaration. */
function literalsOf(declaration: string): string[] {
  const [, body] =
    new RegExp(`export (?:type|interface) ${declaration}\\b([\\s\\S]*?)(?=\\n/\\*\\*|\\nexport|\\ninterface)`).exec(events) ?? [];
  assert.ok(body !== undefined, declaration);
  return [...body.matchAll(/"([\w.-]+)"/g)].map(([, literal]) => literal!);
}

suite("pages of limits and events", () => {
  test("each limit that can be hit, stands in limits.md with its event", () => {
    const page = read("docs/limits.md");
    const names = literalsOf("LimitName");
    assert.ok(names.length >= 17);
    for (const name of names) assert.match(page, new RegExp(`event \`${name.replace(".", "\\.")}\``), name);
  });

  test("each option of links and calls that bounds something, stands in limits.md", () => {
    const page = read("docs/limits.md");
    for (const [file, group] of [
      ["src/link/link-options.ts", "link"],
      ["src/rpc/rpc-options.ts", "rpc"],
      ["src/node/stream-options.ts", "stream"],
    ] as const) {
      const options = [...read(file).matchAll(/^ {2}(\w+)\?:/gm)].map(([, option]) => option!);
      assert.ok(options.length >= 5);
      for (const option of options.filter((each) => /^max(?!Backoff|Age)|Timeout|Bytes$/.test(each))) {
        assert.ok(page.includes(`\`${group}.${option}\``), `${group}.${option}`);
      }
    }
  });

  test("each channel and each type of event, stands in events.md", () => {
    const page = read("docs/events.md");
    const channels = [...events.matchAll(/readonly "(clusterts:\w+)":/g)].map(([, name]) => name!);
    assert.ok(channels.length >= 9);
    for (const channel of channels) assert.ok(page.includes(`## ${channel}\n`), channel);
    for (const declaration of ["DiscoveryNotice", "MessageKind", "DropCause"])
      for (const literal of literalsOf(declaration).filter((each) => each !== "info" && each !== "warn"))
        assert.ok(page.includes(`\`${literal}\``), literal);
    const types = [...events.matchAll(/readonly type: ((?:"\w+"(?: \| )?)+)/g)].flatMap(([, union]) => union!.match(/\w+/g) ?? []);
    assert.ok(types.length >= 14);
    for (const type of types) assert.ok(page.includes(`\`${type}\``), type);
  });

  test("each metric, stands in the guide", async () => {
    const { prometheusMetrics } = await import("../../src/metrics/index.js");
    const { createNode } = await import("../../src/node/node.js");
    const { memory } = await import("../../src/discovery/memory.js");
    using metrics = prometheusMetrics(createNode({ address: "1.1.1", discovery: memory(), logger: false }));
    const names = [...metrics.text().matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name!);
    assert.ok(names.length > 25);
    const page = read("docs/guides/operation.md");
    for (const name of names) assert.ok(page.includes(`\`${name}\``), name);
  });
});
