/** The library's checks of a discovery, on this one. Any test runner takes them: `for (const { name, run } of checks) test(name, run)`. */
import { type ContractCheck, discoveryContract } from "clusterts/testing/discovery";
import { httpDiscovery } from "./http-discovery.js";
import { MemberServer } from "./member-server.js";

let store: MemberServer;

export const checks: ContractCheck[] = discoveryContract({
  create: async () => {
    store = new MemberServer();
    return httpDiscovery(await store.start(), 20);
  },
  put: async (member) => void store.members.set(member.address, member),
  remove: async (address) => void store.members.delete(address),
  destroy: () => store.close(),
  registers: false,
});
