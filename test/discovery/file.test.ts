import assert from "node:assert/strict";
import { mkdtemp, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatAddress, type LogicalAddress, parseAddress } from "../../src/addr/logical-address.js";
import type { DiscoveryEvent, Member } from "../../src/discovery/discovery.js";
import { file } from "../../src/discovery/file.js";
import { Members } from "../../src/discovery/members.js";
import type { DiscoveryReport } from "../../src/discovery/report.js";
import type { Clock } from "../../src/internal/clock.js";
import { Deferred } from "../../src/internal/deferred.js";
import { discoveryContract } from "../../src/testing/discovery/index.js";

const ONE = '{ "nodes": [{ "address": "1.1.1", "endpoint": "10.0.0.1:8011" }] }';
const TWO = '{ "nodes": [{ "address": "1.1.2", "endpoint": "10.0.0.2:8011" }] }';

const realClock: Clock = {
  now: () => performance.now(),
  wallClock: () => Date.now(),
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
  afterTurn: (callback) => setImmediate(callback),
  nextTurn: (callback) => setImmediate(callback),
};

suite("file discovery", () => {
  let folder: string;
  let path: string;
  let members: Map<LogicalAddress, Member>;

  setup(async () => {
    folder = await mkdtemp(join(tmpdir(), "clusterts-file-"));
    path = join(folder, "cluster.json");
    members = new Map();
  });

  teardown(() => rm(folder, { recursive: true }));

  const save = async (): Promise<void> => {
    const nodes = [...members.values()].map(({ address, ...rest }) => ({ address: formatAddress(address), ...rest }));
    await writeFile(`${path}.new`, JSON.stringify({ nodes }, null, 2));
    await rename(`${path}.new`, path);
  };
  const checks = discoveryContract({
    create: async () => {
      await save();
      return file(path);
    },
    put: async (member) => {
      members.set(member.address, member);
      await save();
    },
    remove: async (address) => {
      members.delete(address);
      await save();
    },
    registers: false,
  });
  for (const { name, run } of checks) test(name, run);

  /** Reads one watch after the other, as the library does. */
  const reader = () => {
    const abort = new AbortController();
    let iterator = file(path).watch(abort.signal)[Symbol.asyncIterator]();
    return {
      members: async (): Promise<string[]> => {
        const { value: event } = (await iterator.next()) as { value: DiscoveryEvent };
        assert.equal(event.type, "snapshot");
        return event.members.map(({ address }) => formatAddress(address));
      },
      problem: async (): Promise<string> => {
        const error = await iterator.next().then(
          () => assert.fail("it should have thrown"),
          (reason: Error) => reason,
        );
        assert.equal("retryAfterMs" in error && error.retryAfterMs, 500);
        iterator = file(path).watch(abort.signal)[Symbol.asyncIterator]();
        return error.message.replaceAll(folder, "");
      },
      end: async (): Promise<void> => {
        abort.abort();
        await iterator.return?.();
      },
    };
  };

  test("a file that is written in place, shows each time", async () => {
    await writeFile(path, ONE);
    const view = reader();
    assert.deepEqual(await view.members(), ["1.1.1"]);
    await writeFile(path, TWO);
    assert.deepEqual(await view.members(), ["1.1.2"]);
    await view.end();
  });

  test("a symbolic link in another folder that is moved to another file, shows the other", async () => {
    await writeFile(join(folder, "a.json"), ONE);
    await writeFile(join(folder, "b.json"), TWO);
    await symlink("a.json", path);
    const view = reader();
    assert.deepEqual(await view.members(), ["1.1.1"]);
    await symlink("b.json", join(folder, "link"));
    await rename(join(folder, "link"), path);
    assert.deepEqual(await view.members(), ["1.1.2"]);
    await view.end();
  });

  test("a file that is half written when it is noticed, is not reported as broken", async () => {
    await writeFile(path, ONE);
    const view = reader();
    await view.members();
    const next = view.members();
    await writeFile(path, TWO.slice(0, 20));
    await writeFile(path, TWO);
    assert.deepEqual(await next, ["1.1.2"]);
    await view.end();
  });

  test("a file that is missing, broken, then repaired, is reported each time by name and place, and read in the end", async () => {
    const view = reader();
    assert.equal(await view.problem(), "/cluster.json: there is no such file");
    await writeFile(path, '{\n  "nodes": [\n    { "address": "1.300.1", "endpoint": "10.0.0.1:8011" }\n  ]\n}\n');
    assert.equal(
      await view.problem(),
      '/cluster.json:3:18: "1.300.1" is not a valid address: type is 300, must be a whole number from 1 to 254',
    );
    await writeFile(path, ONE);
    assert.deepEqual(await view.members(), ["1.1.1"]);
    await unlink(path);
    assert.equal(await view.problem(), "/cluster.json: there is no such file");
    await writeFile(path, TWO);
    assert.deepEqual(await view.members(), ["1.1.2"]);
    await view.end();
  });

  test("a folder in place of the file, is reported", async () => {
    path = folder;
    const view = reader();
    assert.match(await view.problem(), / cannot be read: EISDIR/);
    await view.end();
  });

  test("a view of a file that breaks and is repaired, keeps its members, tells it once, and has the new ones soon", async () => {
    await writeFile(path, ONE);
    const reports: DiscoveryReport[] = [];
    let reported = new Deferred<void>();
    const members = new Members({
      self: parseAddress("1.9.1"),
      discovery: file(path),
      clock: realClock,
      random: { next: Math.random, bytes: (length) => new Uint8Array(length) },
      report: (report) => {
        reports.push(report);
        reported.resolve();
      },
    });
    members.start();
    await members.waitFor(1);
    await writeFile(path, "{");
    await reported.promise;
    reported = new Deferred();
    await assert.rejects(
      members.waitForMember("1.1.2", { timeoutMs: 1_200 }),
      /cluster\.json:1:2: the file ends while a { or \[ is still open/,
    );
    assert.deepEqual([reports.length, members.size], [1, 1], "two retries later");
    await writeFile(path, TWO);
    await members.waitForMember("1.1.2", { timeoutMs: 3_000 });
    await reported.promise;
    assert.equal(reports[1]?.text, "discovery: the watch works again");
    await members.close();
  });

  test("an edit that changes nothing but the time, is not reported as a change", async () => {
    await writeFile(path, ONE);
    const view = reader();
    await view.members();
    const next = view.members();
    await writeFile(path, ONE);
    await writeFile(path, TWO);
    assert.deepEqual(await next, ["1.1.2"]);
    await view.end();
  });
});
