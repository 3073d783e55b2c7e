/**
 * Strangers at a node's port, over TCP: whoever does not prove to be a peer is refused in time, with the reason in the
 * node's status and log, and the node's peers notice nothing.
 */
import assert from "node:assert/strict";
import { parseAddress } from "../../src/addr/logical-address.js";
import type { Logger } from "../../src/internal/logger.js";
import { SecretKey } from "../../src/link/keyring.js";
import type { ClusterNode } from "../../src/node/node.js";
import { encodeFrame } from "../../src/wire/header.js";
import { encodeRecord, PURPOSE, RECORD } from "../../src/wire/hello.js";
import { ACCEPTOR, DIALER, helloOf, keyId, NEW, OLD, PREFACE_BYTES } from "../link/support/openings.js";
import { LoopbackNodes } from "../support/loopback-nodes.js";
import { Stranger } from "../support/stranger.js";
import { textMethod } from "../support/text-method.js";
import { until } from "../support/until.js";

/** A live peer. */
const PEER = parseAddress("1.2.2");
const echo = textMethod("test.Echo/echo");

/** What an opening may take, and how much later the node's timer may be. */
const TIMEOUT_MS = 1_500;
const SLACK_MS = 500;

const HELLO = [PREFACE_BYTES, helloOf({ keyIds: [keyId(OLD)] })];

interface Refused {
  readonly title: string;
  readonly act: (stranger: Stranger, port: number) => void | Promise<void>;
  /** As which it counts in the node's status. */
  readonly reason: string;
  /** Behind `refused a connection from 127.0.0.1:<port>: `. */
  readonly said: RegExp;
  /** The first line of what the stranger gets, when that is not a refusal with the reason. */
  readonly told?: string;
}

