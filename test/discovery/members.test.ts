import assert from "node:assert/strict";
import { type AddressText, formatAddress, parseAddress, parseAnyAddress } from "../../src/addr/logical-address.js";
import type { Discovery, DiscoveryEvent, Member } from "../../src/discovery/discovery.js";
import { Members } from "../../src/discovery/members.js";
import { memory } from "../../src/discovery/memory.js";
import type { DiscoveryReport } from "../../src/discovery/report.js";
import { RpcError } from "../../src/errors.js";
import { FakeClock } from "../support/fake-clock.js";
import { ScriptedDiscovery } from "../support/scripted-discovery.js";
import { SeededRandom } from "../support/seeded-random.js";

const member = (address: AddressText, fields: Partial<Member> = {}): Member => ({
  address: parseAnyAddress(address),
  endpoint: "10.0.0.1:8011",
  ...fields,
});
const snapshot = (...addresses: AddressText[]): DiscoveryEvent => ({
  type: "snapshot",
  members: addresses.map((address) => member(address)),
});

suite("members", () => {
  let clock: FakeClock;
  let reports: DiscoveryReport[];
  let script: ScriptedDiscovery;
  let members: Members;
  const texts = (): string[] => reports.map(({ text }) => text);
  const known = (): string[] => members.list().map(({ address }) => formatAddress(address));

  const open = (discovery: Discovery): Members => {
    members = new Members({
      self: parseAddress("1.9.1"),
      discovery,
      clock,
      random: new SeededRandom(1),
      report: (report) => reports.push(report),
    });
    members.start();
    return members;
  };

  setup(() => {
    clock = new FakeClock();
    reports = [];
    script = new ScriptedDiscovery();
    open(script);
  });

  teardown(async () => {
    const closing = members.close();
    await clock.advance(10_000);
    await closing;
    assert.equal(clock.pendingTimers, 0, "a closed view leaves no timer");
  });

  test("a snapshot and a delta, can be read at once", async () => {
    script.current.emit(snapshot("1.1.1", "2.1.1"));
    await members.ready();
    script.current.emit({ type: "delta", put: [member("1.1.2")], removed: [parseAddress("1.1.1")] });
    await clock.settle();
    assert.deepEqual(known(), ["2.1.1", "1.1.2"]);
    assert.equal(members.size, 2);
    assert.equal(members.get(parseAddress("2.1.1"))?.endpoint, "10.0.0.1:8011");
    assert.equal(members.pick(1), parseAddress("1.1.2"));
    assert.equal(members.tryPick(2), undefined);
    assert.deepEqual(texts(), []);
  });

  test("a watch that throws, keeps the members and is tried again; the same problem is told once, and when it is over", async () => {
    script.current.emit(snapshot("1.1.1"));
    await clock.settle();
    script.current.fail(new Error("connection\n refused"));
    await clock.settle();
    for (let failures = 0; failures < 20; failures++) {
      await clock.advance(clock.nextTimerMs ?? 0);
      script.current.fail(new Error("connection refused"));
      await clock.settle();
    }
    assert.deepEqual(known(), ["1.1.1"]);
    assert.deepEqual(texts(), ["discovery: connection refused; the last members stay, watching again"]);
    const before = script.watches.length;
    await clock.advance(5_000);
    assert.equal(script.watches.length, before + 1);
    script.current.emit(snapshot("1.1.2"));
    await clock.settle();
    assert.deepEqual(known(), ["1.1.2"]);
    assert.equal(texts().at(-1), "discovery: the watch works again");
  });

  test("a watch that fails for ever, is tried at growing intervals up to five seconds", async () => {
    let failing = 0;
    await clock.advance(0);
    const startedAt = clock.now();
    while (clock.now() - startedAt < 300_000) {
      script.current.fail(new Error("down"));
      await clock.settle();
      const delay = clock.nextTimerMs ?? 0;
      assert.ok(delay <= 5_000, `${delay} ms`);
      await clock.advance(delay);
      failing++;
    }
    assert.ok(failing > 70 && failing < 220, `${failing} attempts in five minutes`);
  });

  test("an adapter that says when to try again, is tried then", async () => {
    script.current.fail(Object.assign(new Error("too many requests"), { retryAfterMs: 7_000 }));
    await clock.advance(6_999);
    assert.equal(script.watches.length, 1);
    await clock.advance(1);
    assert.equal(script.watches.length, 2);
  });

  test("a watch that ends by itself, is watched again", async () => {
    script.current.emit(snapshot("1.1.1"));
    script.current.finish();
    await clock.advance(250);
    assert.equal(script.watches.length, 2);
    assert.match(texts()[0]!, /the watch ended by itself/);
    assert.deepEqual(known(), ["1.1.1"]);
  });

  test("a watch that says nothing, is told after five seconds, and callers get their answer in time", async () => {
    const waiting = assert.rejects(members.ready({ timeoutMs: 6_000 }), {
      code: "DEADLINE_EXCEEDED",
      execution: "notRun",
      message: "no snapshot from discovery after 6000 ms; discovery: watch() has reported nothing for 5000 ms, not even an empty snapshot",
    });
    await clock.advance(6_000);
    await waiting;
    assert.equal(reports[0]?.type, "watch-silent");
  });

  test("garbage and bad records, are told once while the rest goes on", async () => {
    for (let round = 0; round < 3; round++) {
      script.current.emit("hello");
      script.current.emit({ type: "snapshot", members: [member("1.1.1"), ...Array(7).fill(member("1.1.2", { endpoint: "h" }))] });
    }
    await clock.advance(10_000);
    assert.deepEqual(known(), ["1.1.1"]);
    assert.match(texts()[0]!, /^discovery: expected an event, got "hello"$/);
    assert.match(texts()[1]!, /^discovery: member 1\.1\.2: endpoint "h": .*; and 2 more$/);
  });

  const broken: readonly (readonly [string, () => unknown, RegExp])[] = [
    [
      "throws at once",
      () => {
        throw new Error("no store");
      },
      /^discovery: no store; /,
    ],
    ["returns a promise", () => Promise.resolve([]), /watch\(\) must return an async iterable, as "async \*watch" does; got an object/],
    ["returns nothing", () => undefined, /must return an async iterable.*got undefined/],
    [
      "rejects with nothing",
      () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(undefined) }) }),
      /^discovery: undefined/,
    ],
    ["gives results that are none", () => ({ [Symbol.asyncIterator]: () => ({ next: () => 7 }) }), /the watch's next\(\) gave 7/],
    ["gives no results", () => ({ [Symbol.asyncIterator]: () => ({ next: () => null }) }), /discovery: Cannot read/],
  ];
  for (const [what, watch, message] of broken) {
    test(`a watch that ${what}, is told and tried again`, async () => {
      await members.close();
      let calls = 0;
      open({
        watch: () => {
          calls++;
          return watch() as AsyncIterable<DiscoveryEvent>;
        },
      });
      await clock.advance(10_000);
      assert.match(texts()[0]!, message);
      assert.ok(calls > 3 && calls < 60, `${calls} calls in ten seconds`);
    });
  }

  test("an adapter that always has something to say, does not keep timers from running", async () => {
    await members.close();
    let events = 0;
    open({
      async *watch(signal) {
        while (!signal.aborted) {
          events++;
          yield snapshot("1.1.1");
        }
      },
    });
    await members.ready();
    const closed = members.close();
    await closed;
    const before = events;
    await clock.settle();
    assert.equal(events, before);
  });

  test("a closed view, aborts the watch, lets go of the iterator, and takes no later events", async () => {
    script.current.emit(snapshot("1.1.1"));
    await clock.settle();
    const waiting = assert.rejects(members.waitFor(2), { code: "CANCELLED", message: "the node was closed" });
    let changes = 0;
    members.onChange(() => changes++);
    await members.close();
    await waiting;
    script.current.emit(snapshot("1.1.2"));
    await clock.settle();
    assert.deepEqual([script.current.signal.aborted, script.current.returned, changes], [true, true, 0]);
    assert.deepEqual(known(), ["1.1.1"]);
    await assert.rejects(members.ready(), { code: "CANCELLED" });
    members.start();
    await clock.settle();
    assert.equal(script.watches.length, 1);
  });

  test("an adapter that never lets go, does not hold up closing for long", async () => {
    await members.close();
    open({
      async *watch() {
        yield snapshot("1.1.1");
        await new Promise(() => {});
      },
    });
    await members.ready();
    await clock.settle();
    let closed = false;
    const closing = members.close({ timeoutMs: 1_000 }).then(() => {
      closed = true;
    });
    await clock.advance(999);
    assert.equal(closed, false);
    await clock.advance(1);
    await closing;
  });

  test("members of a wiped store, go after the grace and listeners hear of it", async () => {
    const removed: string[] = [];
    members.onChange((change) => removed.push(...change.removed.map(({ address }) => formatAddress(address))));
    script.current.emit({ type: "snapshot", members: [member("1.1.1"), member("1.1.2")], storeEpoch: "a" });
    script.current.emit({ type: "snapshot", members: [], storeEpoch: "b" });
    await clock.advance(10_000);
    script.current.emit({ type: "delta", put: [member("1.1.2")], removed: [] });
    await clock.advance(4_999);
    assert.deepEqual(removed, []);
    await clock.advance(1);
    assert.deepEqual([removed, known()], [["1.1.1"], ["1.1.2"]]);
  });

  suite("waiting", () => {
    test("nodes that come later, end the wait with their records", async () => {
      const waiting = members.waitFor(1, { count: 2 });
      script.current.emit(snapshot("1.1.1"));
      await clock.settle();
      script.current.emit({ type: "delta", put: [member("1.1.2")], removed: [] });
      const found = await waiting;
      assert.deepEqual(
        found.map(({ address }) => formatAddress(address)),
        ["1.1.1", "1.1.2"],
      );
    });

    test("too few nodes in time, say what was found and what was not", async () => {
      script.current.emit({
        type: "snapshot",
        members: [
          member("1.1.1"),
          member("1.1.2", { available: false }),
          member("1.1.3"),
          ...[1, 2, 3, 4, 5, 6].map((id) => member(`2.1.${id}`)),
          member("1.2.1"),
        ],
      });
      await clock.settle();
      members.markDraining(parseAddress("1.1.3"), true);
      const waiting = assert.rejects(members.waitFor(1, { count: 2, timeoutMs: 5_000 }), {
        code: "DEADLINE_EXCEEDED",
        execution: "notRun",
        message:
          "1 of 2 nodes of type 1 after 5000 ms; known but not available: 1.1.2; known but going away: 1.1.3; " +
          "known in other groups but not exported: 2.1.1, 2.1.2, 2.1.3, 2.1.4, 2.1.5 and 1 more",
      });
      await clock.advance(5_000);
      await waiting;
    });

    test("a node that is draining no more, ends the wait", async () => {
      script.current.emit(snapshot("1.1.1"));
      await clock.settle();
      members.markDraining(parseAddress("1.1.1"), true);
      assert.throws(() => members.pick(1), { code: "UNAVAILABLE", message: "no node of type 1: known but going away: 1.1.1" });
      const waiting = members.waitFor(1);
      members.markDraining(parseAddress("1.1.1"), false);
      assert.equal((await waiting).length, 1);
    });

    test("an aborted signal, ends the wait and leaves nothing behind", async () => {
      const abort = new AbortController();
      const waiting = members.waitFor(1, { signal: abort.signal });
      const timers = clock.pendingTimers;
      abort.abort(new Error("enough"));
      await assert.rejects(waiting, (error: RpcError) => error.code === "CANCELLED" && (error.cause as Error).message === "enough");
      assert.equal(clock.pendingTimers, timers - 1);
      await assert.rejects(members.waitFor(1, { signal: abort.signal }), { code: "CANCELLED" });
    });

    test("a node waits for itself, and is told when it is not configured", async () => {
      const waiting = members.waitForMember("1.9.1", { timeoutMs: 2_000 });
      script.current.emit(snapshot("1.9.1"));
      assert.equal((await waiting).address, parseAddress("1.9.1"));
      const missing = assert.rejects(members.waitForMember("1.9.2", { timeoutMs: 2_000 }), {
        message: "1.9.2 is not in discovery after 2000 ms; 1 other members are",
      });
      await clock.advance(2_000);
      await missing;
    });

    test("what cannot be waited for, is refused at once", async () => {
      await assert.rejects(members.waitFor(-1), /a node type is a whole number/);
      await assert.rejects(members.waitFor(1, { count: 0 }), /count is a whole number from 1, got 0/);
      await assert.rejects(members.waitFor(1, { timeoutMs: 2 ** 31 }), /from 1 to 2147483647, got 2147483648/);
    });

    test("a pick that finds nobody before the first snapshot, says so", () => {
      assert.throws(() => members.pick(1), {
        name: "RpcError",
        message: "no node of type 1: no others are known; discovery has not reported anything yet",
      });
    });

    test("a policy that chooses none, is told apart from there being none", async () => {
      script.current.emit(snapshot("1.1.1"));
      await clock.settle();
      assert.throws(() => members.pick(1, () => undefined), { message: "the policy chose none of 1 nodes of type 1" });
    });
  });

  suite("listeners", () => {
    test("a listener that throws or rejects, is told and stops neither the others nor the watch", async () => {
      const seen: number[] = [];
      members.onChange(() => {
        throw new Error("mine");
      });
      members.onChange(async () => {
        throw new Error("mine too");
      });
      const leave = members.onChange(({ added }) => seen.push(added.length));
      script.current.emit(snapshot("1.1.1", "1.1.2"));
      await clock.settle();
      script.current.emit(snapshot("1.1.1", "1.1.2"));
      script.current.emit(snapshot("1.1.1", "1.1.2", "1.1.3"));
      await clock.settle();
      leave();
      script.current.emit(snapshot());
      await clock.settle();
      assert.deepEqual(seen, [2, 1]);
      assert.deepEqual(texts().slice(0, 2), [
        "discovery: a listener of member changes threw: mine",
        "discovery: a listener of member changes threw: mine too",
      ]);
    });

    test("a listener, finds the change made already", async () => {
      let found: number | undefined;
      members.onChange(() => {
        found = members.tryPick(1);
      });
      script.current.emit(snapshot("1.1.1"));
      await clock.settle();
      assert.equal(found, parseAddress("1.1.1"));
    });
  });

  test("nodes that share a memory, find each other and see who leaves", async () => {
    await members.close();
    const store = memory();
    const one = open(store);
    const other = new Members({ self: parseAddress("1.2.1"), discovery: store, clock, random: new SeededRandom(2), report: () => {} });
    other.start();
    assert.equal(await one.register(member("1.9.1")), 1n);
    assert.equal(await other.register(member("1.2.1")), 2n);
    assert.equal((await one.waitFor(2))[0]?.incarnation, 2n);
    await one.update({ available: false });
    await clock.settle();
    assert.equal(other.tryPick(9), undefined);
    await other.close();
    await clock.settle();
    assert.deepEqual(known(), ["1.9.1"]);
    assert.ok(RpcError.is(await other.ready().catch((error: unknown) => error)));
  });
});
