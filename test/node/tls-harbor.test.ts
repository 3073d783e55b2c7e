/** Two groups whose nodes and harbors know each other by certificates, over TCP on loopback. */
import assert from "node:assert/strict";
import { transportRefusal } from "../../src/link/transport-refusal.js";
import { TlsTransport } from "../../src/transport/tls.js";
import { certified, credentialsOf } from "../support/certificates.js";
import { LoopbackNodes } from "../support/loopback-nodes.js";
import { textMethod } from "../support/text-method.js";

const echo = textMethod("test.Echo/echo");

suite("harbors under TLS", () => {
  test("a call and a stream to another group and back, every hop between certificates, no secret", async () => {
    await using nodes = new LoopbackNodes();
    const harbors = { harbors: nodes.discovery, tls: certified("harbors") };
    await nodes.start("1.255.1", harbors);
    await nodes.start("2.255.1", harbors);
    await nodes.start("2.3.1", { tls: certified("every-node") }, (node) => {
      node.handle(echo, (input: unknown) => input);
      node.onStream((stream) => void stream.pipe(stream as never));
    });
    const caller = await nodes.start("1.2.1", { tls: certified("1.2.1") });
    for (const address of ["1.255.1", "2.255.1", "2.3.1"] as const) await nodes.known(address);
    const text = "x".repeat(200_000);
    assert.deepEqual(await caller.invoke("2.3.1", echo, { text }), { text });
    const stream = await caller.openStream("2.3.1");
    stream.end(text);
    let said = "";
    for await (const chunk of stream) said += Buffer.from(chunk).toString();
    assert.ok(said === text);
  });

  test("a certificate for all ordinary nodes, makes nobody a harbor", async () => {
    await using nodes = new LoopbackNodes();
    const forger = await nodes.start("1.255.1", {
      harbors: nodes.discovery,
      transport: new TlsTransport(credentialsOf(certified("every-node")), { refusal: transportRefusal }),
    });
    const caller = await nodes.start("1.2.1", { tls: certified("1.2.1") });
    await nodes.known("1.255.1");
    await assert.rejects(
      caller.invoke("1.255.1", echo, {}),
      /the certificate of 1.255.1 \("CN=every-node"\) is not for clusterts:\/\/default\/1.255.1; it names "clusterts:\/\/default\/\*.\*.\*"/,
    );
    await assert.rejects(forger.invoke("1.2.1", echo, {}), /refused: the certificate of 1.255.1 /);
    assert.deepEqual(caller.status().refusals, { identity: 1 });
  });
});
