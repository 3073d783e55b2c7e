/** The commands of the guide on gateways, run as they stand there, up to the page in the browser. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Chromium, findChromium } from "../support/chromium.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const guide = readFileSync(join(root, "docs/guides/gateway.md"), "utf8");
const [, commands = ""] = [...guide.matchAll(/^```sh\n([\s\S]*?)\n```$/gm)].map(([, block]) => block!);

async function freePort(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return String(port);
}

suite("the guide on gateways", () => {
  test("its commands, start a cluster whose page talks to the game server", async function () {
    const program = findChromium();
    if (program === undefined) return this.skip();
    this.timeout(90_000);
    assert.match(commands, /game-server\.ts[\s\S]*gateway\.ts/);
    const [discovery, web] = [await freePort(), await freePort()];
    const folder = mkdtempSync(join(tmpdir(), "clusterts-guide-"));
    const main = join(root, "src/cli/main.ts");
    // What is installed by npm there, is this checkout here.
    writeFileSync(
      join(folder, "npx"),
      `#!/bin/sh\nif [ "$1" = clusterts ]; then shift; set -- "${main}" "$@"; else shift; fi\nexec node --import tsx "$@"\n`,
    );
    chmodSync(join(folder, "npx"), 0o755);
    const script = `trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n${commands.replaceAll("17210", discovery)}\nread -r _\n`;
    const child = spawn("bash", ["-euc", script], {
      cwd: join(root, "examples/gateway"),
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, WEB_PORT: web, TCP_PORT: "0", KCP_PORT: "0", PATH: [folder, process.env.PATH].join(delimiter) },
    });
    try {
      let said = "";
      await new Promise<void>((resolve, reject) => {
        child.once("exit", (code) => reject(new Error(`it ended with ${code}: ${said}`)));
        child.stderr.on("data", (chunk: Buffer) => {
          said += String(chunk); // of the end nobody needs to know: all are ended at once
        });
        child.stdout.on("data", (chunk: Buffer) => {
          said += String(chunk);
          if (said.includes("websocket at")) resolve();
        });
      });
      await using browser = new Chromium(program);
      const page = await browser.open(`http://127.0.0.1:${web}/`);
      await page.until("document.body.dataset.done !== undefined");
      assert.equal(await page.evaluate("document.body.dataset.done"), "100");
    } finally {
      const gone = once(child, "exit");
      child.stdin.end();
      await gone;
      rmSync(folder, { recursive: true });
    }
  });
});
