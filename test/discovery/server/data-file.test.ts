import assert from "node:assert/strict";
import { chmod, lstat, mkdir, mkdtemp, readFile, rm, rmdir, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseAddress } from "../../../src/addr/logical-address.js";
import { discoveryServer } from "../../../src/discovery/server/adapter.js";
import { disk } from "../../../src/discovery/server/disk.js";
import { startDiscoveryServer } from "../../../src/discovery/server/server.js";
import type { Logger } from "../../../src/internal/logger.js";
import { until } from "../../support/until.js";
import { ServerPlace } from "./support/server-place.js";

const NODE = { address: parseAddress("1.1.1"), endpoint: "10.0.0.1:1" };

/** Keeps what is logged. */
function listening(): { readonly lines: string[]; readonly logger: Logger } {
  const lines: string[] = [];
  const at =
    (level: string) =>
    (_: object, text: string): void =>
      void lines.push(`${level} ${text}`);
  return { lines, logger: { trace() {}, debug() {}, info: at("info"), warn: at("warn"), error: at("error") } };
}

suite("the data file of a server that runs", () => {
  test("deleted, is written again with all that the server has", async () => {
    const { lines, logger } = listening();
    await using place = await ServerPlace.start({ logger });
    const admin = place.adapter();
    await admin.putNode(NODE);
    await admin.keyValue.set("a", "1");
    await place.deleteData();
    await until(() => lines.some((line) => /^warn .*was deleted while the server runs: it is written again$/.test(line)));
    await admin.keyValue.set("b", "2");
    const { epoch } = place.server.status();
    await place.stop();
    await place.startAgain();
    assert.deepEqual([place.server.status().epoch, place.server.status().members], [epoch, 1]);
    assert.deepEqual(
      (await place.adapter().keyValue.list("")).map(({ value }) => value),
      ["1", "2"],
    );
  });

  test("edited, has its nodes taken: those that were added, changed and removed, and no others", async () => {
    const { lines, logger } = listening();
    await using place = await ServerPlace.start(
      { logger },
      '{ "nodes": [{ "address": "1.1.2", "endpoint": "h:2" }, { "address": "1.1.3", "endpoint": "h:3" }] }',
    );
    const admin = place.adapter();
    await admin.putNode(NODE); // in the log alone, not in the file: nobody has removed it
    const text = await place.read();
    await writeFile(
      place.data,
      text.replace('{"address":"1.1.2","endpoint":"h:2"}', '{"address":"1.1.4","endpoint":"h:4"}').replace("h:3", "h:33"),
    );
    await until(() => lines.some((line) => /was edited: 2 nodes put, 1 removed$/.test(line)));
    const written = JSON.parse(await place.read()) as { nodes: { address: string; endpoint: string }[] };
    assert.deepEqual(written.nodes.map(({ address, endpoint }) => `${address} ${endpoint}`).sort(), [
      "1.1.1 10.0.0.1:1",
      "1.1.3 h:33",
      "1.1.4 h:4",
    ]);
  });

  test("edited so that one node of two cannot be, has the other one taken, and is told once and not each second", async () => {
    const { lines, logger } = listening();
    let looks = 0;
    const stamp = (path: string) => {
      looks++;
      return disk.stamp(path);
    };
    await using place = await ServerPlace.start({ logger, files: { ...disk, stamp } });
    const large = JSON.stringify({ text: "x".repeat(17_000) });
    const nodes = `[{ "address": "1.1.4", "endpoint": "h:4", "metadata": ${large} }, { "address": "1.1.5", "endpoint": "h:5" }]`;
    const edit = (await place.read()).replace('"nodes": []', `"nodes": ${nodes}`);
    await writeFile(place.data, edit);
    const told = () =>
      lines.filter((line) => /was edited, and 1 of 2 changes cannot be taken: member 1\.1\.4 has \d+ bytes of texts/.test(line)).length;
    await until(() => told() === 1);
    assert.equal(place.server.status().members, 1);
    const before = looks;
    await until(() => looks >= before + 6); // two in each look of the server
    assert.equal(told(), 1);
    assert.equal(lines.filter((line) => line.includes("cannot be looked at")).length, 0);
    assert.equal(await place.read(), edit, "what could not be taken is there to be mended");
  });

  test("with a key edited by hand, says that it is not taken, keeps the edit aside, and writes the key again", async () => {
    const { lines, logger } = listening();
    await using place = await ServerPlace.start({ logger });
    const keys = place.adapter().keyValue;
    for (const key of ["changed", "removed", "left"]) await keys.set(key, "old");
    await place.stop(); // the keys are in the file now, and not in the log alone
    await place.startAgain();
    const edit = (await place.read())
      .replace('{"key":"changed","value":"old"', '{"key":"changed","value":"new"')
      .replace(/ *\{"key":"removed".*\n/, "");
    await writeFile(place.data, edit);
    await until(() =>
      lines.some((line) => /^error .*the edit of key "changed", "removed" is not taken: clusterts set and delete change keys$/.test(line)),
    );
    await until(() => lines.some((line) => /the edit is in .*cluster\.json\.edited$/.test(line)));
    assert.equal(await readFile(`${place.data}.edited`, "utf8"), edit);
    assert.match(await place.read(), /"key":"changed","value":"old"/);
    assert.match(await place.read(), /"key":"removed"/);
    assert.equal((await place.adapter().keyValue.get("changed"))?.value, "old");
  });

  test("written anew, keeps its permissions and stays the file that a symbolic link leads to", async () => {
    const folder = await mkdtemp(join(tmpdir(), "clusterts-discovery-"));
    const file = join(folder, "real.json");
    const data = join(folder, "link.json");
    await writeFile(file, '{ "nodes": [] }');
    await chmod(file, 0o640);
    await symlink(file, data);
    {
      await using server = await startDiscoveryServer({ listen: "127.0.0.1:0", data, logger: false });
      const admin = discoveryServer(server.endpoint);
      await admin.putNode(NODE);
    }
    assert.equal((await lstat(data)).isSymbolicLink(), true);
    assert.equal((await stat(file)).mode & 0o777, 0o640);
    assert.equal((await stat(`${file}.log`)).mode & 0o777, 0o640, "the log has the same in it");
    assert.match(await readFile(file, "utf8"), /1\.1\.1/);
    await rm(folder, { recursive: true });
  });

  test("edited wrongly, is told with line and column, and kept aside when it has to be overwritten", async () => {
    const { lines, logger } = listening();
    await using place = await ServerPlace.start({ logger });
    await writeFile(place.data, '{ "nodes": [,] }');
    await until(() => lines.some((line) => /^error .*cluster\.json:1:13: .*the edit is not taken$/.test(line)));
    await place.stop();
    assert.equal(await readFile(`${place.data}.edited`, "utf8"), '{ "nodes": [,] }');
    assert.ok(lines.some((line) => /the edit is in .*cluster\.json\.edited$/.test(line)));
    await place.startAgain();
  });

  test("written by another server that runs where no lock reaches, stops this one, and what the other wrote stays", async () => {
    const { lines, logger } = listening();
    await using place = await ServerPlace.start({ logger });
    const admin = place.adapter();
    await admin.keyValue.set("a", "1");
    const files = { ...disk, lock: async () => async () => {} };
    await using other = await startDiscoveryServer({ listen: "127.0.0.1:0", data: place.data, files, logger: false });
    await using fromOther = discoveryServer(other.endpoint);
    assert.equal((await fromOther.keyValue.get("a"))?.value, "1");
    await assert.rejects(admin.keyValue.set("b", "to the old one"), /another discovery server writes .*cluster\.json/);
    assert.equal(lines.filter((line) => /^error .*another discovery server writes .*; this one has stopped/.test(line)).length, 1);
    await fromOther.keyValue.set("c", "3");
    await place.stop();
    await other.close();
    await place.startAgain();
    assert.deepEqual(
      (await place.adapter().keyValue.list("")).map(({ key }) => key),
      ["a", "c"],
    );
  });

  test("written by another server while nobody asks this one, stops it too", async () => {
    const { lines, logger } = listening();
    await using place = await ServerPlace.start({ logger });
    const files = { ...disk, lock: async () => async () => {} };
    await using other = await startDiscoveryServer({ listen: "127.0.0.1:0", data: place.data, files, logger: false });
    await until(() => lines.some((line) => /^error .*another discovery server writes .*; this one has stopped/.test(line)));
    assert.equal(other.status().members, 0);
    await place.stop();
    await other.close();
    assert.ok(!lines.some((line) => line.includes("edit")));
  });

  test("gone with its folder, which comes back empty, is written again from memory", async () => {
    const { lines, logger } = listening();
    await using place = await ServerPlace.start({ logger });
    const admin = place.adapter();
    await admin.keyValue.set("a", "1");
    const { epoch } = place.server.status();
    await rm(dirname(place.data), { recursive: true });
    await until(() => lines.some((line) => /^error .*cannot be written/.test(line)));
    await mkdir(dirname(place.data));
    await until(() => lines.some((line) => /can be written again$/.test(line)));
    assert.equal((await admin.keyValue.get("a"))?.value, "1");
    await admin.keyValue.set("b", "2");
    await place.stop();
    await place.startAgain();
    assert.equal(place.server.status().epoch, epoch);
    assert.deepEqual(
      (await place.adapter().keyValue.list("")).map(({ value }) => value),
      ["1", "2"],
    );
  });

  test("replaced by a folder, is told once, and the server goes on; without the folder it is written again", async () => {
    const { lines, logger } = listening();
    await using place = await ServerPlace.start({ logger });
    const admin = place.adapter();
    await admin.keyValue.set("a", "1");
    await rm(place.data);
    await mkdir(place.data);
    await until(() => lines.some((line) => /^error .*cannot be looked at: .*; the server goes on with what it has$/.test(line)));
    await admin.keyValue.set("b", "2");
    await rmdir(place.data);
    await until(() => lines.some((line) => /is written again$/.test(line)));
    assert.equal(lines.filter((line) => line.includes("cannot be")).length, 1);
    await place.stop();
    await place.startAgain();
    assert.equal((await place.adapter().keyValue.list("")).length, 2);
  });

  test("of another server that runs, stops the start", async () => {
    await using place = await ServerPlace.start();
    const start = (): Promise<unknown> => startDiscoveryServer({ listen: "127.0.0.1:0", data: place.data, logger: false });
    await assert.rejects(start(), /cluster\.json: another discovery server uses it$/);
    await place.stop();
    await place.startAgain();
  });

  test("that is not what the server wrote, stops the start and stays as it is", async () => {
    await using place = await ServerPlace.start();
    await place.stop();
    const text = (await place.read()).replace('"nodes": []', '"nodes": [{ "address": "1.1.1" }]');
    await writeFile(place.data, text);
    await assert.rejects(
      startDiscoveryServer({ listen: "127.0.0.1:0", data: place.data, logger: false }),
      /cluster\.json:2:13: this node has no "endpoint"/,
    );
    assert.equal(await place.read(), text);
  });
});
