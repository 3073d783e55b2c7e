/** `clusterts discovery`: what is wrong with how it is used, in this process; that it runs and ends, in one of its own. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { runCommandLine } from "../../src/cli/commands.js";
import { discoveryServer } from "../../src/discovery/server/adapter.js";
import { Workspace } from "../codegen/support/workspace.js";
import { ServerProcess } from "../fault/discovery/server-process.js";

suite("clusterts discovery", () => {
  const wrong: [string, string[], number, RegExp][] = [
    ["with an option that is none", ["--nope"], 2, /Unknown option '--nope'/],
    ["with a lease that cannot be", ["--lease", "soon"], 2, /leaseMs is a whole number from 100 to 3600000/],
    ["with an endpoint that is none", ["--listen", "8110"], 2, /expected host:port/],
    ["open to other machines without a secret", ["--listen", "0.0.0.0:0"], 2, /--secret-file/],
    ["with an address that is none", ["--address", "1.1"], 2, /is not a valid address/],
    ["with data where there is no folder", ["--listen", "127.0.0.1:0", "--data", "no/such/cluster.json"], 1, /its folder is not there/],
    ["with data that is broken", ["--listen", "127.0.0.1:0", "--data", "broken.json"], 1, /broken\.json:1:13: /],
    ["with a secret that is not there", ["--secret-file", "nothing.txt"], 1, /nothing\.txt/],
  ];
  for (const [name, args, code, message] of wrong) {
    test(`${name}, ends with ${code} and one line that says why`, async () => {
      using workspace = new Workspace({ "broken.json": '{ "nodes": [,] }' });
      const { code: exitCode, stdout, stderr } = await workspace.run("discovery", ...args);
      assert.deepEqual([exitCode, stdout], [code, ""]);
      assert.match(stderr, message);
      assert.equal(stderr.trim().split("\n").length, 1, stderr);
    });
  }

  test("with --json, says in one line of JSON where it listens", async () => {
    const stop = new AbortController();
    let said = "";
    const code = await runCommandLine(["discovery", "--listen", "127.0.0.1:0", "--json"], {
      cwd: ".",
      env: {},
      stdout: (text) => {
        said += text;
        stop.abort();
      },
      stderr: () => {},
      isTerminal: false,
      signal: stop.signal,
    });
    assert.equal(code, 0);
    const { endpoint, members, epoch } = JSON.parse(said) as { endpoint: string; members: number; epoch: string };
    assert.match(endpoint, /^127\.0\.0\.1:\d+$/);
    assert.deepEqual([members, typeof epoch], [0, "string"]);
  });

  test("started and told to end, serves in between, keeps what it was told, and ends with 0", async () => {
    using workspace = new Workspace({ "cluster.json": '{ "nodes": [{ "address": "1.1.1", "endpoint": "10.0.0.1:1" }] }' });
    const data = join(workspace.folder, "cluster.json");
    await using first = new ServerProcess({ data });
    const endpoint = await first.up();
    assert.match(first.output, /listens on 127\.0\.0\.1:\d+, 1 members in /);
    {
      await using discovery = discoveryServer(endpoint);
      await discovery.keyValue.set("a", "1");
    }
    assert.equal(await first.terminate(), 0);
    await using second = new ServerProcess({ data });
    await using discovery = discoveryServer(await second.up());
    assert.equal((await discovery.keyValue.get("a"))?.value, "1");
  }).timeout(30_000);
});
