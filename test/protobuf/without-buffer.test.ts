import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import fc from "fast-check";
import { Everything } from "./fixture/gen/everything.js";
import { everything, optionals, tree } from "./support/arbitraries.js";

test("where there is no Buffer, as in browsers: the same messages and the same errors", async () => {
  const samples = [
    ...fc.sample(everything, { numRuns: 5, seed: 1 }),
    ...fc.sample(tree, { numRuns: 20, seed: 1 }).map((value) => Everything.fromPartial({ tree: value })),
    ...fc.sample(optionals, { numRuns: 20, seed: 1 }).map((value) => Everything.fromPartial({ optionals: value })),
  ].map((message) => Everything.encode(message).finish());
  samples.push(Everything.encode(Everything.fromPartial({ tree: { name: `${"x".repeat(200)}\ud800 \ufeff` } })).finish());
  const broken = new Uint8Array([0x32, 0x04, 0x0a, 0x02, 0xc3, 0x28]);
  const hex = [...samples, broken].map((bytes) => Buffer.from(bytes).toString("hex"));
  const program = fileURLToPath(new URL("./support/without-buffer.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", program, ...hex], {
    timeout: 9000,
    maxBuffer: 1 << 24,
  });
  const results = JSON.parse(stdout) as string[];
  assert.match(results.pop()!, /^MessageDecodeError: .*not valid UTF-8/);
  assert.deepEqual(results, hex.slice(0, -1));
});