const REFUSED: readonly Refused[] = [
  {
    title: "another secret",
    act: (stranger) => stranger.send(PREFACE_BYTES, helloOf({ keyIds: [keyId(NEW)] })),
    reason: "noCommonKey",
    said: /^1\.2\.1 and 1\.3\.7 have no secret in common$/,
  },
  {
    title: "no secret",
    act: (stranger) => stranger.send(PREFACE_BYTES, helloOf({ from: parseAddress("1.2.3") })),
    reason: "noCommonKey",
    said: /^1\.3\.7 uses a secret, 1\.2\.3 has none$/,
  },
  {
    title: "another secret under the id of the right one",
    act: async (stranger) => {
      const hello = helloOf({ keyIds: [keyId(OLD)], from: parseAddress("1.2.4") });
      stranger.send(PREFACE_BYTES, hello);
      const proof = new SecretKey(NEW).prove("dialer", PURPOSE.messages, hello, await stranger.answer(), undefined);
      stranger.send(encodeRecord(RECORD.proof, proof));
    },
    reason: "badProof",
    said: /^1\.2\.4 does not have the secret that it names: its proof is wrong$/,
  },
  {
    title: "another cluster",
    act: (stranger) => stranger.send(PREFACE_BYTES, helloOf({ keyIds: [keyId(OLD)], cluster: "staging" })),
    reason: "cluster",
    said: /^1\.2\.1 belongs to cluster "staging", 1\.3\.7 to "default"$/,
  },
  {
    title: "a later version of the protocol only",
    act: (stranger) => stranger.send(PREFACE_BYTES, helloOf({ minVersion: 2, maxVersion: 3, software: "clusterts 9" })),
    reason: "version",
    said: /^no protocol version in common: 2-3 \("clusterts 9"\) and 1-1$/,
  },
  {
    title: "addresses of another layout",
    act: (stranger) => stranger.send(PREFACE_BYTES, helloOf({ keyIds: [keyId(OLD)], layout: [14, 8, 10], software: "clustergo" })),
    reason: "layout",
    said: /^addresses of different layouts: 14\/8\/10 bits \("clustergo"\) and 12\/8\/12 \("clusterts \S+"\)$/,
  },
  {
    title: "an opening that was recorded, played again",
    act: async (stranger, port) => {
      using recorded = await Stranger.at(port);
      const bytes = await recorded.openAs(DIALER);
      stranger.send(bytes);
    },
    reason: "badProof",
    said: /^1\.2\.1 does not have the secret that it names: its proof is wrong$/,
  },
  {
    title: "its own hello, reflected",
    act: async (stranger, port) => {
      using mirror = await Stranger.at(port);
      await mirror.openAs(DIALER);
      stranger.send(PREFACE_BYTES, await mirror.answer());
    },
    reason: "wrongAddress",
    said: /^the node at that endpoint is 1\.3\.7, not 1\.2\.1$/,
  },
  {
    title: "the acceptor's proof, reflected to another connection",
    act: async (stranger, port) => {
      using mirror = await Stranger.at(port);
      await mirror.openAs(DIALER);
      const { received } = mirror;
      const proof = received.subarray(received.length - 38, received.length - 3);
      stranger.send(...HELLO);
      await stranger.answer();
      stranger.send(proof);
    },
    reason: "badProof",
    said: /^1\.2\.1 does not have the secret that it names: its proof is wrong$/,
  },
  {
    title: "the address of a live peer, without the secret",
    act: async (stranger) => {
      stranger.send(PREFACE_BYTES, helloOf({ keyIds: [keyId(OLD)], from: PEER, fromIncarnation: 2n ** 63n }));
      await stranger.answer();
      stranger.send(encodeRecord(RECORD.proof, new Uint8Array(32)));
    },
    reason: "badProof",
    said: /^1\.2\.2 does not have the secret that it names: its proof is wrong$/,
  },
  {
    title: "the node's own address",
    act: (stranger) => stranger.send(PREFACE_BYTES, helloOf({ keyIds: [keyId(OLD)], from: ACCEPTOR })),
    reason: "wrongAddress",
    said: /^both ends say that they are 1\.3\.7$/,
  },
  {
    title: "an address that no node can have",
    act: (stranger) => stranger.send(PREFACE_BYTES, helloOf({ keyIds: [keyId(OLD)], from: 0x00100001 })),
    reason: "malformed",
    said: /^1048577 is no logical address$/,
  },
  {
    title: "somebody else who is to be reached",
    act: (stranger) => stranger.send(PREFACE_BYTES, helloOf({ keyIds: [keyId(OLD)], to: parseAddress("1.3.9") })),
    reason: "wrongAddress",
    said: /^the node at that endpoint is 1\.3\.7, not 1\.3\.9$/,
  },
  {
    title: "a purpose that is not known here",
    act: (stranger) => stranger.send(PREFACE_BYTES, helloOf({ keyIds: [keyId(OLD)], purpose: 9 })),
    reason: "purpose",
    said: /^connections for purpose 9 are not taken here$/,
  },
  {
    title: "a hello of 1 KiB and one byte, announced",
    act: (stranger) => stranger.send(PREFACE_BYTES, Uint8Array.of(RECORD.hello, 0x03, 0xf6)), // 8 + 3 + 1,014
    reason: "malformed",
    said: /^more than 1024 bytes before the peer is known$/,
  },
  {
    title: "a proof that comes with bytes behind it",
    act: async (stranger) => {
      const hello = helloOf({ keyIds: [keyId(OLD)] });
      stranger.send(PREFACE_BYTES, hello);
      const proof = new SecretKey(OLD).prove("dialer", PURPOSE.messages, hello, await stranger.answer(), undefined);
      stranger.send(Buffer.concat([encodeRecord(RECORD.proof, proof), Uint8Array.of(0)]));
    },
    reason: "malformed",
    said: /^the dialer sent more before it was accepted$/,
  },
  {
    title: "an HTTP request",
    act: (stranger) => stranger.send(Buffer.from("GET /metrics HTTP/1.1\r\nHost: chat-7\r\n\r\n")),
    reason: "other",
    said: /^an HTTP request came to a clusterts port$/,
    told: "HTTP/1.1 400 Bad Request",
  },
  {
    title: "TLS",
    act: (stranger) => stranger.send(Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc)),
    reason: "malformed",
    said: /^not clusterts: it speaks TLS$/,
  },
  {
    title: "silence",
    act: () => {},
    reason: "timeout",
    said: new RegExp(`^the opening took longer than ${TIMEOUT_MS} ms$`),
  },
  {
    title: "a good hello and then silence",
    act: async (stranger) => {
      stranger.send(...HELLO);
      await stranger.answer();
    },
    reason: "timeout",
    said: new RegExp(`^the opening took longer than ${TIMEOUT_MS} ms$`),
  },
  {
    title: "one byte per second of a good hello",
    act: async (stranger) => {
      const bytes = Buffer.concat(HELLO);
      let at = 0;
      const next = (): void => stranger.send(bytes.subarray(at, ++at));
      const timer = setInterval(next, 1_000);
      next();
      await stranger.closed;
      clearInterval(timer);
      assert.ok(at >= 2, "it was still sending");
    },
    reason: "timeout",
    said: new RegExp(`^the opening took longer than ${TIMEOUT_MS} ms$`),
  },
  {
    title: "an end right after the connect, as of a port scan",
    act: (stranger) => void stranger.socket.end(),
    reason: "other",
    said: /^the dialer closed the connection during the opening$/,
    told: "",
  },
];

interface BrokenFrame {
  readonly title: string;
  readonly bytes: Uint8Array;
  /** Behind `closed the connection with 1.2.1 at 127.0.0.1:<port>: `. */
  readonly said: RegExp;
}

