/** A process with many nodes, each with a connection of its own to the discovery server: nodes.mjs <endpoint> <first> <count> <all>. */
import { discoveryServer } from "../../dist/src/discovery/index.js";
import { createNode } from "../../dist/src/index.js";

const [endpoint, first, count, all] = process.argv.slice(2).map((text, index) => (index === 0 ? text : Number(text)));
const nodes = Array.from({ length: count }, (_, index) => {
  const id = first + index;
  return createNode({ address: `1.${1 + Math.floor(id / 4000)}.${id % 4000}`, discovery: discoveryServer(endpoint), logger: false });
});
await Promise.all(nodes.map((node) => node.start({ timeoutMs: 60_000 })));
process.send({ type: "started", at: Date.now() });
await until(() => nodes.every((node) => node.status().members === all));
process.send({ type: "complete", at: Date.now() });

process.on("message", async ({ type, address, version }) => {
  if (type === "change") await nodes[0].update({ metadata: { version } });
  if (type === "expect") {
    await until(() => nodes.every((node) => node.member(address)?.metadata?.version === version));
    process.send({ type: "seen", at: Date.now() });
  }
  if (type === "end") {
    await Promise.all(nodes.map((node) => node.close({ timeoutMs: 1_000 })));
    process.disconnect();
  }
});

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
