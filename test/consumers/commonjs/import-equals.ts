/** CommonJS as TypeScript writes it out: `import x = require()`. */
import clusterts = require("clusterts");
import discovery = require("clusterts/discovery");

async function main(): Promise<void> {
  const node: clusterts.ClusterNode = await clusterts.startNode({ address: "1.1.1", discovery: discovery.memory() });
  const signal: AbortSignal = AbortSignal.timeout(5_000);
  await node.waitFor(1, { signal });
  const report: clusterts.CloseReport = await node.close();
  if (report.timedOut) throw new Error("close cut something off");
}

export const done = main();
