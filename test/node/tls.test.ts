/** Nodes under TLS, over TCP on loopback: who is let in, who is not, and what either side is told. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttpsServer } from "node:https";
import { connect, type Socket } from "node:net";
import { createServer as createTlsServer, TLSSocket, connect as tlsConnect } from "node:tls";
import { InvalidOptionsError, type RpcError } from "../../src/errors.js";
import { transportRefusal } from "../../src/link/transport-refusal.js";
import { type AnonymousCaller, connectAnonymously } from "../../src/node/anonymous-caller.js";
import type { ClusterNode } from "../../src/node/node.js";
import type { NodeOptions } from "../../src/node/options.js";
import type { Caller } from "../../src/rpc/service.js";
import { TlsTransport } from "../../src/transport/tls.js";
import type { TlsOptions } from "../../src/transport/tls-options.js";
import { AUTHORITY, certified, credentialsOf, keyPair, OTHER_AUTHORITY } from "../support/certificates.js";
import { expectFailure } from "../support/expect-failure.js";
import { Log } from "../support/log.js";
import { LoopbackNodes } from "../support/loopback-nodes.js";
import { rawServer, serve } from "../support/raw-server.js";
import { textMethod } from "../support/text-method.js";
import { until } from "../support/until.js";

const echo = textMethod("test.Echo/echo");
const SECRET = "0123456789abcdef0123456789abcdef";
const OTHER_SECRET = "fedcba9876543210fedcba9876543210";
const IDENTITY_HINT = "is each node's certificate valid, of an authority in the other's tls.ca, and for its address?";
const TLS_HINT = "do both nodes have the same options secrets and tls?";

suite("TLS between nodes", () => {
  let nodes: LoopbackNodes;
  let log: Log;

  setup(() => {
    nodes = new LoopbackNodes();
    log = new Log();
  });

  teardown(() => nodes[Symbol.asyncDispose]());

  const startEcho = async (address: "1.2.1" | "1.3.1", options: Partial<NodeOptions>): Promise<ClusterNode> => {
    const node = await nodes.start(address, options, (it) => it.handle(echo, (input: { text: string }) => input));
    await nodes.known(address);
    return node;
  };

  const call = async (from: ClusterNode, to: "1.2.1" | "1.3.1"): Promise<string> =>
    ((await from.invoke(to, echo, { text: "hello" })) as { text: string }).text;

  /** The caller's error, of a refusal during the opening. */
  const refused = (from: ClusterNode, to: "1.2.1" | "1.3.1", reason: string): Promise<RpcError> =>
    expectFailure(from.invoke(to, echo, {}), {
      code: "UNAVAILABLE",
      execution: "notRun",
      method: "test.Echo/echo",
      peer: to,
      from: from === undefined ? "" : from.status().address,
      reason: `dial <endpoint>: ${reason}`,
      cause: "HandshakeError",
    });

  test("certificates of one authority, prove who is there without any secret, either way", async () => {
    const one = await startEcho("1.2.1", { tls: certified("1.2.1") });
    const other = await startEcho("1.3.1", { tls: certified("1.3.1") });
    assert.equal(await call(one, "1.3.1"), "hello");
    assert.equal(await call(other, "1.2.1"), "hello");
    assert.equal(one.status().links.length, 1);
    assert.deepEqual(one.status().certificate, {
      subject: "CN=1.2.1",
      uris: ["clusterts://default/1.2.1"],
      fingerprint256: new X509Certificate(keyPair("1.2.1").cert).fingerprint256,
      validFrom: "2020-01-01T00:00:00Z",
      validUntil: "2126-01-01T00:00:00Z",
    });
  });

  test("with secrets, both are needed", async () => {
    const one = await startEcho("1.2.1", { tls: certified("1.2.1"), secrets: [SECRET] });
    await startEcho("1.3.1", { tls: certified("1.3.1"), secrets: [OTHER_SECRET] });
    await refused(one, "1.3.1", "refused: 1.2.1 and 1.3.1 have no secret in common; do both nodes have the same option secrets?");
    one.setSecrets([OTHER_SECRET]);
    assert.equal(await call(one, "1.3.1"), "hello");
  });

  test("a certificate for a whole group, is good for its nodes, and for no harbor", async () => {
    const one = await startEcho("1.2.1", { tls: certified("group-1") });
    await startEcho("1.3.1", { tls: certified("group-1") });
    assert.equal(await call(one, "1.3.1"), "hello");
    assert.throws(() => nodes.make("1.255.1", { harbors: nodes.discovery, tls: certified("group-1") }), {
      message: "node options: tls.cert: it does not name clusterts://default/1.255.1 among its subject alternative names",
    });
  });

  test("mutual: false, the dialer presents no certificate and proves itself by the secret", async () => {
    const one = await startEcho("1.2.1", { tls: certified("self-signed", { mutual: false }), secrets: [SECRET] });
    await startEcho("1.3.1", { tls: certified("1.3.1", { mutual: false }), secrets: [SECRET] });
    assert.equal(await call(one, "1.3.1"), "hello");
  });

  test("mutual: false, a certificate for another address is refused by the dialer all the same", async () => {
    const caller = await startEcho("1.3.1", { tls: certified("1.3.1", { mutual: false }), secrets: [SECRET] });
    await startEcho("1.2.1", { tls: certified("self-signed", { mutual: false }), secrets: [SECRET] });
    await refused(
      caller,
      "1.2.1",
      `the certificate of the node at that endpoint ("CN=1.2.1") is signed by nobody but itself; ${IDENTITY_HINT}`,
    );
  });

  test("without an authority, any certificate encrypts and the secret proves the rest", async () => {
    const one = await startEcho("1.2.1", { tls: keyPair("self-signed"), secrets: [SECRET] });
    await startEcho("1.3.1", { tls: keyPair("foreign"), secrets: [SECRET] });
    assert.equal(await call(one, "1.3.1"), "hello");
  });

  test("somebody in between, who has certificates of his own and passes everything on, is found out by the secret's proof", async () => {
    const callee = await startEcho("1.3.1", { tls: keyPair("1.3.1"), secrets: [SECRET], logger: log });
    const [host, port] = callee.status().endpoint!.split(":");
    const between = createTlsServer({ ...keyPair("foreign"), minVersion: "TLSv1.3", ALPNProtocols: ["clusterts"] });
    between.on("secureConnection", (near) => {
      const far = tlsConnect({ host: host!, port: Number(port), rejectUnauthorized: false, ALPNProtocols: ["clusterts"] });
      for (const socket of [near, far]) socket.on("error", () => {});
      near.pipe(far).pipe(near);
    });
    await using server = await serve(between);
    const caller = await startEcho("1.2.1", { tls: keyPair("1.2.1"), secrets: [SECRET] });
    await nodes.put("1.3.1", server.endpoint);
    await until(() => caller.member("1.3.1")?.endpoint === server.endpoint);
    await refused(
      caller,
      "1.3.1",
      "refused: 1.2.1 does not have the secret that it names: its proof is wrong; do both nodes have the same option secrets?",
    );
    assert.deepEqual(callee.status().refusals, { badProof: 1 });
  });

  /** What is said of a certificate that 1.2.1 presents, whoever dials. */
  const wrongCertificates: Readonly<Record<string, { readonly tls: TlsOptions; readonly problem: string }>> = {
    "has expired": { tls: certified("expired"), problem: '("CN=1.2.1") expired at 2021-01-01T00:00:00Z' },
    "is not valid yet": { tls: certified("not-yet-valid"), problem: '("CN=1.2.1") is not valid before 2125-01-01T00:00:00Z' },
    "is of another authority": { tls: certified("foreign"), problem: '("CN=1.2.1") is of an authority that is not in tls.ca' },
    "is self-signed": { tls: certified("self-signed"), problem: '("CN=1.2.1") is signed by nobody but itself' },
  };

  for (const [what, { tls, problem }] of Object.entries(wrongCertificates)) {
    test(`the dialer's certificate ${what}: both sides say so`, async () => {
      const acceptor = await startEcho("1.3.1", { tls: certified("1.3.1"), logger: log });
      const dialer = await startEcho("1.2.1", { tls });
      const words = `the certificate of the dialer ${problem}`;
      await refused(dialer, "1.3.1", `refused: ${words}; ${IDENTITY_HINT}`);
      assert.deepEqual(acceptor.status().refusals, { identity: 1 });
      assert.deepEqual(
        log.at("warn").map((line) => line.replace(/127.0.0.1:\d+/, "<remote>")),
        [`refused a connection from <remote>: ${words}`],
      );
    });

    test(`the acceptor's certificate ${what}: both sides say so`, async () => {
      const acceptor = await startEcho("1.2.1", { tls, logger: log });
      const dialer = await startEcho("1.3.1", { tls: certified("1.3.1") });
      const words = `the certificate of the node at that endpoint ${problem}`;
      await refused(dialer, "1.2.1", `${words}; ${IDENTITY_HINT}`);
      await until(() => acceptor.status().refusals.identity === 1);
      assert.match(log.at("warn").at(-1)!, /^refused a connection from 127.0.0.1:\d+: the dialer refused: /);
      assert.ok(log.at("warn").at(-1)!.endsWith(words));
    });
  }

  /** A transport with a certificate that the options would not let through: for whoever writes his own. */
  const forger = (certificate: string): Partial<NodeOptions> => ({
    transport: new TlsTransport(credentialsOf(certified(certificate)), { refusal: transportRefusal }),
  });

  const wrongNames: Readonly<Record<string, readonly [certificate: string, names: string]>> = {
    "is for another address": ["1.3.1", '("CN=1.3.1") is not for clusterts://default/1.2.1; it names "clusterts://default/1.3.1"'],
    "names no address": ["no-address", '("CN=1.2.1") is not for clusterts://default/1.2.1; it names no address'],
    "has no names at all": ["no-names", '("CN=1.2.1") is not for clusterts://default/1.2.1; it names no address'],
    "hides the address in a name of another type": ["injected", '("CN=1.2.1") is not for clusterts://default/1.2.1; it names no address'],
    "is a tool's": ["anonymous", '("CN=tool") is not for clusterts://default/1.2.1; it names "clusterts://default/0.0.0"'],
  };

  for (const [what, [certificate, names]] of Object.entries(wrongNames)) {
    test(`1.2.1 presents a certificate that ${what}: neither its dials nor dials to it are believed, and both sides say so`, async () => {
      const honest = await startEcho("1.3.1", { tls: certified("1.3.1") });
      const forged = await startEcho("1.2.1", forger(certificate));
      const words = `the certificate of 1.2.1 ${names}`;
      await refused(forged, "1.3.1", `refused: ${words}; ${IDENTITY_HINT}`);
      assert.deepEqual(honest.status().refusals, { identity: 1 });
      await refused(honest, "1.2.1", `${words}; ${IDENTITY_HINT}`);
      await until(() => forged.status().refusals.identity === 1);
    });
  }

  test("a certificate for this use only at servers, is refused where its node dials", async () => {
    await startEcho("1.3.1", { tls: certified("1.3.1") });
    const dialer = await startEcho("1.2.1", { tls: certified("server-only") });
    await refused(
      dialer,
      "1.3.1",
      `refused: the certificate of the dialer ("CN=1.2.1") is not made for this use: its extended key usage needs clientAuth and serverAuth, or none; ${IDENTITY_HINT}`,
    );
  });

  test("a dialer without a certificate, is refused where one is asked for", async () => {
    const acceptor = await startEcho("1.3.1", { tls: certified("1.3.1") });
    await using tool = connectAnonymously({ to: "1.3.1", endpoint: acceptor.status().endpoint!, tls: { ca: AUTHORITY }, logger: false });
    await expectFailure(tool.invoke("1.3.1", echo, {}), {
      code: "UNAVAILABLE",
      execution: "notRun",
      method: "test.Echo/echo",
      peer: "1.3.1",
      from: "0.0.0",
      reason: `dial <endpoint>: refused: the dialer presents no certificate; ${IDENTITY_HINT}`,
      cause: "HandshakeError",
    });
  });

  test("a tool, calls with a certificate for 0.0.0, and not with a node's", async () => {
    const acceptor = await startEcho("1.3.1", { tls: certified("1.3.1") });
    const target = { to: "1.3.1", endpoint: acceptor.status().endpoint!, logger: false } as const;
    await using tool = connectAnonymously({ ...target, tls: certified("anonymous") });
    assert.deepEqual(await tool.invoke("1.3.1", echo, { text: "hello" }), { text: "hello" });
    assert.throws(() => connectAnonymously({ ...target, tls: certified("1.2.1") }), {
      message: /tls.cert: it does not name clusterts:\/\/default\/0.0.0 among/,
    });
  });

  test("another cluster, is refused by its name, and its certificates are good for it only", async () => {
    const blue = await startEcho("1.2.1", { tls: certified("group-1"), cluster: "blue" });
    await startEcho("1.3.1", { tls: certified("1.3.1") });
    await refused(
      blue,
      "1.3.1",
      'refused: 1.2.1 belongs to cluster "blue", 1.3.1 to "default"; do both nodes have the same option cluster?',
    );
    assert.throws(() => nodes.make("1.3.2", { tls: certified("group-1"), cluster: "blue" }), InvalidOptionsError);
  });

  test("checkHostNames, the certificate must name the host that discovery gives, too", async () => {
    const acceptor = await startEcho("1.3.1", { tls: certified("localhost") });
    const { port } = new URL(`tcp://${acceptor.status().endpoint}`);
    const dialer = await startEcho("1.2.1", { tls: certified("1.2.1", { checkHostNames: true }) });
    await refused(dialer, "1.3.1", `the certificate of the node at that endpoint does not name the host "127.0.0.1"; ${IDENTITY_HINT}`);
    await using tool = connectAnonymously({
      to: "1.3.1",
      endpoint: `localhost:${port}`,
      tls: certified("anonymous", { checkHostNames: true }),
      logger: false,
    });
    await tool.invoke("1.3.1", echo, {});
  });

  suite("TLS at one end only", () => {
    test("a plain dialer at a TLS port, is told in plain text", async () => {
      const acceptor = await startEcho("1.3.1", { tls: certified("1.3.1"), logger: log });
      const dialer = await startEcho("1.2.1", {});
      await refused(dialer, "1.3.1", `refused: this port takes TLS only, and what came is none; ${TLS_HINT}`);
      assert.deepEqual(acceptor.status().refusals, { insecure: 1 });
      assert.match(log.at("warn").at(-1)!, /^refused a connection from \S+: this port takes TLS only, and what came is none$/);
    });

    test("a TLS dialer at a plain port, knows that it is one, and so does the port", async () => {
      const acceptor = await startEcho("1.3.1", { logger: log });
      const dialer = await startEcho("1.2.1", { tls: certified("1.2.1") });
      await refused(dialer, "1.3.1", `the node at that endpoint does not speak TLS; ${TLS_HINT}`);
      assert.deepEqual(acceptor.status().refusals, { malformed: 1 });
      assert.match(log.at("warn").at(-1)!, /^refused a connection from \S+: not clusterts: it speaks TLS$/);
    });

    test("a web server under TLS, is none of ours", async () => {
      const dialer = await startEcho("1.2.1", { tls: keyPair("1.2.1"), secrets: [SECRET] });
      await using server = await serve(createHttpsServer(keyPair("1.3.1")));
      await nodes.put("1.3.1", server.endpoint);
      await refused(
        dialer,
        "1.3.1",
        "the peer ended the TLS handshake: no application protocol; is its endpoint in discovery the port of a clusterts node?",
      );
    });

    test("a TLS server of another protocol, is none of ours", async () => {
      const dialer = await startEcho("1.2.1", { tls: keyPair("1.2.1"), secrets: [SECRET] });
      const other = createTlsServer(keyPair("1.3.1"));
      await using server = await serve(other);
      await nodes.put("1.3.1", server.endpoint);
      await refused(
        dialer,
        "1.3.1",
        "the node at that endpoint speaks TLS, but not clusterts over it; is its endpoint in discovery the port of a clusterts node?",
      );
    });

    test("a server of TLS 1.2, is told apart", async () => {
      const dialer = await startEcho("1.2.1", { tls: keyPair("1.2.1"), secrets: [SECRET] });
      await using server = await serve(createTlsServer({ ...keyPair("1.3.1"), maxVersion: "TLSv1.2" }));
      await nodes.put("1.3.1", server.endpoint);
      await refused(
        dialer,
        "1.3.1",
        "the peer ended the TLS handshake: protocol version; is its endpoint in discovery the port of a clusterts node?",
      );
    });
  });

  suite("strangers at a TLS port", () => {
    const patience = { link: { handshakeTimeoutMs: 150, maxOpenings: 4 } };
    const strangerAt = async (node: ClusterNode, bytes: Uint8Array): Promise<Buffer> => {
      const [host, port] = node.status().endpoint!.split(":");
      const socket = connect(Number(port), host);
      const chunks: Buffer[] = [];
      socket.on("data", (chunk) => chunks.push(chunk));
      socket.on("error", () => {});
      if (bytes.length > 0) socket.write(bytes);
      await new Promise((resolve) => socket.once("close", resolve));
      return Buffer.concat(chunks);
    };

    test("HTTP without TLS, gets an answer in HTTP", async () => {
      const node = await startEcho("1.3.1", { tls: certified("1.3.1") });
      const answer = (await strangerAt(node, Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))).toString();
      assert.match(answer, /^HTTP\/1.1 400 Bad Request\r\n[\s\S]*This port speaks the clusterts protocol, not HTTP.\n$/);
    });

    test("silence, and half a ClientHello, end within the time for an opening", async () => {
      const node = await startEcho("1.3.1", { tls: certified("1.3.1"), ...patience });
      await strangerAt(node, new Uint8Array(0));
      await strangerAt(node, Buffer.from("160301", "hex"));
      assert.deepEqual(node.status().refusals, { timeout: 2 });
    });

    test("garbage behind the first byte of TLS, is refused at once", async () => {
      const node = await startEcho("1.3.1", { tls: certified("1.3.1") });
      await strangerAt(node, Buffer.concat([Buffer.from("1603010200", "hex"), Buffer.alloc(512, 7)]));
      assert.deepEqual(node.status().refusals, { malformed: 1 });
    });

    test("more strangers than openings, none of which costs a handshake, do not keep a peer out", async () => {
      const node = await startEcho("1.3.1", { tls: certified("1.3.1"), link: { maxOpenings: 4 } });
      const [host, port] = node.status().endpoint!.split(":");
      const strangers: Socket[] = Array.from({ length: 20 }, () => connect(Number(port), host));
      for (const stranger of strangers) stranger.on("error", () => {});
      await until(() => node.status().refusals.busy === 16);
      const dialer = await startEcho("1.2.1", { tls: certified("1.2.1") });
      assert.equal(await call(dialer, "1.3.1"), "hello");
      for (const stranger of strangers) stranger.destroy();
    });

    test("a peer that is gone in the middle of the handshake, is counted and forgotten", async () => {
      const node = await startEcho("1.3.1", { tls: certified("1.3.1") });
      const [host, port] = node.status().endpoint!.split(":");
      for (let round = 0; round < 20; round++) {
        const raw = connect(Number(port), host);
        const socket = new TLSSocket(raw, {});
        raw.on("error", () => {});
        socket.on("error", () => {});
        await once(raw, "connect");
        for (let turn = 0; turn < round; turn++) await new Promise((resolve) => setImmediate(resolve));
        raw.resetAndDestroy();
      }
      await until(() => Object.values(node.status().refusals).reduce((sum, count) => sum + count, 0) >= 15);
      const dialer = await startEcho("1.2.1", { tls: certified("1.2.1") });
      assert.equal(await call(dialer, "1.3.1"), "hello");
    });
  });

  test("a port that takes the connection and says nothing under TLS, is given up like any other", async () => {
    const dialer = await startEcho("1.2.1", {
      tls: certified("1.2.1"),
      link: { reachTimeoutMs: 200, handshakeTimeoutMs: 150, backoffMs: 20 },
    });
    await using server = await rawServer(() => {});
    await nodes.put("1.3.1", server.endpoint);
    await refused(
      dialer,
      "1.3.1",
      "the port takes the connection, but no answer to the opening came within 150 ms, <n> attempts in <s> s; is its endpoint in discovery the port of a clusterts node?",
    );
  });

  suite("exchanged while running", () => {
    /** Calls without a pause, over a link that stands and over new connections, until `work` is done. Gives how many; none fails. */
    const underLoad = async (
      standing: ClusterNode,
      connect: () => AnonymousCaller,
      work: (calls: () => number) => Promise<void>,
    ): Promise<number> => {
      let done = false;
      let calls = 0;
      const echoed = async (caller: Caller): Promise<void> => {
        const text = `call ${calls++}`;
        assert.deepEqual(await caller.invoke("1.3.1", echo, { text }), { text });
      };
      const lanes = [
        ...Array.from({ length: 4 }, async () => {
          while (!done) await echoed(standing);
        }),
        ...Array.from({ length: 4 }, async () => {
          while (!done) {
            await using fresh = connect();
            await echoed(fresh);
          }
        }),
      ];
      const exchange = work(() => calls).finally(() => {
        done = true;
      });
      await Promise.all([exchange, ...lanes]);
      return calls;
    };

    /** Until so many more calls were made. */
    const more = (calls: () => number, count: number): Promise<void> => {
      const from = calls();
      return until(() => calls() >= from + count);
    };

    /** The certificate that a stranger gets to see who connects now. */
    const presented = async (node: ClusterNode): Promise<string> => {
      const [host, port] = node.status().endpoint!.split(":");
      const socket = tlsConnect({ host: host!, port: Number(port), rejectUnauthorized: false, ALPNProtocols: ["clusterts"] });
      socket.on("error", () => {});
      await once(socket, "secureConnect");
      const { fingerprint256 } = socket.getPeerX509Certificate()!;
      socket.destroy();
      return fingerprint256;
    };

    const fingerprint = (name: string): string => new X509Certificate(keyPair(name).cert).fingerprint256;

    test("a renewed certificate, is presented from then on; links that stand stay, and no call fails", async () => {
      const callee = await startEcho("1.3.1", { tls: certified("1.3.1") });
      const caller = await startEcho("1.2.1", { tls: certified("1.2.1") });
      await call(caller, "1.3.1");
      const { remote } = caller.status().links[0]!;
      assert.equal(await presented(callee), fingerprint("1.3.1"));
      const { endpoint } = callee.status();
      const tool = () => connectAnonymously({ to: "1.3.1", endpoint: endpoint!, tls: certified("anonymous"), logger: false });
      const calls = await underLoad(caller, tool, async (count) => {
        await more(count, 100);
        callee.setTls(certified("1.3.1-renewed"));
        await more(count, 100);
      });
      assert.ok(calls >= 200);
      assert.equal(await presented(callee), fingerprint("1.3.1-renewed"));
      assert.equal(caller.status().links[0]!.remote, remote);
    });

    test("another authority, in three steps under load: both are believed, then certificates change, then the old one goes; no call fails", async () => {
      const both = { ca: [AUTHORITY, OTHER_AUTHORITY] };
      const callee = await startEcho("1.3.1", { tls: certified("1.3.1") });
      const caller = await startEcho("1.2.1", { tls: certified("1.2.1") });
      const { endpoint } = callee.status();
      let toolTls: TlsOptions = certified("anonymous");
      const tool = () => connectAnonymously({ to: "1.3.1", endpoint: endpoint!, tls: toolTls, logger: false });
      await underLoad(caller, tool, async (count) => {
        await more(count, 50);
        callee.setTls(certified("1.3.1", both));
        caller.setTls(certified("1.2.1", both));
        toolTls = certified("anonymous", both);
        await more(count, 50);
        callee.setTls(certified("foreign-1.3.1", both));
        caller.setTls(certified("foreign", both));
        toolTls = certified("foreign-anonymous", both);
        await more(count, 50);
        const onlyNew = { ca: OTHER_AUTHORITY };
        callee.setTls(certified("foreign-1.3.1", onlyNew));
        caller.setTls(certified("foreign", onlyNew));
        toolTls = certified("foreign-anonymous", onlyNew);
        await more(count, 50);
      });
      await using late = connectAnonymously({ to: "1.3.1", endpoint: endpoint!, tls: certified("anonymous", both), logger: false });
      await assert.rejects(
        late.invoke("1.3.1", echo, {}),
        /refused: the certificate of the dialer \("CN=tool"\) is of an authority that is not in tls.ca/,
      );
    });

    test("the secret, in three steps under load; no call fails", async () => {
      const callee = await startEcho("1.3.1", { tls: keyPair("1.3.1"), secrets: [SECRET] });
      const caller = await startEcho("1.2.1", { tls: keyPair("1.2.1"), secrets: [SECRET] });
      const { endpoint } = callee.status();
      let secrets = [SECRET];
      const tool = () => connectAnonymously({ to: "1.3.1", endpoint: endpoint!, tls: {}, secrets, logger: false });
      await underLoad(caller, tool, async (count) => {
        for (const next of [[SECRET, OTHER_SECRET], [OTHER_SECRET, SECRET], [OTHER_SECRET]]) {
          await more(count, 50);
          // The acceptor takes a new secret first and gives an old one up last.
          callee.setSecrets([...new Set([...next, ...secrets])]);
          caller.setSecrets(next);
          secrets = next;
          await more(count, 50);
          callee.setSecrets(next);
        }
        await more(count, 50);
      });
      assert.throws(() => caller.setSecrets([]), { message: /^secrets: tls: without ca no certificate is checked/ });
      assert.equal(await call(caller, "1.3.1"), "hello");
    });

    test("certificates that cannot be, change nothing", async () => {
      const callee = await startEcho("1.3.1", { tls: certified("1.3.1") });
      const wrong: readonly TlsOptions[] = [
        certified("1.2.1"),
        { ca: AUTHORITY, cert: keyPair("1.3.1").cert, key: keyPair("1.2.1").key },
        keyPair("1.3.1"),
        { ...certified("1.3.1"), ca: "no certificate" },
      ];
      for (const tls of wrong) assert.throws(() => callee.setTls(tls), InvalidOptionsError);
      assert.equal(await presented(callee), fingerprint("1.3.1"));
      const plain = await startEcho("1.2.1", {});
      assert.throws(() => plain.setTls(certified("1.2.1")), {
        message: "tls: this node was made without the option tls, and keeps to that",
      });
    });

    test("a certificate that has expired, is warned of in the log of its own node", async () => {
      await startEcho("1.2.1", { tls: certified("expired"), logger: log });
      assert.deepEqual(log.at("warn"), ["the certificate of 1.2.1 expired at 2021-01-01T00:00:00Z: peers will refuse it"]);
    });
  });
});
