/** A harbor: `harbor.ts <address> <discovery of its group> <discovery of the harbors>`. */
import { type AddressText, startNode } from "clusterts";
import { discoveryServer } from "clusterts/discovery";

const [address, discovery, harbors] = process.argv.slice(2) as [AddressText, string, string];

const harbor = await startNode({
  address,
  discovery: discoveryServer(discovery),
  harbors: discoveryServer(harbors),
  timeoutMs: 60_000, // the discovery servers may start later
});
process.once("SIGTERM", async () => {
  const { frames = 0 } = harbor.status().harbor ?? {};
  await harbor.close();
  console.log(`${address} (process ${process.pid}) passed ${frames} frames on`);
});
