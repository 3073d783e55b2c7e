/** `clusterts harbor`: two of them as programs of their own, between two nodes of this process. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { file } from "../../src/discovery/file.js";
import { createNode } from "../../src/node/node.js";
import { Workspace } from "../codegen/support/workspace.js";
import { freePort } from "../support/raw-server.js";
import { textMethod } from "../support/text-method.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const echo = textMethod("test.Echo/echo");

suite("clusterts harbor", () => {
  test("two of them, let nodes of two groups call each other, and end as they are told", async function () {
    this.timeout(60_000); // two programs are started
    const folder = mkdtempSync(join(tmpdir(), "clusterts-harbor-"));
    const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
    const at = async (address: string): Promise<object> => ({ address, endpoint: `127.0.0.1:${await freePort()}` });
    const [one, two] = [await at("1.255.1"), await at("2.255.1")];
    const [caller, callee] = [await at("1.2.1"), await at("2.1.1")];
    write("one.json", JSON.stringify({ nodes: [one, caller] }));
    write("two.json", JSON.stringify({ nodes: [two, callee] }));
    write("harbors.json", JSON.stringify({ nodes: [one, two] }));
    for (const name of ["one", "two", "harbors"]) write(`${name}.secret`, `the secret of ${name}, of thirty-two bytes or more\n`);
    const children: ChildProcess[] = [];
    try {
      for (const [group, address] of [
        ["one", "1.255.1"],
        ["two", "2.255.1"],
      ] as const) {
        const args = ["harbor", "--address", address, "--discovery", `file:${join(folder, `${group}.json`)}`];
        args.push("--harbors", `file:${join(folder, "harbors.json")}`);
        if (group === "two") args.push("--json");
        args.push("--secret-file", join(folder, `${group}.secret`), "--harbor-secret-file", join(folder, "harbors.secret"));
        // From the repository's folder: its tsconfig says where the library finds itself.
        children.push(spawn(process.execPath, ["--import", "tsx", MAIN, ...args], { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] }));
      }
      const lines = await Promise.all(
        children.map(async (child) => {
          const ended = once(child, "exit").then(([code]) => assert.fail(`it exited with ${code}`));
          return (await Promise.race([once(createInterface(child.stdout!), "line"), ended]))[0] as string;
        }),
      );
      assert.match(lines[0]!, /^harbor 1\.255\.1 listens on 127\.0\.0\.1:\d+$/);
      const ready = JSON.parse(lines[1]!) as Record<string, string>;
      assert.equal(ready.address, "2.255.1");
      assert.match(ready.endpoint!, /^127\.0\.0\.1:\d+$/);
      const node = (address: "1.2.1" | "2.1.1", group: string) =>
        createNode({
          address,
          discovery: file(join(folder, `${group}.json`)),
          secrets: [`the secret of ${group}, of thirty-two bytes or more`],
          logger: false,
        });
      await using handler = node("2.1.1", "two");
      handler.handle(echo, (input: { text: string }) => input);
      await handler.start();
      await using asker = await node("1.2.1", "one").start();
      assert.deepEqual(await asker.invoke("2.1.1", echo, { text: "over two programs" }), { text: "over two programs" });
      for (const child of children) child.kill("SIGTERM");
      assert.deepEqual(await Promise.all(children.map(async (child) => (await once(child, "exit"))[0])), [0, 0]);
    } finally {
      for (const child of children) child.kill("SIGKILL");
      rmSync(folder, { recursive: true });
    }
  });

  test("without an address, with one of a node, or where it cannot start, says what is wrong", async () => {
    using workspace = new Workspace({ "cluster.json": '{ "nodes": [] }' });
    const outcomes = [
      await workspace.run("harbor", "--discovery", "file:cluster.json"),
      await workspace.run("harbor", "--address", "1.2.1", "--discovery", "file:cluster.json"),
      await workspace.run("harbor", "--address", "1.255.1"),
      await workspace.run("harbor", "--address", "1.255.1", "--discovery", "file:cluster.json", "--timeout", "3000"),
    ];
    assert.deepEqual(
      outcomes.map(({ code, stderr }) => [
        code,
        stderr
          .split("\n")[0]!
          .replace(/\d+ ms/, "<n> ms")
          .slice(0, 90),
      ]),
      [
        [2, "clusterts harbor: which harbor is it? Give --address, such as 1.255.1; see clusterts harbo"],
        [2, "clusterts harbor: node options: harbors: is for harbors, whose addresses have type 255; se"],
        [2, "clusterts harbor: where is discovery? Give --discovery, or set CLUSTERTS_DISCOVERY; see cl"],
        [1, "clusterts harbor: 1.255.1 did not start: 1.255.1 is not in discovery after <n> ms; 0 other"],
      ],
    );
  });
});
