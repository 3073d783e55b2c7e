import assert from "node:assert/strict";
import { harborAddress, makeAddress } from "../../../src/addr/logical-address.js";
import { formatDataFile, parseDataFile } from "../../../src/discovery/server/data-file.js";
import { encodeBatch, encodeHeader, parseLog } from "../../../src/discovery/server/log-text.js";
import type { Batch, StoreContents, StoreRecord } from "../../../src/discovery/server/records.js";
import { recover } from "../../../src/discovery/server/recovery.js";

const address = makeAddress(1, 1, 1);
const full: StoreRecord = {
  type: "member",
  stored: {
    member: {
      address,
      endpoint: "[::1]:80",
      export: true,
      available: false,
      load: -1.5,
      metadata: { "": "ü", __proto__x: "\n" },
      version: "1",
      incarnation: 2n ** 63n - 1n,
    },
    process: 2n ** 64n - 1n,
  },
};
const contents: StoreContents = {
  epoch: "e1",
  opened: 3,
  revision: 12n,
  lastToken: 99n,
  members: [{ member: { address: harborAddress(1, 0), endpoint: "10.0.0.1:1" }, process: 0n }],
  keys: [["a\nb", { value: "\u{1f600}", revision: 7n }]],
};
const batches: Batch[] = [
  { revision: 13n, records: [full] },
  {
    revision: 14n,
    records: [
      { type: "key", key: "k", value: "" },
      { type: "member-gone", address },
      { type: "key-gone", key: "a\nb" },
    ],
  },
];
const header = encodeHeader({ epoch: "e1", generation: 4 });
const log = Buffer.concat([header, ...batches.map(encodeBatch)]);

suite("the log of a store", () => {
  test("read back, has what was written", () => {
    const read = parseLog(log);
    assert.deepEqual([read.header, read.end], [{ epoch: "e1", generation: 4 }, "whole"]);
    assert.deepEqual(read.batches, batches);
  });

  test("cut off anywhere behind its header, has the batches that are whole", () => {
    for (let length = header.length; length < log.length; length++) {
      const { batches: found, end } = parseLog(log.subarray(0, length));
      const firstEnds = header.length + encodeBatch(batches[0]!).length;
      const whole = length < firstEnds ? 0 : 1;
      assert.deepEqual(found, batches.slice(0, whole));
      assert.equal(end, length === header.length || length === firstEnds ? "whole" : "torn");
    }
  });

  test("with any bit of a batch flipped, does not take that batch; what was behind it tells damage from a torn end", () => {
    const start = header.length;
    const end = start + encodeBatch(batches[0]!).length;
    for (let at = start; at < end; at++) {
      const bad = Buffer.from(log);
      bad[at]! ^= 1 << (at % 8);
      const read = parseLog(bad);
      assert.deepEqual([read.batches, read.end], [[], "damaged"], `byte ${at}`);
      assert.equal(parseLog(bad.subarray(0, end)).end, "torn", `byte ${at}`);
    }
  });
});

suite("recovering a store", () => {
  const data = formatDataFile(contents, 4);

  test("from snapshot and log, has both", async () => {
    const found = await recover(data, log, "cluster.json", "new");
    assert.deepEqual([found.problems, found.setLogAside, found.generation], [[], false, 4]);
    assert.equal(found.contents.epoch, "e1");
    assert.deepEqual(found.contents.members, contents.members);
    assert.deepEqual(found.contents.keys, [["k", { value: "", revision: 14n }]]);
    assert.deepEqual([found.contents.lastToken, found.contents.revision], [2n ** 63n - 1n, 16n]);
  });

  test("from a snapshot that is newer than the log, has the snapshot", async () => {
    const found = await recover(formatDataFile(contents, 5), log, "cluster.json", "new");
    assert.deepEqual([found.problems, found.contents.epoch, found.contents.members], [[], "e1", contents.members]);
  });

  const lossy: [string, string | undefined, Uint8Array | undefined, RegExp][] = [
    ["without the data file", undefined, log, /^cluster\.json is not there, and its log is: the store begins anew$/],
    ["without the log", data, undefined, /^the log of cluster\.json is not there/],
    ["with the log of another store", formatDataFile({ ...contents, epoch: "e2" }, 4), log, /is of another store/],
    ["with a snapshot from a backup", formatDataFile(contents, 3), log, /^cluster\.json is older than its log/],
    ["with a log that begins with nonsense", data, Buffer.from("nonsense\n"), /is damaged in line 1/],
    ["with an empty log", data, Buffer.alloc(0), /is damaged in line 1/],
    [
      "with a log that is damaged in its middle",
      data,
      Buffer.concat([header, Buffer.from("00000000 {}\n"), encodeBatch(batches[1]!)]),
      /is damaged in line 2: what was written from there on is lost/,
    ],
  ];
  for (const [name, text, bytes, problem] of lossy) {
    test(`${name}, says so, begins a new epoch, and keeps the log for whoever looks into it`, async () => {
      const found = await recover(text, bytes, "cluster.json", "new");
      assert.equal(found.contents.epoch, "new");
      assert.equal(found.problems.length, 1);
      assert.match(found.problems[0]!, problem);
      assert.equal(found.setLogAside, bytes !== undefined);
    });
  }

  test("with nothing on disk, is an empty store and no problem", async () => {
    const found = await recover(undefined, undefined, "cluster.json", "new");
    assert.deepEqual([found.problems, found.contents.members, found.contents.epoch], [[], [], "new"]);
  });

  test("from a list of nodes that somebody wrote, has these configured", async () => {
    const found = await recover(
      '{ "nodes": [{ "address": "1.1.1", "endpoint": "h:1", "version": "2" }] }',
      undefined,
      "cluster.json",
      "new",
    );
    assert.deepEqual(found.contents.members, [{ member: { address, endpoint: "h:1", version: "2" }, process: 0n }]);
    assert.deepEqual([found.problems, found.contents.epoch], [[], "new"]);
  });

  const wrong: [string, string, RegExp][] = [
    [
      "a broken list",
      '{ "nodes": [\n { "address": "1.300.1", "endpoint": "h:1" }] }',
      /cluster\.json:2:15: "1\.300\.1" is not a valid address/,
    ],
    ["no JSON", "{", /cluster\.json:1:2: the file ends while/],
    ["a key that is none", '{ "nodes": [{ "address": "1.1.1", "endpoint": "h:1", "exprot": true }] }', /did you mean "export"/],
    ["a node twice", '{ "nodes": [{"address":"1.1.1","endpoint":"h:1"},{"address":"1.1.1","endpoint":"h:2"}] }', /is listed twice/],
    [
      "a registered node without incarnation",
      data.replace('"registered": []', '"registered": [{"address":"1.1.1","endpoint":"h:1"}]'),
      /changed by hand/,
    ],
  ];
  for (const [name, text, problem] of wrong) {
    test(`from ${name}, is refused: what a person wrote is not overwritten`, async () => {
      await assert.rejects(recover(text, undefined, "cluster.json", "new"), problem);
    });
  }

  test("a data file that was written, reads back", async () => {
    const stored = full.type === "member" ? full.stored : assert.fail();
    const all = { ...contents, members: [...contents.members, stored] };
    const read = await parseDataFile(formatDataFile(all, 4), "cluster.json");
    assert.deepEqual(read, {
      store: { epoch: "e1", opened: 3, revision: 12n, lastToken: 99n, generation: 4 },
      members: all.members,
      keys: all.keys,
    });
  });
});
