import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DEFAULT_OPTIONS, findTsProto, type GenerateOptions, generate, requestFromFolders, writeOutput } from "../../codegen/index.js";

const ROOT = resolve(import.meta.dirname, "../..");
const GOLDEN = join(ROOT, "codegen/golden");

function generateGolden(options: Partial<GenerateOptions> = {}) {
  return requestFromFolders({ generate: ["codegen/golden/proto"], imports: ["proto"] }, { cwd: ROOT, env: process.env }).then((request) =>
    generate(request, { ...DEFAULT_OPTIONS, ...options }, findTsProto(ROOT)),
  );
}

/** Complaints of the strictest compiler settings about the files of a folder in `codegen/golden`. */
function complaints(folder: string, options: Record<string, unknown> = {}): Promise<string[]> {
  const config = join(GOLDEN, folder, "tsconfig.check.json");
  writeFileSync(config, JSON.stringify({ extends: join(GOLDEN, "tsconfig.json"), compilerOptions: options, include: ["**/*.ts"] }));
  return new Promise((done, fail) => {
    execFile(
      process.execPath,
      [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", config, "--pretty", "false"],
      { cwd: ROOT },
      (error, stdout) => {
        rmSync(config);
        if (error !== null && stdout === "") return fail(error); // it did not run
        // what the library's own sources say under these settings is not the matter here
        done(stdout.split("\n").filter((line) => line.includes("error") && !line.startsWith("src/")));
      },
    );
  });
}

suite("golden files", () => {
  // rewrite them with GOLDEN_WRITE=1
  test("every .proto gives the expected TypeScript, to the letter", async () => {
    const files = await generateGolden();
    const expected = join(GOLDEN, "expected");
    if (process.env.GOLDEN_WRITE) {
      rmSync(expected, { recursive: true, force: true });
      await writeOutput(expected, files);
    }
    for (const { path, content } of files) {
      assert.equal(content, existsSync(join(expected, path)) ? readFileSync(join(expected, path), "utf8") : undefined, path);
    }
    const present = readdirSync(expected, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));
    assert.deepEqual(present.map((path) => path.replaceAll("\\", "/")).sort(), files.map(({ path }) => path).sort());
  });

  test("expected files pass the strictest compiler settings", async () => {
    assert.deepEqual(await complaints("expected"), []);
  });

  test("uses of the expected files compile, and each marked mistake does not", async () => {
    assert.deepEqual(await complaints("uses"), []);
  });

  test("expected files import nothing but clusterts/rpc and each other", () => {
    for (const path of readdirSync(join(GOLDEN, "expected"), { recursive: true, encoding: "utf8" })) {
      if (!path.endsWith(".ts")) continue;
      const text = readFileSync(join(GOLDEN, "expected", path), "utf8");
      for (const [, module = ""] of text.matchAll(/^(?:import|\}) .*from "(.*)";$/gm))
        assert.match(module, /^(?:clusterts\/rpc|\.\.?\/.*\.js)$/);
    }
  });

  for (const long of ["string", "number"] as const) {
    test(`64-bit integers as ${long}, imports ending in .ts: passes the strictest compiler settings`, async () => {
      mkdirSync(join(GOLDEN, "out"), { recursive: true });
      const folder = mkdtempSync(join(GOLDEN, "out/"));
      try {
        await writeOutput(folder, await generateGolden({ long, importExtension: "ts" }));
        assert.deepEqual(
          await complaints(join("out", folder.slice(join(GOLDEN, "out/").length)), { allowImportingTsExtensions: true }),
          [],
        );
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
});
