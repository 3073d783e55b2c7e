/** The example's programs: its page in a browser, where Chromium is installed, and the gateway that is written by hand. */
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { gatewayByHand } from "../../examples/gateway/by-hand.js";
import { startDiscoveryServer } from "../../src/discovery/server/index.js";
import { dialTcp } from "../../src/gateway/client/index.js";
import type { ListenerStatus } from "../../src/gateway/status.js";
import { Chromium, findChromium } from "../support/chromium.js";
import { LoopbackNodes } from "../support/loopback-nodes.js";
import { quiet, take } from "./support/clients.js";

const examples = new URL("../../examples/gateway/", import.meta.url);

/** A program of the example, on ports that are free. */
function start(program: string, discovery: string, address: string): ChildProcess {
  const ports = { TCP_PORT: "0", WEB_PORT: "0", KCP_PORT: "0" };
  const env = { ...process.env, ...ports, CLUSTERTS_DISCOVERY: discovery, CLUSTERTS_ADDRESS: address };
  return fork(fileURLToPath(new URL(program, examples)), {
    env,
    execArgv: ["--import", "tsx"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
}

suite("the gateway's example", () => {
  test("its page in a browser, hears a hundred messages again and shows their times", async function () {
    const program = findChromium();
    if (program === undefined) return this.skip();
    this.timeout(60_000);
    const server = await startDiscoveryServer({ listen: "127.0.0.1:0", logger: false });
    const children = [start("game-server.ts", server.endpoint, "1.1.1"), start("gateway.ts", server.endpoint, "1.2.1")];
    try {
      const [listeners] = (await once(children[1]!, "message")) as [ListenerStatus[]];
      const port = listeners
        .find(({ transport }) => transport === "websocket")
        ?.endpoint.split(":")
        .at(-1);
      await using browser = new Chromium(program);
      const page = await browser.open(`http://127.0.0.1:${port}/`);
      await page.until("document.body.dataset.done !== undefined");
      assert.equal(await page.evaluate("document.body.dataset.done"), "100");
      assert.equal(await page.evaluate("document.querySelectorAll('#bars i').length"), 100);
      assert.equal(await page.evaluate("document.getElementById('state').textContent"), "closed: 1000");
      const picture = process.env.CLUSTERTS_SCREENSHOT;
      if (picture !== undefined) await page.screenshot(picture);
    } finally {
      for (const child of children) child.kill("SIGKILL");
      await server.close();
    }
  });

  test("two pipelines by hand, a half-closed client gets its answer", async () => {
    await using nodes = new LoopbackNodes();
    await nodes.start("1.1.1", {}, (node) => node.onStream((stream) => pipeline(stream, stream)));
    const node = await nodes.start("1.2.1");
    await nodes.known("1.1.1");
    const server = await gatewayByHand(node, 0);
    const client = quiet(await dialTcp(`127.0.0.1:${(server.address() as AddressInfo).port}`));
    client.end("by hand");
    assert.equal((await take(client, 7)).toString(), "by hand");
    server.close();
  });
});
