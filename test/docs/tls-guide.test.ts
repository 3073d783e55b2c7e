/** The commands of the guide on TLS, run as they stand there: what they make is good for nodes. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAnonymously } from "../../src/node/anonymous-caller.js";
import type { TlsOptions } from "../../src/transport/tls-options.js";
import { LoopbackNodes } from "../support/loopback-nodes.js";
import { textMethod } from "../support/text-method.js";

const root = new URL("../../", import.meta.url);
const echo = textMethod("test.Echo/echo");
const commands = [...readFileSync(new URL("docs/guides/tls.md", root), "utf8").matchAll(/^```sh\n([\s\S]*?)\n```$/gm)].map(
  ([, block]) => block!,
);

suite("the guide on TLS", () => {
  test("its commands, are those of the example, in their order", () => {
    const script = readFileSync(new URL("examples/tls/certificates.sh", root), "utf8");
    assert.equal(script.slice(script.indexOf("openssl req")), `${commands.join("\n\n")}\n`);
  });

  test("the certificates that they make, let the nodes and the tool call each other, and a harbor's address be one's own", async function () {
    if (spawnSync("openssl", ["version"]).error !== undefined) return this.skip();
    const folder = mkdtempSync(join(tmpdir(), "clusterts-guide-"));
    try {
      const { status, stderr } = spawnSync("bash", ["-euo", "pipefail", "-c", commands.join("\n")], { cwd: folder, encoding: "utf8" });
      assert.equal(status, 0, stderr);
      const tls = (name: string): TlsOptions => ({
        ca: readFileSync(join(folder, "ca.pem")),
        cert: readFileSync(join(folder, `${name}.pem`)),
        key: readFileSync(join(folder, `${name}.key`)),
      });
      await using nodes = new LoopbackNodes();
      const room = await nodes.start("1.3.7", { tls: tls("rooms") }, (node) => node.handle(echo, (input: unknown) => input));
      const caller = await nodes.start("1.2.1", { tls: tls("1.2.1") });
      await nodes.known("1.3.7");
      assert.deepEqual(await caller.invoke("1.3.7", echo, { text: "a" }), { text: "a" });
      await using tool = connectAnonymously({ to: "1.3.7", endpoint: room.status().endpoint!, tls: tls("tool"), logger: false });
      assert.deepEqual(await tool.invoke("1.3.7", echo, { text: "b" }), { text: "b" });
      nodes.make("1.255.1", { harbors: nodes.discovery, tls: tls("harbor") });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
