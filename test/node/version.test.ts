import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { SOFTWARE, VERSION } from "../../src/node/version.js";

suite("version", () => {
  test("what peers see of this library is the package's name and version", () => {
    const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { name: string; version: string };
    assert.equal(VERSION, manifest.version);
    assert.equal(SOFTWARE, `${manifest.name} ${manifest.version}`);
  });
});
