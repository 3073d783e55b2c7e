import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { discoveryServer, type ServerDiscovery } from "../../../src/discovery/server/adapter.js";
import { type DiscoveryServer, startDiscoveryServer } from "../../../src/discovery/server/server.js";
import { discoveryContract } from "../../../src/testing/discovery/index.js";

suite("the discovery server and its adapter", () => {
  let folder: string;
  let data: string;
  let server: DiscoveryServer;
  let discovery: ServerDiscovery;
  let admin: ServerDiscovery;

  const checks = discoveryContract({
    create: async () => {
      folder = await mkdtemp(join(tmpdir(), "clusterts-discovery-"));
      data = join(folder, "cluster.json");
      server = await startDiscoveryServer({ listen: "127.0.0.1:0", data, logger: false });
      discovery = discoveryServer(server.endpoint);
      admin = discoveryServer(server.endpoint);
      return discovery;
    },
    put: (member) => admin.putNode(member),
    remove: async (address) => void (await admin.removeNode(address)),
    lose: async (address) => void (await admin.removeNode(address)),
    registers: true,
    keyValue: () => discovery.keyValue,
    destroy: async () => {
      await discovery[Symbol.asyncDispose]();
      await admin[Symbol.asyncDispose]();
      await server.close();
      await rm(folder, { recursive: true });
    },
  });
  for (const { name, run } of checks) test(name, run);
});
