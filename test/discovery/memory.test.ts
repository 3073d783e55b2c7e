import assert from "node:assert/strict";
import { makeAddress } from "../../src/addr/logical-address.js";
import { type MemoryDiscovery, memory } from "../../src/discovery/memory.js";
import { discoveryContract } from "../../src/testing/discovery/index.js";

suite("memory discovery", () => {
  let store: MemoryDiscovery;
  const checks = discoveryContract({
    create: () => {
      store = memory();
      return store;
    },
    put: async (member) => store.put(member),
    remove: async (address) => store.remove(address),
    lose: async (address) => store.remove(address),
    wipe: async () => store.wipe(),
    registers: true,
    keyValue: () => store.keyValue,
  });
  for (const { name, run } of checks) test(name, run);

  test("a reader that is a thousand changes behind, gets them as one snapshot", async () => {
    const discovery = memory();
    const abort = new AbortController();
    const reader = discovery.watch(abort.signal)[Symbol.asyncIterator]();
    await reader.next();
    for (let id = 0; id < 1000; id++) discovery.put({ address: makeAddress(1, 1, id), endpoint: "10.0.0.1:1" });
    const { value: event } = await reader.next();
    assert.equal(event.type, "snapshot");
    assert.equal(event.members.length, 1000);
    discovery.put({ address: makeAddress(1, 2, 1), endpoint: "10.0.0.1:1" });
    const { value: next } = await reader.next();
    assert.deepEqual([next.type, next.put.length, next.revision], ["delta", 1, 1001n]);
    abort.abort();
    assert.equal((await reader.next()).done, true);
  });

  test("a wiped store, hands out higher tokens than before", async () => {
    const discovery = memory();
    const self = { address: makeAddress(1, 1, 1), endpoint: "10.0.0.1:1" };
    const { signal } = new AbortController();
    const before = await discovery.register(self, signal);
    discovery.wipe();
    assert.match((await before.lost).message, /lost its data/);
    await assert.rejects(before.update({ load: 1 }), /the entry of 1.1.1 is lost/);
    const after = await discovery.register(self, signal);
    assert.ok(after.fencingToken! > before.fencingToken!);
  });

  test("a member that nobody could dial, is refused when it is put", () => {
    assert.throws(() => memory().put({ address: makeAddress(1, 1, 1), endpoint: "10.0.0.1" }), /expected host:port/);
  });
});
