import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("../../scripts/check-imports.mjs", import.meta.url));

/** What the script says of a package with these files beside an entry for browsers. */
function faultsOf(files: Readonly<Record<string, string>>): string[] {
  const folder = mkdtempSync(join(tmpdir(), "clusterts-imports-"));
  try {
    for (const [path, text] of Object.entries({ "src/rpc/index.ts": 'export { a } from "./a.js";', ...files })) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const { status, stderr } = spawnSync(process.execPath, [SCRIPT, folder], { encoding: "utf8" });
    assert.equal(status, stderr === "" ? 0 : 1);
    return stderr.trim().split("\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

suite("who imports whom", () => {
  test("files that import what lies below them, lazily or as a type what would close a cycle: no fault", () => {
    const faults = faultsOf({
      "src/rpc/a.ts": 'import type { L } from "./index.js";\nimport {\n  type H,\n  header,\n} from "../wire/header.js";',
      "src/wire/header.ts": '/*\nimport { net } from "../link/link.js";\n*/\nexport const header = () => import("./lazy.js");',
      "src/wire/lazy.ts": 'import { header } from "./header.js";',
    });
    assert.deepEqual(faults, [""]);
  });

  test("a part that imports a sibling or what is above it, be it a type: a fault", () => {
    const faults = faultsOf({
      "src/link/link.ts": 'import type { Method } from "../rpc/service.js";',
      "src/wire/header.ts": 'export { node } from "../node/node.js";',
    });
    assert.deepEqual(faults, [
      "src/link/link.ts: link must not import rpc (src/rpc/service.ts)",
      "src/wire/header.ts: wire must not import node (src/node/node.ts)",
    ]);
  });

  test("the discovery server imported below its entry: a fault; it may import nodes, and only the entry may import it", () => {
    const faults = faultsOf({
      "src/discovery/index.ts": 'export { discoveryServer } from "./server/adapter.js";',
      "src/discovery/server/adapter.ts": 'import { node } from "../../node/node.js";',
      "src/discovery/members.ts": 'import { discoveryServer } from "./server/adapter.js";',
      "src/node/node.ts": 'import { discoveryServer } from "../discovery/index.js";',
    });
    assert.deepEqual(faults.slice(0, 2), [
      "src/discovery/members.ts: discovery must not import discovery/server (src/discovery/server/adapter.ts)",
      "src/node/node.ts: node must not import discovery/index (src/discovery/index.ts)",
    ]);
  });

  test("files that import each other: the cycle is a fault, named from end to end", () => {
    const faults = faultsOf({ "src/node/a.ts": 'import "./b.js";', "src/node/b.ts": 'import { a } from "./a.js";' });
    assert.deepEqual(faults, ["cycle: src/node/a.ts -> src/node/b.ts -> src/node/a.ts"]);
  });

  test("a Node.js module behind the entry for browsers: a fault with the way there", () => {
    const faults = faultsOf({ "src/rpc/a.ts": 'import { b } from "./b.js";', "src/rpc/b.ts": 'import { connect } from "node:net";' });
    assert.deepEqual(faults, ["src/rpc/index.ts -> src/rpc/a.ts -> src/rpc/b.ts imports node:net, which browsers do not have"]);
  });

  test("what only the generator has, imported by the library: a fault, but not in codegen/", () => {
    const protobuf = 'import { create } from "@bufbuild/protobuf";';
    const faults = faultsOf({ "src/node/node.ts": protobuf, "codegen/generate.ts": protobuf });
    assert.deepEqual(faults, ["src/node/node.ts: @bufbuild/protobuf is for the generator only"]);
  });
});
