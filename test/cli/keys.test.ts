/** `clusterts get` and `set`: what scripts go by. */
import assert from "node:assert/strict";
import { textOfBytes } from "../../src/cli/stdin.js";
import { startDiscoveryServer } from "../../src/discovery/server/server.js";
import { Workspace } from "../codegen/support/workspace.js";

suite("clusterts get, for scripts", () => {
  test("a key that is not there, ends with 1; one that is, with 0 and its value", async () => {
    await using server = await startDiscoveryServer({ listen: "127.0.0.1:0", logger: false });
    using workspace = new Workspace();
    assert.equal((await workspace.run("set", "a", "1", "--discovery", server.endpoint)).code, 0);
    assert.deepEqual(await workspace.run("get", "a", "--discovery", server.endpoint), { code: 0, stdout: "1\n", stderr: "" });
    const missing = await workspace.run("get", "b", "--discovery", server.endpoint);
    assert.deepEqual([missing.code, missing.stdout], [1, ""]);
    assert.match(missing.stderr, /there is no key "b"/);
  });

  for (const args of [
    ["get", "a"],
    ["del", "a"],
    ["set", "a", "1"],
    ["get", "--prefix", ""],
  ])
    test(`${args.join(" ")} where no server is, ends with 3 and says what was tried`, async () => {
      using workspace = new Workspace();
      const { code, stdout, stderr } = await workspace.run(...args, "--discovery", "127.0.0.1:1", "--timeout", "500");
      assert.deepEqual([code, stdout], [3, ""]);
      assert.match(stderr, /127\.0\.0\.1:1: connection refused/);
    });
});

suite("standard input as a value", () => {
  test("text, is that text, a mark of its byte order included", () => {
    assert.equal(textOfBytes(Buffer.from("\uFEFFgrüße\n")), "\uFEFFgrüße\n");
  });

  test("what is no UTF-8, is refused: made a text all the same, it would be another one", () => {
    assert.throws(() => textOfBytes(Uint8Array.of(0x61, 0xff)), { name: "CommandError", message: /no UTF-8 text; .*base64/ });
  });
});

suite("the token of clusterts inspect", () => {
  const cases: [string, string[], number, RegExp][] = [
    ["in a file, is taken from there", ["--token-file", "token.txt"], 1, /EADDRNOTAVAIL|not available|listen/],
    ["in a file of several lines, is refused", ["--token-file", "two.txt"], 1, /one token, and two\.txt has several lines/],
    ["in a file that is not there, is an error that names it", ["--token-file", "none.txt"], 1, /none\.txt/],
    ["given twice, is wrong use", ["--token-file", "token.txt", "--token", "x".repeat(16)], 2, /--token or --token-file, not both/],
    ["too short in its file, is refused as any other", ["--token-file", "short.txt"], 2, /token/],
    ["missing where others can look, is wrong use", [], 2, /token/],
  ];
  for (const [name, args, code, message] of cases)
    test(name, async () => {
      using workspace = new Workspace({
        "token.txt": `${"t".repeat(16)}\n`,
        "two.txt": "a\nb\n",
        "short.txt": "short\n",
        "cluster.json": '{ "nodes": [] }',
      });
      // An address that is nobody's: past the token nothing is served.
      const all = ["--discovery", "file:cluster.json", "--listen", "203.0.113.1:0", ...args];
      const outcome = await workspace.run("inspect", ...all);
      assert.equal(outcome.code, code, outcome.stderr);
      assert.match(outcome.stderr, message);
    });
});
