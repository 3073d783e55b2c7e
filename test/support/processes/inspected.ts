/**
 * A node in a process of its own that registers with a discovery server and calls another one again and again:
 * `node --import tsx inspected.ts <discovery> <address> [calls]`. `test.Echo/slow` takes 150 ms. Tells its parent when it is up.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { AddressText } from "../../../src/addr/logical-address.js";
import { discoveryServer } from "../../../src/discovery/server/adapter.js";
import { createNode } from "../../../src/node/node.js";
import { textMethod } from "../text-method.js";

const [discovery, address, calls] = process.argv.slice(2);
const slow = textMethod("test.Echo/slow");
const node = createNode({ address: address as AddressText, discovery: discoveryServer(discovery!), logger: false });
node.handle(slow, async (input: { text: string }) => {
  await sleep(150);
  return input;
});
await node.start();
process.send!("up");
process.once("disconnect", () => process.exit()); // never outlives the test
while (calls !== undefined) await node.invoke(calls as AddressText, slow, { text: "x" }, { timeoutMs: 1_000 }).catch(() => sleep(50));
