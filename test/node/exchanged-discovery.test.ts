/** A node that exchanges what it proves itself with, and its discovery server, which it asks with the same. */
import assert from "node:assert/strict";
import { memory } from "../../src/discovery/memory.js";
import { discoveryServer } from "../../src/discovery/server/adapter.js";
import { startDiscoveryServer } from "../../src/discovery/server/server.js";
import { InvalidOptionsError } from "../../src/errors.js";
import { startNode } from "../../src/node/node.js";
import { certified } from "../support/certificates.js";

const OLD = "old-secret-of-the-cluster-32-bytes-or-more";
const NEW = "new-secret-of-the-cluster-32-bytes-or-more";
const OTHER = "secret-of-the-discovery-server-alone-32-bytes";

suite("secrets that a node exchanges", () => {
  test("its discovery has the same, then it goes on with the new ones, over new connections too", async () => {
    await using server = await startDiscoveryServer({ listen: "127.0.0.1:0", secrets: [OLD], logger: false });
    const discovery = discoveryServer(server.endpoint, { secrets: [OLD] });
    const node = await startNode({ address: "1.2.1", discovery, secrets: [OLD], logger: false });
    server.setSecrets([OLD, NEW]);
    node.setSecrets([NEW, OLD]);
    node.setSecrets([NEW]);
    server.setSecrets([NEW]);
    await node.close(); // nothing uses the connection any more: the next question opens another one
    await discovery[Symbol.asyncDispose]();
    assert.equal(await discovery.keyValue.get("a"), undefined);
    await discovery[Symbol.asyncDispose]();
  });

  test("its discovery has its own, then it keeps these until they are exchanged themselves", async () => {
    await using server = await startDiscoveryServer({ listen: "127.0.0.1:0", secrets: [OTHER], logger: false });
    await using discovery = discoveryServer(server.endpoint, { secrets: [OTHER] });
    const node = await startNode({ address: "1.2.1", discovery, secrets: [OLD], logger: false });
    node.setSecrets([NEW]);
    await node.close();
    assert.equal(await discovery.keyValue.get("a"), undefined, "over a new connection");
    await discovery[Symbol.asyncDispose]();
    server.setSecrets([NEW]);
    discovery.setSecrets([NEW]);
    assert.equal(await discovery.keyValue.get("a"), undefined);
    assert.throws(() => discovery.setSecrets(["short"]), InvalidOptionsError);
    assert.throws(() => discoveryServer(server.endpoint).setSecrets([NEW]), {
      message: "secrets: this discovery was made without the option secrets, and keeps to that",
    });
  });

  test("its discovery cannot take the new certificates, then the node keeps the old ones too", async () => {
    const told: unknown[] = [];
    const discovery = Object.assign(memory(), {
      setTls: (tls: unknown, before: unknown): void => {
        told.push([tls, before]);
        throw new InvalidOptionsError("tls", ["not these"]);
      },
    });
    await using node = await startNode({ address: "1.2.1", discovery, tls: certified("1.2.1"), logger: false, listen: "127.0.0.1:0" });
    const before = node.status().certificate;
    assert.throws(() => node.setTls(certified("group-1")), /not these/);
    assert.deepEqual(node.status().certificate, before);
    assert.equal(told.length, 1);
  });
});
