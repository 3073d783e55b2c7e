/** The inspector's page in a browser, where Chromium is installed: real processes, one of which is killed. */
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { discoveryServer } from "../../src/discovery/server/adapter.js";
import { startDiscoveryServer } from "../../src/discovery/server/index.js";
import { Inspector } from "../../src/inspector/inspector.js";
import { Chromium, findChromium } from "../support/chromium.js";

const MEMBER = fileURLToPath(new URL("../support/processes/inspected.ts", import.meta.url));
const LEASE_MS = 1_500;

async function startMember(...args: string[]): Promise<ChildProcess> {
  const child = fork(MEMBER, args, { execArgv: ["--import", "tsx"] });
  await once(child, "message");
  return child;
}

suite("the inspector's page", () => {
  test("of a running cluster: nodes, links and the slow method; a killed node shows within its lease", async function () {
    const program = findChromium();
    if (program === undefined) return this.skip();
    this.timeout(60_000);
    const server = await startDiscoveryServer({ listen: "127.0.0.1:0", leaseMs: LEASE_MS, logger: false });
    const children: ChildProcess[] = [];
    try {
      children.push(await startMember(server.endpoint, "1.1.1"));
      children.push(await startMember(server.endpoint, "1.2.1", "1.1.1"));
      await using inspector = await new Inspector({
        discovery: discoveryServer(server.endpoint),
        listen: "127.0.0.1:0",
        intervalMs: 200,
      }).start();
      await using browser = new Chromium(program);
      const page = await browser.open(`http://${inspector.endpoint}/`);
      const stateOf = (address: string): string => `document.querySelector('tr[data-address="${address}"]')?.dataset.state`;

      await page.until(`${stateOf("1.1.1")} === "up" && ${stateOf("1.2.1")} === "up"`);
      await page.evaluate(`document.querySelector('tr[data-address="1.2.1"]').click()`);
      await page.until(`document.querySelector("tr.detail .state.ready") !== null`);
      await page.until(`document.querySelector("#slowest tbody tr")?.innerText.includes("test.Echo/slow")`);

      const killedAt = performance.now();
      children[0]!.kill("SIGKILL");
      await page.until(`${stateOf("1.1.1")} === "gone"`);
      const took = performance.now() - killedAt;
      assert.ok(took < 2 * LEASE_MS + 2_000, `${took} ms`); // the lease, and what discovery and the page take to tell
      assert.equal(await page.evaluate(stateOf("1.2.1")), "up");
      const picture = process.env.CLUSTERTS_SCREENSHOT;
      if (picture !== undefined) await page.screenshot(picture);
    } finally {
      for (const child of children) child.kill("SIGKILL");
      await server.close();
    }
  });
});
