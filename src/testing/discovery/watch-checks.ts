/** What every watch must do. */
import assert from "node:assert/strict";
import { makeAddress } from "../../addr/logical-address.js";
import type { Member } from "../../discovery/discovery.js";
import type { AddCheck, DiscoveryContractHooks } from "./contract.js";
import { fieldsOf } from "./view.js";

const one = makeAddress(1, 1, 1);
const two = makeAddress(1, 1, 2);
const memberOne: Member = { address: one, endpoint: "10.0.0.1:8011" };
const memberTwo: Member = { address: two, endpoint: "10.0.0.2:8011" };

export function addWatchChecks(check: AddCheck, hooks: DiscoveryContractHooks): void {
  check("an empty store, the first event is an empty snapshot", async (scene) => {
    const view = scene.watch();
    const first = await view.nextEvent();
    assert.equal(first.type, "snapshot");
    assert.deepEqual([...view.members.keys()], []);
  });

  check("members that were there before, are all in the first snapshot, with every field", async (scene) => {
    const full: Member = { ...memberTwo, export: true, available: false, metadata: { zone: "a", "": "ü" }, version: "1.2.3" };
    await hooks.put(memberOne);
    await hooks.put(full);
    const view = scene.watch();
    await view.until("both members", () => view.members.size === 2);
    assert.equal(view.events[0]?.type, "snapshot");
    assert.deepEqual(fieldsOf(view.members.get(two)), fieldsOf(full));
    assert.deepEqual(fieldsOf(view.members.get(one)), fieldsOf(memberOne));
  });

  check("a member that is added, changed and removed, shows each time", async (scene) => {
    const view = scene.watch();
    await view.nextEvent();
    await hooks.put(memberOne);
    await view.until("the member", () => view.members.has(one));
    await hooks.put({ ...memberOne, endpoint: "10.0.0.9:8011", available: false });
    await view.until("its new endpoint", () => view.members.get(one)?.endpoint === "10.0.0.9:8011");
    assert.equal(view.members.get(one)?.available, false);
    await hooks.remove(one);
    await view.until("its removal", () => !view.members.has(one));
  });

  check("a member that was removed, is not brought back by later changes of others", async (scene) => {
    await hooks.put(memberOne);
    const view = scene.watch();
    await view.until("the member", () => view.members.has(one));
    await hooks.remove(one);
    await hooks.put(memberTwo);
    await view.until("the other one", () => view.members.has(two) && !view.members.has(one));
    await hooks.put({ ...memberTwo, version: "2" });
    await view.until("its new version", () => view.members.get(two)?.version === "2");
    assert.equal(view.members.has(one), false);
  });

  check("a member that comes back after its removal, shows", async (scene) => {
    const view = scene.watch();
    for (const endpoint of ["10.0.0.1:1", "10.0.0.1:2"]) {
      await hooks.put({ address: one, endpoint });
      await view.until(`the member at ${endpoint}`, () => view.members.get(one)?.endpoint === endpoint);
      await hooks.remove(one);
      await view.until("its removal", () => !view.members.has(one));
    }
  });

  check("a burst of changes, ends in the state of the store", async (scene) => {
    const view = scene.watch();
    await view.nextEvent();
    for (let id = 0; id < 40; id++) await hooks.put({ address: makeAddress(1, 1, id), endpoint: `10.0.0.1:${1000 + id}` });
    for (let id = 0; id < 40; id += 2) await hooks.remove(makeAddress(1, 1, id));
    await view.until(
      "the odd ones alone",
      () => view.members.size === 20 && [...view.members.keys()].every((address) => address % 2 === 1),
    );
  });

  check("two watches, see the same", async (scene) => {
    const first = scene.watch();
    const second = scene.watch();
    await hooks.put(memberOne);
    for (const view of [first, second]) await view.until("the member", () => view.members.has(one));
  });

  check("a watch that begins again, gets everything anew", async (scene) => {
    await hooks.put(memberOne);
    const first = scene.watch();
    await first.until("the member", () => first.members.has(one));
    await first.end();
    const second = scene.watch();
    await second.until("the member", () => second.members.has(one));
    assert.equal(second.events[0]?.type, "snapshot");
  });

  check("an aborted signal, ends a watch that waits and reports nothing after it", async (scene) => {
    const view = scene.watch();
    await view.nextEvent();
    await view.end();
    const before = view.events.length;
    await hooks.put(memberOne);
    const later = scene.watch();
    await later.until("the member", () => later.members.has(one));
    assert.equal(view.events.length, before);
  });

  check("a signal that is aborted already, ends the watch at once", async (scene) => {
    const view = scene.watch({ signal: AbortSignal.abort() });
    await view.end();
  });

  check("a reader that leaves its loop, ends its watch and no other", async (scene) => {
    const abort = new AbortController();
    const stays = scene.watch();
    await scene.within("leaving the loop", async () => {
      for await (const _ of scene.discovery.watch(abort.signal)) break;
    });
    await hooks.put(memberOne);
    await stays.until("the member", () => stays.members.has(one));
    abort.abort();
  });

  check("revisions, never go back within one epoch", async (scene) => {
    const view = scene.watch();
    await view.nextEvent();
    for (const version of ["1", "2", "3"]) {
      await hooks.put({ ...memberOne, version });
      await view.until(`version ${version}`, () => view.members.get(one)?.version === version);
    }
    let last: bigint | undefined;
    for (const { revision } of view.events) {
      if (revision !== undefined && last !== undefined) assert.ok(revision >= last, `revision ${revision} came after ${last}`);
      last = revision ?? last;
    }
  });

  if (hooks.wipe !== undefined) {
    const wipe = hooks.wipe.bind(hooks);
    check("a store that lost its data, reports a snapshot of another epoch", async (scene) => {
      await hooks.put(memberOne);
      const view = scene.watch({ again: true }); // where the store is gone for a moment, so is the watch
      await view.until("the member", () => view.members.has(one));
      const before = view.storeEpoch;
      await wipe();
      await view.until("the empty snapshot", () => view.members.size === 0);
      assert.notEqual(view.storeEpoch, undefined);
      assert.notEqual(view.storeEpoch, before);
    });
  }
}
