/** The discovery server under TLS: it is a node, and who asks it is a tool. */
import assert from "node:assert/strict";
import { discoveryServer } from "../../src/discovery/server/adapter.js";
import { startDiscoveryServer } from "../../src/discovery/server/server.js";
import { InvalidOptionsError } from "../../src/errors.js";
import { startNode } from "../../src/node/node.js";
import { certified } from "../support/certificates.js";
import { textMethod } from "../support/text-method.js";

const echo = textMethod("test.Echo/echo");

suite("a discovery server under TLS", () => {
  test("nodes find each other with certificates and no secret, also after all of them were exchanged", async () => {
    await using server = await startDiscoveryServer({
      address: "1.3.1",
      listen: "127.0.0.1:0",
      tls: certified("1.3.1"),
      logger: false,
    });
    await using one = discoveryServer(server.endpoint, { address: "1.3.1", tls: certified("anonymous") });
    await using other = discoveryServer(server.endpoint, { address: "1.3.1", tls: certified("anonymous") });
    await using callee = await startNode({ address: "1.2.1", discovery: one, tls: certified("1.2.1"), logger: false });
    server.setTls(certified("1.3.1-renewed"));
    for (const discovery of [one, other]) discovery.setTls(certified("anonymous"));
    await using caller = await startNode({ address: "1.4.1", discovery: other, tls: certified("group-1"), logger: false });
    await caller.waitFor(2);
    const error = await caller.invoke("1.2.1", echo, {}).catch((thrown: unknown) => thrown);
    assert.match(String(error), /UNIMPLEMENTED/, "the call came through");
    assert.throws(() => one.setTls(certified("1.2.1")), InvalidOptionsError);
    assert.ok(callee.status().links.length === 1);
  });

  test("who has no certificate of its authority, is told so when it starts", async () => {
    await using server = await startDiscoveryServer({ address: "1.3.1", listen: "127.0.0.1:0", tls: certified("1.3.1"), logger: false });
    await using discovery = discoveryServer(server.endpoint, { address: "1.3.1", tls: certified("foreign-anonymous") });
    await assert.rejects(
      startNode({ address: "1.2.1", discovery, tls: certified("1.2.1"), logger: false, timeoutMs: 1_500 }),
      /the certificate of the dialer \("CN=tool"\) is of an authority that is not in tls.ca/,
    );
    await using plain = discoveryServer(server.endpoint, { address: "1.3.1" });
    assert.throws(() => plain.setTls(certified("anonymous")), {
      message: "tls: this discovery was made without the option tls, and keeps to that",
    });
  });
});
