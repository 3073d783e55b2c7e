/** What every discovery must do with which nodes register. */
import assert from "node:assert/strict";
import { makeAddress } from "../../addr/logical-address.js";
import type { Member } from "../../discovery/discovery.js";
import type { AddCheck, DiscoveryContractHooks } from "./contract.js";
import { disposeLost } from "./scene.js";
import { fieldsOf } from "./view.js";

const one = makeAddress(1, 1, 1);
const two = makeAddress(1, 1, 2);
const memberOne: Member = { address: one, endpoint: "10.0.0.1:8011" };
const memberTwo: Member = { address: two, endpoint: "10.0.0.2:8011" };

export function addRegistrationChecks(check: AddCheck, hooks: DiscoveryContractHooks): void {
  check("a node that registers, shows with what it announced; its token is its incarnation", async (scene) => {
    const self: Member = { ...memberOne, export: true, metadata: { zone: "a" }, version: "1.2.3", load: 5 };
    const view = scene.watch();
    const entry = await scene.register(self);
    await view.until("the node", () => view.members.has(one));
    const shown = view.members.get(one);
    assert.deepEqual(fieldsOf(shown), fieldsOf(self));
    assert.equal(shown?.load, 5);
    if (entry.fencingToken !== undefined) assert.equal(shown?.incarnation, entry.fencingToken);
  });

  check("an update, shows and changes nothing else", async (scene) => {
    const view = scene.watch();
    const entry = await scene.register({ ...memberOne, metadata: { zone: "a" }, version: "1.2.3" });
    await entry.update({ available: false });
    await view.until("unavailable", () => view.members.get(one)?.available === false);
    await entry.update({ load: 7 });
    await view.until("its load", () => view.members.get(one)?.load === 7);
    const expected: Member = { ...memberOne, available: false, metadata: { zone: "a" }, version: "1.2.3" };
    assert.deepEqual(fieldsOf(view.members.get(one)), fieldsOf(expected));
  });

  check("a registration that is disposed, takes its entry away, and a second time harms nothing", async (scene) => {
    const view = scene.watch();
    const entry = await scene.register(memberOne);
    await view.until("the node", () => view.members.has(one));
    await scene.within("disposing", () => entry[Symbol.asyncDispose]());
    await view.until("its removal", () => !view.members.has(one));
    await scene.within("disposing again", () => entry[Symbol.asyncDispose]());
  });

  check("a node that registers again, gets a higher token", async (scene) => {
    const first = await scene.register(memberOne);
    await scene.within("disposing", () => first[Symbol.asyncDispose]());
    const second = await scene.register(memberOne);
    if (first.fencingToken === undefined || second.fencingToken === undefined) {
      assert.equal(first.fencingToken, second.fencingToken);
    } else {
      assert.ok(second.fencingToken > first.fencingToken, `token ${second.fencingToken} came after ${first.fencingToken}`);
    }
  });

  check("an address that is registered anew, is lost for the old holder, which cannot take the new entry away", async (scene) => {
    const view = scene.watch();
    const old = await scene.register(memberOne);
    const taker = await scene.register({ ...memberOne, endpoint: "10.0.0.9:8011" });
    assert.ok((await scene.within("the old holder to be told", () => old.lost)) instanceof Error);
    await scene.within("disposing the old entry", () => disposeLost(old));
    await taker.update({ load: 1 });
    await view.until("the new holder", () => view.members.get(one)?.load === 1);
    assert.equal(view.members.get(one)?.endpoint, "10.0.0.9:8011");
  });

  check("a registration whose signal is aborted already, fails and leaves no entry", async (scene) => {
    await assert.rejects(
      scene.within("the rejection", async () => scene.discovery.register?.(memberOne, AbortSignal.abort())),
      (error: Error) => !error.message.startsWith("waited"),
    );
    await hooks.put(memberTwo);
    const view = scene.watch();
    await view.until("the other member", () => view.members.has(two));
    assert.equal(view.members.has(one), false);
  });

  if (hooks.lose !== undefined) {
    const lose = hooks.lose.bind(hooks);
    check("an entry that the store lost, is told, and can be registered again", async (scene) => {
      const view = scene.watch();
      const entry = await scene.register(memberOne);
      await view.until("the node", () => view.members.has(one));
      await lose(one);
      assert.ok((await scene.within("being told", () => entry.lost)) instanceof Error);
      await scene.register({ ...memberOne, endpoint: "10.0.0.9:8011" });
      await view.until("the node again", () => view.members.get(one)?.endpoint === "10.0.0.9:8011");
    });
  }
}
