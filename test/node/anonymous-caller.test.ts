import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { parseAddress } from "../../src/addr/logical-address.js";
import { InvalidOptionsError, RpcError } from "../../src/errors.js";
import { connectAnonymously } from "../../src/node/anonymous-caller.js";
import type { ClusterNode } from "../../src/node/node.js";
import { byType } from "../../src/rpc/picker.js";
import { LoopbackNodes } from "../support/loopback-nodes.js";
import { textMethod } from "../support/text-method.js";
import { until } from "../support/until.js";

const echo = textMethod("test/echo");
const slow = textMethod("test/slow");
const SECRET = "a secret of thirty-two bytes or more";

async function startEcho(nodes: LoopbackNodes): Promise<ClusterNode> {
  return await nodes.start("1.1.1", { secrets: [SECRET] }, (node) => {
    node.handle(echo, (input: { text: string }, context) => ({ text: `${input.text} from ${context.from}` }));
    node.handle(slow, (_input, { signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve({ text: "late" }))));
  });
}

function endpointOf(node: ClusterNode): string {
  const { endpoint } = node.status();
  assert.ok(endpoint);
  return endpoint;
}

suite("an anonymous caller", () => {
  test("with the secret of the node, calls and is answered on its own connection", async () => {
    await using nodes = new LoopbackNodes();
    const node = await startEcho(nodes);
    const tools = ["a", "b"].map(() => connectAnonymously({ to: "1.1.1", endpoint: endpointOf(node), secrets: [SECRET], logger: false }));
    const replies = await Promise.all(tools.map((tool, i) => tool.invoke("1.1.1", echo, { text: `${i}` })));
    assert.deepEqual(replies, [{ text: "0 from 0" }, { text: "1 from 0" }]);
    assert.deepEqual(await tools[0]!.invoke(undefined, echo, { text: "no target" }), { text: "no target from 0" });
    assert.equal(tools[0]!.status()?.phase, "ready");
    await Promise.all(tools.map((tool) => tool.close()));
    await until(() => node.status().anonymousPeers === 0);
  });

  test("with another secret, learns why it is refused", async () => {
    await using nodes = new LoopbackNodes();
    const node = await startEcho(nodes);
    await using tool = connectAnonymously({
      to: "1.1.1",
      endpoint: endpointOf(node),
      secrets: ["another secret of thirty-two bytes or more"],
      logger: false,
    });
    await assert.rejects(tool.invoke("1.1.1", echo, { text: "" }), (error) => {
      assert.ok(RpcError.is(error));
      assert.equal(error.execution, "notRun");
      assert.match(error.message, /^UNAVAILABLE calling test\/echo on 1\.1\.1 from 0\.0\.0 .*option secrets/);
      return true;
    });
  });

  test("whose connection is lost, fails what was in flight and opens again with the next call", async () => {
    await using nodes = new LoopbackNodes();
    const first = await startEcho(nodes);
    const endpoint = endpointOf(first);
    await using tool = connectAnonymously({ to: "1.1.1", endpoint, secrets: [SECRET], logger: false });
    const lost = assert.rejects(tool.invoke("1.1.1", slow, { text: "" }), { code: "UNAVAILABLE", execution: "unknown" });
    await until(() => first.status().requestsInProgress === 1);
    first.destroy();
    await lost;
    await nodes.start("1.1.1", { secrets: [SECRET], listen: endpoint }, (node) => node.handle(echo, (input: { text: string }) => input));
    assert.deepEqual(await tool.invoke("1.1.1", echo, { text: "again" }), { text: "again" });
  });

  test("asked for another node or for a type, says that it knows one node", async () => {
    await using tool = connectAnonymously({ to: "1.1.1", endpoint: "127.0.0.1:1", logger: false });
    await assert.rejects(
      tool.invoke(parseAddress("1.1.2"), echo, { text: "" }),
      /this caller knows 1\.1\.1 only; a caller without an address/,
    );
    await assert.rejects(tool.invoke(byType(1), echo, { text: "" }), /this caller knows 1\.1\.1 only; a caller without an address/);
  });

  test("closed while a call is in flight, waits for it no longer than told and fails it", async () => {
    await using nodes = new LoopbackNodes();
    const node = await startEcho(nodes);
    const tool = connectAnonymously({ to: "1.1.1", endpoint: endpointOf(node), secrets: [SECRET], logger: false });
    const cut = assert.rejects(tool.invoke("1.1.1", slow, { text: "" }), { code: "CANCELLED", execution: "unknown" });
    await until(() => node.status().requestsInProgress === 1);
    await tool.close({ timeoutMs: 1 });
    await cut;
    await assert.rejects(tool.invoke("1.1.1", echo, { text: "" }), { code: "CANCELLED", execution: "notRun" });
  });

  test("alone in its process, keeps it alive until its call has failed", () => {
    const program = `
      import { connectAnonymously } from ${JSON.stringify(new URL("../../src/node/anonymous-caller.ts", import.meta.url).href)};
      import { textMethod } from ${JSON.stringify(new URL("../support/text-method.ts", import.meta.url).href)};
      const tool = connectAnonymously({ to: "1.1.1", endpoint: "127.0.0.1:1", logger: false, link: { reachTimeoutMs: 300 } });
      console.log(await tool.invoke("1.1.1", textMethod("test/echo"), { text: "" }).catch((error) => error.code));`;
    const { status, stdout } = spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], {
      cwd: new URL("../..", import.meta.url),
      encoding: "utf8",
    });
    assert.deepEqual({ status, stdout }, { status: 0, stdout: "UNAVAILABLE\n" });
  });

  test("with wrong options, is refused with all faults at once", () => {
    assert.throws(
      () => connectAnonymously({ to: "1.1" as "1.1.1", endpoint: "nowhere", ...({ adress: 1 } as object) }),
      (error) => {
        assert.ok(error instanceof InvalidOptionsError);
        assert.match(error.message, /to: .*endpoint: .*there is no option "adress"/s);
        return true;
      },
    );
  });
});
