import assert from "node:assert/strict";
import { type AddressText, parseAddress } from "../../src/addr/logical-address.js";
import type { Member } from "../../src/discovery/discovery.js";
import { Members } from "../../src/discovery/members.js";
import type { DiscoveryReport } from "../../src/discovery/report.js";
import { InvalidOptionsError } from "../../src/errors.js";
import { FakeClock } from "../support/fake-clock.js";
import { ScriptedDiscovery, ScriptedRegistration } from "../support/scripted-discovery.js";
import { SeededRandom } from "../support/seeded-random.js";

const SELF: AddressText = "1.9.1";
const self: Member = { address: parseAddress(SELF), endpoint: "10.0.0.1:8011" };

suite("registering", () => {
  let clock: FakeClock;
  let reports: DiscoveryReport[];
  let script: ScriptedDiscovery;
  let members: Members;
  const texts = (): string[] => reports.filter(({ level }) => level === "warn").map(({ text }) => text);

  setup(() => {
    clock = new FakeClock();
    reports = [];
    script = new ScriptedDiscovery();
    members = new Members({
      self: self.address,
      discovery: script,
      clock,
      random: new SeededRandom(3),
      report: (report) => reports.push(report),
    });
  });

  teardown(async () => {
    const closing = members.close();
    await clock.advance(30_000);
    await closing;
    assert.equal(clock.pendingTimers, 0, "a closed view leaves no timer");
  });

  /** Registers with token 1, and lets the entry be disposed at once. */
  const registered = async (onRenewed?: (token: bigint | undefined) => void): Promise<ScriptedRegistration> => {
    const result = members.register(self, { onRenewed });
    await clock.settle();
    script.registration.accept(1n);
    script.registration.disposal.resolve();
    assert.equal(await result, 1n);
    return script.registration;
  };

  test("a first attempt that fails, is told and tried again until it succeeds", async () => {
    const result = members.register(self);
    await clock.settle();
    for (let failures = 0; failures < 3; failures++) {
      script.registration.result.reject(new Error("no quorum"));
      await clock.settle();
      await clock.advance(clock.nextTimerMs ?? 0);
    }
    script.registration.accept(7n);
    script.registration.disposal.resolve();
    assert.equal(await result, 7n);
    assert.equal(script.registrations.length, 4);
    assert.deepEqual(texts(), ["discovery: registering 1.9.1 failed: no quorum; trying again"]);
    assert.equal(reports.at(-1)?.text, "discovery: 1.9.1 is registered with fencing token 7");
  });

  test("an adapter that throws at once or gives no registration, is told and tried again", async () => {
    const answers: (() => unknown)[] = [
      () => {
        throw new Error("at once");
      },
      () => Promise.resolve({}),
      () => undefined,
    ];
    const accepted = new ScriptedRegistration(self, new AbortController().signal);
    accepted.accept();
    accepted.disposal.resolve();
    script.register = (() => (answers.shift() ?? (() => accepted.result.promise))()) as ScriptedDiscovery["register"];
    const result = members.register(self);
    await clock.advance(10_000);
    assert.equal(await result, undefined);
    assert.deepEqual(texts(), [
      "discovery: registering 1.9.1 failed: at once; trying again",
      "discovery: registering 1.9.1 failed: register() gave no registration: update(), lost or [Symbol.asyncDispose]() is missing; trying again",
    ]);
  });

  test("an attempt that never answers, is given up after ten seconds, and its late entry is taken away", async () => {
    const result = members.register(self);
    await clock.advance(10_000);
    const late = script.registration;
    assert.equal(late.signal.aborted, true);
    await clock.advance(250);
    assert.equal(script.registrations.length, 2);
    script.registration.accept(2n);
    script.registration.disposal.resolve();
    assert.equal(await result, 2n);
    late.accept(1n);
    late.disposal.resolve();
    await clock.settle();
    assert.deepEqual([late.disposals, script.registration.disposals], [1, 0]);
  });

  test("a signal that aborts before it is registered, gives up with the last problem; a late entry is taken away", async () => {
    const abort = new AbortController();
    const result = members.register(self, { signal: abort.signal });
    await clock.settle();
    script.registration.result.reject(new Error("no quorum"));
    await clock.advance(250);
    assert.equal(script.registrations.length, 2);
    abort.abort();
    await assert.rejects(result, {
      code: "CANCELLED",
      execution: "notRun",
      message: "registering 1.9.1 in discovery was given up; the last attempt: no quorum",
    });
    assert.equal(script.registration.signal.aborted, true);
    script.registration.accept(3n);
    script.registration.disposal.resolve();
    await clock.settle();
    assert.equal(script.registration.disposals, 1);
    const again = members.register(self);
    await clock.settle();
    script.registration.accept(4n);
    script.registration.disposal.resolve();
    assert.equal(await again, 4n);
  });

  test("a signal that aborts once registered, changes nothing", async () => {
    const abort = new AbortController();
    const result = members.register(self, { signal: abort.signal });
    await clock.settle();
    script.registration.accept(1n);
    script.registration.disposal.resolve();
    await result;
    abort.abort();
    await clock.settle();
    assert.deepEqual([script.registration.disposals, script.registration.signal.aborted], [0, false]);
  });

  test("an entry that is lost, is registered again as it is by now, and the new token is handed on", async () => {
    const tokens: (bigint | undefined)[] = [];
    const first = await registered((token) => tokens.push(token));
    void members.update({ available: false, metadata: { zone: "a" } });
    await clock.settle();
    first.updates[0]?.done.resolve();
    await clock.advance(60_000);
    first.lose("lease expired");
    await clock.advance(250);
    assert.equal(first.signal.aborted, true);
    assert.deepEqual(script.registration.self, { ...self, available: false, metadata: { zone: "a" } });
    script.registration.accept(2n);
    script.registration.disposal.resolve();
    await clock.settle();
    assert.deepEqual(tokens, [2n]);
    assert.deepEqual(texts(), ["discovery: the entry of 1.9.1 was lost: lease expired; registering again"]);
  });

  test("an entry that is taken away again and again, is registered at growing intervals", async () => {
    await registered();
    let rounds = 0;
    const until = clock.now() + 120_000;
    while (clock.now() < until) {
      const held = script.registrations.length;
      script.registration.lose("taken over");
      while (script.registrations.length === held) await clock.advance(10);
      script.registration.accept(BigInt(rounds++));
      script.registration.disposal.resolve();
      await clock.settle();
    }
    assert.ok(rounds > 20 && rounds < 110, `${rounds} in two minutes`);
    assert.equal(texts().filter((text) => text.includes("taken over")).length, 2, "told again after a minute");
  });

  test("changes while one is under way, merge into one that follows", async () => {
    const entry = await registered();
    const settled: string[] = [];
    void members.update({ available: false }).then(() => settled.push("first"));
    await clock.settle();
    void members.update({ load: 1 }).then(() => settled.push("second"));
    void members.update({ load: 2, export: true }).then(() => settled.push("third"));
    await clock.settle();
    assert.deepEqual(
      entry.updates.map(({ patch }) => patch),
      [{ available: false }],
    );
    entry.updates[0]?.done.resolve();
    await clock.settle();
    assert.deepEqual(settled, ["first"]);
    assert.deepEqual(entry.updates[1]?.patch, { load: 2, export: true });
    entry.updates[1]?.done.resolve();
    await clock.settle();
    assert.deepEqual(settled, ["first", "second", "third"]);
  });

  test("load alone, is sent twice a second at most; other changes go at once and take it along", async () => {
    const entry = await registered();
    for (let load = 1; load <= 99; load++) {
      void members.update({ load });
      await clock.advance(20);
      for (const { done } of entry.updates) done.resolve();
    }
    assert.equal(entry.updates.length, 4);
    assert.deepEqual(entry.updates.at(-1)?.patch, { load: 75 });
    void members.update({ available: false });
    await clock.settle();
    assert.deepEqual(entry.updates.at(-1)?.patch, { load: 99, available: false });
  });

  test("values that the entry has already, are not sent", async () => {
    const entry = await registered();
    void members.update({ available: false });
    await clock.settle();
    const same = members.update({ available: false });
    entry.updates[0]?.done.resolve();
    await same;
    await members.update({ available: false });
    await clock.advance(10_000);
    assert.equal(entry.updates.length, 1);
  });

  test("an update that the store refuses, is rejected, told once, and sent again below what changed meanwhile", async () => {
    const entry = await registered();
    const refused = members.update({ available: false, load: 1 });
    await clock.settle();
    entry.updates[0]?.done.reject(new Error("read only"));
    await assert.rejects(refused, {
      code: "UNAVAILABLE",
      message: "discovery has not taken the change of 1.9.1 yet: read only; it is sent again",
    });
    const merged = members.update({ load: 2 });
    await clock.advance(250);
    assert.deepEqual(entry.updates[1]?.patch, { available: false, load: 2 });
    entry.updates[1]?.done.resolve();
    await merged;
    assert.deepEqual(texts(), ["discovery: updating the entry of 1.9.1 failed: read only; sending it again"]);
  });

  test("an update that never answers, is rejected after ten seconds and sent again", async () => {
    const entry = await registered();
    const hanging = assert.rejects(members.update({ available: false }), /update\(\) did not settle within 10000 ms/);
    await clock.advance(10_250);
    await hanging;
    assert.equal(entry.updates.length, 2);
  });

  test("a change while the entry is lost, goes with the next registration", async () => {
    const entry = await registered();
    entry.lose("lease expired");
    await clock.settle();
    const changed = members.update({ available: false });
    await clock.advance(250);
    assert.equal(script.registration.self.available, false);
    script.registration.accept(2n);
    script.registration.disposal.resolve();
    await changed;
    await clock.advance(1_000);
    assert.equal(script.registration.updates.length, 0);
  });

  test("a change that an entry cannot have, is refused at once", async () => {
    await registered();
    assert.throws(() => members.update({ load: Number.NaN }), /load is a finite number, got NaN/);
    assert.throws(() => members.update({ endpoint: "h:1" } as object), /endpoint cannot change while a node runs/);
    assert.throws(() => members.update({ available: 1 } as object), InvalidOptionsError);
  });

  test("closing, takes the entry away first and then ends the watch", async () => {
    members.start();
    const entry = await registered();
    const disposed = script.registration.disposal;
    assert.ok(disposed);
    await members.close();
    assert.deepEqual([entry.disposals, entry.signal.aborted, script.current.signal.aborted], [1, true, true]);
    await assert.rejects(members.update({ load: 1 }), { code: "CANCELLED" });
    await assert.rejects(members.register(self), { code: "CANCELLED" });
  });

  test("a store that does not answer to closing, holds it up only so long and is told", async () => {
    const result = members.register(self);
    await clock.settle();
    script.registration.accept(1n);
    await result;
    void members.update({ load: 1 });
    const closing = members.close({ timeoutMs: 2_000 });
    await clock.advance(2_000);
    await closing;
    assert.deepEqual(texts(), ["discovery: the entry of 1.9.1 may stay until its lease ends: no answer within 2000 ms"]);
    assert.equal(script.registration.signal.aborted, true);
  });

  test("closing while an attempt is under way, takes away what it still brings", async () => {
    const result = assert.rejects(members.register(self), { code: "CANCELLED" });
    await clock.settle();
    const closing = members.close();
    await result;
    script.registration.accept(1n);
    script.registration.disposal.resolve();
    await closing;
    assert.equal(script.registration.disposals, 1);
  });

  test("a discovery that does not register, and a second registration, are refused", async () => {
    const configured = new Members({
      self: self.address,
      discovery: { watch: (signal) => script.watch(signal) },
      clock,
      random: new SeededRandom(1),
      report: () => {},
    });
    assert.equal(configured.registers, false);
    await assert.rejects(configured.register(self), { code: "FAILED_PRECONDITION", message: /they are configured/ });
    assert.throws(() => configured.update({ load: 1 }), { code: "FAILED_PRECONDITION" });
    await registered();
    await assert.rejects(members.register(self), { code: "FAILED_PRECONDITION", message: "the node is registered already" });
  });
});
