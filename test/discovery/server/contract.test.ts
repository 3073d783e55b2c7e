import type { ServerDiscovery } from "../../../src/discovery/server/adapter.js";
import { discoveryContract } from "../../../src/testing/discovery/index.js";
import { ServerPlace } from "./support/server-place.js";

suite("the discovery server and its adapter", () => {
  let place: ServerPlace;
  let discovery: ServerDiscovery;
  let admin: ServerDiscovery;

  const checks = discoveryContract({
    create: async () => {
      place = await ServerPlace.start();
      discovery = place.adapter();
      admin = place.adapter();
      return discovery;
    },
    put: (member) => admin.putNode(member),
    remove: async (address) => void (await admin.removeNode(address)),
    lose: async (address) => void (await admin.removeNode(address)),
    wipe: async () => {
      await place.stop();
      await place.deleteData();
      await place.startAgain();
    },
    destroy: () => place[Symbol.asyncDispose](),
    registers: true,
    keyValue: () => discovery.keyValue,
  });
  for (const { name, run } of checks) test(name, run);
});