const ping = { kind: 9, flags: 0, hops: 0, to: ACCEPTOR, from: DIALER, epoch: 0, seq: 1, remainingMs: 0 };

const BROKEN: readonly BrokenFrame[] = [
  {
    title: "a frame in the name of another peer",
    bytes: encodeFrame({ ...ping, from: PEER }, new Uint8Array(0)),
    said: /^a frame from 1\.2\.2 to 1\.3\.7 does not belong on a link with 1\.2\.1$/,
  },
  {
    title: "a frame to somebody else",
    bytes: encodeFrame({ ...ping, to: PEER }, new Uint8Array(0)),
    said: /^a frame from 1\.2\.1 to 1\.2\.2 does not belong on a link with 1\.2\.1$/,
  },
  {
    title: "a length that no frame has",
    bytes: Uint8Array.of(0x7f, 0xff, 0xff, 0xff),
    said: /^frame length 2147483647 is not from 24 to 66584$/,
  },
  {
    title: "a fragment that reaches beyond its message",
    bytes: encodeFrame({ ...ping, kind: 8 }, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 7, 7)),
    said: /^a fragment of 2 bytes at 0 does not fit its message of 1$/,
  },
];

suite("strangers at a node's port", () => {
  let nodes: LoopbackNodes;
  let node: ClusterNode;
  let port: number;
  let warnings: string[];
  let stopCalling: () => Promise<void>;

  setup(async () => {
    const ignore = (): void => {};
    warnings = [];
    const warn: Logger["warn"] = (_fields, text = "") => void warnings.push(text);
    const logger = { trace: ignore, debug: ignore, info: ignore, warn, error: ignore };
    nodes = new LoopbackNodes();
    node = await nodes.start("1.3.7", { secrets: [OLD], logger, link: { handshakeTimeoutMs: TIMEOUT_MS } }, (it) =>
      it.handle(echo, (input) => input),
    );
    port = Number(node.status().endpoint!.split(":")[1]);
    const peer = await nodes.start("1.2.2", { secrets: [OLD] });
    await nodes.known("1.3.7");
    await peer.invoke("1.3.7", echo, {});
    stopCalling = callOnAndOn(peer);
  });

  teardown(() => nodes[Symbol.asyncDispose]());

  /** Calls until it is stopped, which rejects when a call failed meanwhile, or the connection is another one. */
  function callOnAndOn(peer: ClusterNode): () => Promise<void> {
    const remote = (): string | undefined => node.status().links.find((link) => link.peer === "1.2.2")?.remote;
    const before = remote();
    let stopped = false;
    const calling = (async (): Promise<void> => {
      while (!stopped) await peer.invoke("1.3.7", echo, { text: "still here" }, { timeoutMs: 1_000 });
    })();
    calling.catch(() => {}); // asked for below
    return async () => {
      stopped = true;
      await calling;
      assert.equal(remote(), before);
    };
  }

  /** The only warning, behind `head`. */
  async function assertWarned(head: string, said: RegExp): Promise<void> {
    await until(() => warnings.length > 0);
    const [line, ...more] = warnings;
    assert.deepEqual(more, []);
    assert.ok(line!.startsWith(head), line);
    assert.match(line!.slice(head.length), said);
  }

  for (const { title, act, reason, said, told } of REFUSED) {
    test(`${title}, is refused as ${reason} within the time for openings, and a peer's calls go on`, async () => {
      using stranger = await Stranger.at(port);
      const since = performance.now();
      const { localPort } = stranger.socket;
      await act(stranger, port);
      await stranger.closed;
      const tookMs = performance.now() - since;
      assert.ok(tookMs <= TIMEOUT_MS + SLACK_MS, `${tookMs} ms`);
      if (reason === "timeout") assert.ok(tookMs >= TIMEOUT_MS - SLACK_MS, `${tookMs} ms`);
      await assertWarned(`refused a connection from 127.0.0.1:${localPort}: `, said);
      assert.deepEqual(node.status().refusals, { [reason]: 1 });
      if (told === undefined) assert.equal(stranger.refusal, reason);
      else assert.equal(stranger.received.toString().split("\r\n")[0], told);
      await stopCalling();
    });
  }

  for (const { title, bytes, said } of BROKEN) {
    test(`${title} behind a good opening, costs that connection with a line in the log, and a peer's calls go on`, async () => {
      using stranger = await Stranger.at(port);
      await stranger.openAs(DIALER);
      const { localPort } = stranger.socket;
      const { length } = stranger.received;
      stranger.send(bytes);
      await stranger.closed;
      await assertWarned(`closed the connection with 1.2.1 at 127.0.0.1:${localPort}: `, said);
      assert.equal(stranger.received.length, length, "nothing is answered");
      assert.deepEqual(node.status().refusals, {});
      await stopCalling();
    });
  }
});
