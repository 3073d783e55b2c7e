/** A harbor: `harbor.ts <address> <discovery of its group> <discovery of the harbors>`. */
import { type AddressText, startNode } from "clusterts";
import { discoveryServer } from "clusterts/discovery";

const [address, discovery, harbors] = process.argv.slice(2) as [AddressText, string, string];

const harbor = await startNode({
  address, // of type 255
  discovery: discoveryServer(discovery), // of the nodes of its group
  harbors: discoveryServer(harbors), // of the harbors of all groups
  secrets: [process.env.GROUP_SECRET!], // which the nodes of its group have, too
  harborSecrets: [process.env.HARBOR_SECRET!], // which only harbors have
  timeoutMs: 60_000, // the discovery servers may start later
});
process.once("SIGTERM", async () => {
  const { frames = 0 } = harbor.status().harbor ?? {};
  await harbor.close();
  console.log(`${address} (process ${process.pid}) passed ${frames} frames on`);
});
