import assert from "node:assert/strict";
import { makeAddress } from "../../../src/addr/logical-address.js";
import type { Member } from "../../../src/discovery/discovery.js";
import { ChangeLog } from "../../../src/discovery/server/change-log.js";
import { until } from "../../support/until.js";
import { ServerPlace } from "./support/server-place.js";

suite("the log of changes", () => {
  test("asked for what came after a revision, has each key once; what is too long ago, it does not know", () => {
    const log = new ChangeLog<string>(10n, 4);
    for (const [revision, key] of [
      [11n, "a"],
      [12n, "b"],
      [13n, "a"],
    ] as const)
      log.append(revision, key);
    assert.deepEqual(log.since(10n), new Set(["a", "b"]));
    assert.deepEqual(log.since(12n), new Set(["a"]));
    assert.deepEqual(log.since(13n), new Set());
    assert.equal(log.since(9n), undefined);
    for (let revision = 14n; revision < 40n; revision++) log.append(revision, `${revision}`);
    assert.equal(log.since(34n), undefined);
    assert.deepEqual(log.since(35n), new Set(["36", "37", "38", "39"]));
  });

  test("asked for changes in order, has each key once, where it changed last", () => {
    const log = new ChangeLog<string>(10n, 4);
    for (const [index, key] of ["a", "b", "a", "c"].entries()) log.append(BigInt(11 + index), key);
    assert.deepEqual(log.changesSince(10n), [
      { key: "b", revision: 12n },
      { key: "a", revision: 13n },
      { key: "c", revision: 14n },
    ]);
    assert.deepEqual(log.changesSince(14n), []);
    assert.equal(log.changesSince(9n), undefined);
  });
});

suite("reports of a server with many members", () => {
  const count = 2_000;
  const metadata = { text: "x".repeat(300) };
  const memberOf = (id: number, version: string): Member => ({ address: makeAddress(1, 1, id), endpoint: "10.0.0.1:1", metadata, version });

  test("that do not fit into one, are read in parts while members change, and end in the state of the store", async () => {
    const nodes = Array.from({ length: count }, (_, id) => ({ ...memberOf(id, "0"), address: `1.1.${id}` }));
    await using place = await ServerPlace.start({}, JSON.stringify({ nodes }));
    const admin = place.adapter();
    const abort = new AbortController();
    const seen = new Map<number, string | undefined>();
    let events = 0;
    const watching = (async () => {
      for await (const event of place.adapter().watch(abort.signal)) {
        events++;
        if (event.type === "snapshot") assert.equal(event.members.length, count);
        for (const { address, version } of event.type === "snapshot" ? event.members : event.put) seen.set(address, version);
      }
    })();
    // The first and the last one, so that some part of the snapshot is older than the change.
    await admin.putNode(memberOf(0, "1"));
    await admin.putNode(memberOf(count - 1, "1"));
    await until(() => seen.get(makeAddress(1, 1, 0)) === "1" && seen.get(makeAddress(1, 1, count - 1)) === "1");
    assert.equal(seen.size, count);
    assert.ok(events >= 1);
    abort.abort();
    await watching;
  });

  test("of large values that are written all the time, come to an end: a list completes, and a watch sees the last value of every key", async () => {
    await using place = await ServerPlace.start();
    const keys = place.adapter().keyValue;
    const count = 14;
    const text = "x".repeat(200_000);
    const write = (index: number, round: number) => keys.set(`k/${index}`, `${round} ${text}`);
    await Promise.all(Array.from({ length: count }, (_, index) => write(index, 0)));
    let isWriting = true;
    let round = 0;
    const writing = (async () => {
      while (isWriting) {
        round++;
        await Promise.all(Array.from({ length: count }, (_, index) => write(index, round)));
      }
    })();
    const stop = new AbortController();
    const seen = new Map<string, string>();
    let events = 0;
    const watching = (async () => {
      for await (const event of place.adapter().keyValue.watch("k/", stop.signal)) {
        events++;
        if (event.type === "snapshot") seen.clear();
        else for (const key of event.removed) seen.delete(key);
        for (const { key, value } of event.type === "snapshot" ? event.entries : event.put)
          seen.set(key, value.slice(0, value.indexOf(" ")));
      }
    })();
    for (let n = 0; n < 2; n++) assert.equal((await place.adapter().keyValue.list("k/")).length, count);
    await keys.delete("k/0");
    isWriting = false;
    await writing;
    const last = await keys.list("k/");
    await until(() => seen.size === last.length && last.every(({ key, value }) => seen.get(key) === value.slice(0, value.indexOf(" "))));
    assert.ok(events > 1, "it was told meanwhile too");
    stop.abort();
    await watching;
  });

  test("of many keys, come in parts too", async () => {
    await using place = await ServerPlace.start();
    const keys = place.adapter().keyValue;
    const value = "x".repeat(20_000);
    await Promise.all(Array.from({ length: 60 }, (_, index) => keys.set(`a/${String(index).padStart(2, "0")}`, value)));
    await keys.set("b", "of no interest");
    const entries = await keys.list("a/");
    assert.deepEqual(
      entries.map(({ key }) => key),
      Array.from({ length: 60 }, (_, index) => `a/${String(index).padStart(2, "0")}`),
    );
    assert.ok(entries.every((entry) => entry.value === value));
  });
});
