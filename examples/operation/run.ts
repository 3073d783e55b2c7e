/** A small cluster that is operated: started from environments, measured, watched, drained by a tool, and left in order. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { byType, connectAnonymously, tapMessages } from "clusterts";
import { Node } from "clusterts/admin";
import { startDiscoveryServer } from "clusterts/discovery/server";
import * as echo from "../echo/gen/echo.js";
import { logTroubles, reportPlayers, serveMetrics, startService } from "./operated-node.js";

const secret = "a secret of at least thirty-two bytes";
const discovery = await startDiscoveryServer({ listen: "127.0.0.1:0", secrets: [secret] });
const env = { CLUSTERTS_DISCOVERY: discovery.endpoint, CLUSTERTS_SECRET: secret };
const [lobby, one, two] = await Promise.all(
  ["1.2.1", "1.1.1", "1.1.2"].map((address) => startService({ ...env, CLUSTERTS_ADDRESS: address })),
);
assert.ok(lobby !== undefined && one !== undefined && two !== undefined);
await lobby.waitFor(1, { count: 2 });

// Load: one node is fuller than the other, and the lobby picks by it.
const stops = [reportPlayers(one, () => 90), reportPlayers(two, () => 10), logTroubles(console.log)];
await until(() => lobby.member("1.1.1")?.load === 90 && lobby.member("1.1.2")?.load === 10);
assert.equal(lobby.pick(1, "least-load"), two.address);
assert.equal(lobby.pick(1, { fillBelow: 100 }), one.address);
const target = byType(1, { where: { mode: "ranked" }, policy: "least-load" });

// Metrics and a tap.
const page = await serveMetrics(lobby, 0);
const closeTap = tapMessages(lobby, {
  filter: { methods: ["echo"], direction: "out" },
  payload: true,
  onMessage: ({ kind, method, peer, bytes, payload }) => console.log(kind, method, "to", peer, bytes, "bytes", payload),
});
for (let n = 0; n < 3; n++) await echo.Call(lobby, target, { msg: `hello ${n}` });
closeTap();
const text = await (await fetch(`http://127.0.0.1:${(page.address() as AddressInfo).port}/`)).text();
const [line] = text.split("\n").filter((each) => each.startsWith("clusterts_call_duration_seconds_count"));
console.log(line);
assert.match(line ?? "", /method="echo",code="OK"\} 3$/);

// A tool without an address asks a node, and takes it out of service.
const { endpoint } = two.status();
assert.ok(endpoint !== undefined);
const tool = connectAnonymously({ to: "1.1.2", endpoint, secrets: [secret] });
const { phase, load, links } = await Node.Call(tool).status({});
console.log(phase, load, links.map(({ peer, phase: state }) => `${peer} ${state}`).join(", "));
await Node.Call(tool).setAvailable({ available: false });
await until(() => lobby.pick(1) === one.address && lobby.pick(1) === one.address);
await tool.close();

for (const stop of stops) stop();
page.close();
await once(page, "close");
for (const node of [lobby, one, two]) await node.close();
await discovery.close();

/** Discovery takes a moment. */
async function until(condition: () => boolean): Promise<void> {
  const signal = AbortSignal.timeout(10_000);
  while (!condition()) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
