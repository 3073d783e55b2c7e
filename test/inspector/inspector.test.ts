import assert from "node:assert/strict";
import { request } from "node:http";
import { memory } from "../../src/discovery/memory.js";
import { InvalidOptionsError } from "../../src/errors.js";
import type { ClusterView } from "../../src/inspector/cluster-view.js";
import { Inspector, type InspectorOptions } from "../../src/inspector/inspector.js";
import { createNode } from "../../src/node/node.js";
import { textMethod } from "../support/text-method.js";
import { until } from "../support/until.js";

const TOKEN = "a token of enough characters";

async function startInspector(options: Partial<InspectorOptions> = {}): Promise<Inspector> {
  return await new Inspector({ discovery: memory(), listen: "127.0.0.1:0", intervalMs: 20, ...options }).start();
}

/** Status and body. `fetch` does not let one choose the host header. */
function ask(
  inspector: Inspector,
  path: string,
  headers: Record<string, string> = {},
  method = "GET",
): Promise<{ status: number; body: string }> {
  const [host, port] = inspector.endpoint.split(":");
  return new Promise((resolve, reject) => {
    const asked = request({ host, port, path, headers, method }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => {
        body += text;
      });
      response.on("end", () => resolve({ status: response.statusCode!, body }));
    });
    asked.on("error", reject);
    asked.end();
  });
}

async function viewOf(inspector: Inspector): Promise<ClusterView> {
  return JSON.parse((await ask(inspector, "/cluster.json")).body) as ClusterView;
}

suite("the inspector", () => {
  test("of two nodes that talk, gives their links, rates and methods as JSON", async () => {
    const discovery = memory();
    const echo = textMethod("test/echo");
    await using one = createNode({ address: "1.1.1", discovery, logger: false });
    one.handle(echo, (input: { text: string }) => input);
    await one.start();
    await using two = await createNode({ address: "1.2.1", discovery, logger: false }).start();
    await using inspector = await startInspector({ discovery });
    let view: ClusterView | undefined;
    await until(async () => {
      await two.invoke("1.1.1", echo, { text: "x" });
      view = await viewOf(inspector);
      return view.slowest.some(({ method }) => method === "test/echo") && view.nodes[1]!.links[0]?.messagesOutPerSecond !== undefined;
    });
    assert.deepEqual(
      view!.nodes.map(({ address, group, type, id, state }) => ({ address, group, type, id, state })),
      [
        { address: "1.1.1", group: 1, type: 1, id: 1, state: "up" },
        { address: "1.2.1", group: 1, type: 2, id: 1, state: "up" },
      ],
    );
    assert.equal(view!.nodes[1]!.links[0]!.peer, "1.1.1");
  });

  test("of a node that does not answer, says why; of one that has left, that it is gone", async () => {
    const discovery = memory();
    const node = await createNode({ address: "1.1.1", discovery, logger: false, admin: false }).start();
    await using inspector = await startInspector({ discovery });
    let view: ClusterView | undefined;
    const sees = async (state: string): Promise<boolean> => {
      view = await viewOf(inspector);
      return view.nodes[0]?.state === state;
    };
    await until(() => sees("silent"));
    assert.match(view!.nodes[0]!.problem!, /^UNIMPLEMENTED calling clusterts\.Node\/status on 1\.1\.1/);
    await node.close();
    await until(() => sees("gone"));
  });

  test("nobody looks, no node is asked", async () => {
    const discovery = memory();
    await using node = await createNode({ address: "1.1.1", discovery, logger: false }).start();
    await using inspector = await startInspector({ discovery });
    await ask(inspector, "/"); // the page by itself shows nothing of the nodes
    assert.equal(node.status().anonymousPeers, 0);
    await until(async () => (await viewOf(inspector)).nodes[0]?.state === "up");
    assert.equal(node.status().anonymousPeers, 1);
  });

  test("asked for by a name that is not of this machine, refuses: another page has pointed it here", async () => {
    await using inspector = await startInspector();
    assert.equal((await ask(inspector, "/cluster.json", { host: "evil.example:8120" })).status, 403);
    assert.equal((await ask(inspector, "/cluster.json", { host: "localhost:8120" })).status, 200);
  });

  test("with a token, shows nothing to who has it not", async () => {
    await using inspector = await startInspector({ token: TOKEN });
    for (const path of ["/", "/cluster.json", "/events", "/cluster.json?token=wrong"])
      assert.equal((await ask(inspector, path)).status, 401, path);
    assert.equal((await ask(inspector, `/cluster.json?token=${encodeURIComponent(TOKEN)}`)).status, 200);
    assert.equal((await ask(inspector, "/cluster.json", { authorization: `Bearer ${TOKEN}` })).status, 200);
  });

  test("on all interfaces without a token, does not start", () => {
    for (const token of [undefined, "short"]) {
      assert.throws(() => new Inspector({ discovery: memory(), listen: "0.0.0.0:0", token }), InvalidOptionsError);
    }
  });

  test("other methods and paths, are refused", async () => {
    await using inspector = await startInspector();
    assert.equal((await ask(inspector, "/", {}, "POST")).status, 405);
    assert.equal((await ask(inspector, "/etc/passwd")).status, 404);
  });
});
