/** A game server: each stream that is opened to it is one player. This one gives back what it hears. */
import { pipeline } from "node:stream/promises";
import { createNode, formatAddress, optionsFromEnv } from "clusterts";

const node = createNode(optionsFromEnv()); // CLUSTERTS_ADDRESS, CLUSTERTS_DISCOVERY, CLUSTERTS_SECRET
node.onStream(async (stream) => {
  const ip = Buffer.from(stream.metadata.get("ip") ?? []).toString();
  console.log(`${formatAddress(node.address)}: a player from ${ip}, through ${formatAddress(stream.peer)}`);
  await pipeline(stream, stream).catch(() => {}); // a player who was cut off
});
process.once("SIGTERM", () => void node.close());
await node.start({ timeoutMs: 60_000 }); // the discovery server may start later
