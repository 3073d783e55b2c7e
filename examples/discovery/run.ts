/** A discovery server inside a process of one's own, a node that registers there, one that is configured, and configuration that all follow. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNode, parseAddress, RpcError } from "clusterts";
import { discoveryServer, type KeyValue } from "clusterts/discovery";
import { startDiscoveryServer } from "clusterts/discovery/server";

const folder = await mkdtemp(join(tmpdir(), "clusterts-example-"));

const server = await startDiscoveryServer({ listen: "127.0.0.1:0", data: join(folder, "cluster.json") });
const discovery = discoveryServer(server.endpoint);

const node = createNode({ address: "1.1.1", discovery, listen: "127.0.0.1:0", metadata: { zone: "a" } });
await node.start();
await discovery.putNode({ address: parseAddress("1.2.1"), endpoint: "127.0.0.1:8012" }); // configured by hand
await node.waitFor(2);
console.log(node.member("1.1.1")?.metadata, node.member("1.2.1")?.endpoint, server.status().members);

const end = new AbortController();
const following = follow(discovery.keyValue, end.signal);
await discovery.keyValue.set("rates/gold", "1.5");
await raise(discovery.keyValue, "rates/gold", 0.25);
await following;
end.abort();

/** Prints what is configured below `rates/` until gold costs more than 1.5. */
async function follow(keys: KeyValue, signal: AbortSignal): Promise<void> {
  const rates = new Map<string, string>();
  for await (const event of keys.watch("rates/", signal)) {
    if (event.type === "snapshot") rates.clear();
    else for (const key of event.removed) rates.delete(key);
    for (const { key, value } of event.type === "snapshot" ? event.entries : event.put) rates.set(key, value);
    console.log(Object.fromEntries(rates));
    if (Number(rates.get("rates/gold")) > 1.5) return;
  }
}

/** Changes a value that others change too: who was faster is not overwritten. */
async function raise(keys: KeyValue, key: string, by: number): Promise<void> {
  for (;;) {
    const entry = await keys.get(key);
    try {
      await keys.set(key, String(Number(entry?.value ?? 0) + by), { ifRevision: entry?.revision ?? 0n });
      return;
    } catch (error) {
      if (!RpcError.is(error) || error.code !== "ABORTED") throw error;
    }
  }
}

await node.close();
await discovery[Symbol.asyncDispose]();
await server.close();
await rm(folder, { recursive: true });
