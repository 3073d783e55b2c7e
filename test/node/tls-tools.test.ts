/** What people point at a port to see what it is: openssl and curl get a refusal, and nothing hangs. Where they are installed. */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { connectAnonymously } from "../../src/node/anonymous-caller.js";
import type { ClusterNode } from "../../src/node/node.js";
import type { NodeOptions } from "../../src/node/options.js";
import { certified, keyPair } from "../support/certificates.js";
import { Log } from "../support/log.js";
import { LoopbackNodes } from "../support/loopback-nodes.js";
import { textMethod } from "../support/text-method.js";

const echo = textMethod("test.Echo/echo");
const SECRET = "0123456789abcdef0123456789abcdef";

const certificates = new URL("../support/certificates/", import.meta.url).pathname;

interface Seen {
  readonly code: number | null;
  /** Output and errors, as Latin-1. */
  readonly text: string;
}

function run(program: string, args: readonly string[], input: string): Promise<Seen> {
  return new Promise((resolve) => {
    const child = execFile(program, args, { timeout: 5_000, encoding: "latin1" }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : null;
      resolve({ code, text: stdout + stderr });
    });
    child.stdin?.on("error", () => {}); // it may have ended before it has read
    child.stdin?.end(input);
  });
}

const ports: Readonly<Record<string, Partial<NodeOptions>>> = {
  "a plain port": {},
  "a port with mutual TLS": { tls: certified("1.3.1") },
  "a port with TLS and a secret": { tls: keyPair("1.3.1"), secrets: [SECRET] },
};

interface Visit {
  readonly what: string;
  readonly program: string;
  readonly args: (endpoint: string) => readonly string[];
  /** What the tool says at a plain port, with mutual TLS, with TLS and a secret. */
  readonly says: readonly [RegExp, RegExp, RegExp];
  /** How the node counts it. */
  readonly counted: readonly [string, string, string];
}

const HTTP_400 = /400|This port speaks the clusterts protocol, not HTTP/;
const REFUSED_OTHER = /speaks TLS, but not clusterts over it/;

const visits: readonly Visit[] = [
  {
    what: "curl by http",
    program: "curl",
    args: (endpoint) => ["-sS", "-m", "4", `http://${endpoint}/`],
    says: [HTTP_400, HTTP_400, HTTP_400],
    counted: ["other", "insecure", "insecure"],
  },
  {
    what: "curl by https",
    program: "curl",
    args: (endpoint) => ["-sS", "-k", "-m", "4", `https://${endpoint}/`],
    says: [/wrong version number|packet length|SSL|TLS/, /no application protocol|alert/, /no application protocol|alert/],
    counted: ["malformed", "malformed", "malformed"],
  },
  {
    what: "openssl s_client",
    program: "openssl",
    args: (endpoint) => ["s_client", "-connect", endpoint, "-ign_eof"],
    says: [/wrong version number|packet length/, REFUSED_OTHER, REFUSED_OTHER],
    counted: ["malformed", "malformed", "malformed"],
  },
  {
    what: "openssl s_client that knows the protocol's name, without a certificate",
    program: "openssl",
    args: (endpoint) => ["s_client", "-connect", endpoint, "-alpn", "clusterts", "-ign_eof", "-quiet"],
    says: [/wrong version number|packet length/, /the dialer presents no certificate/, /not clusterts: it begins with "hello\./],
    counted: ["malformed", "identity", "malformed"],
  },
  {
    what: "openssl s_client with a node's certificate and no opening",
    program: "openssl",
    args: (endpoint) => [
      ...["s_client", "-connect", endpoint, "-alpn", "clusterts", "-ign_eof", "-quiet"],
      ...["-cert", `${certificates}1.2.1.pem`, "-key", `${certificates}1.2.1.pem`],
    ],
    says: [/wrong version number|packet length/, /not clusterts: it begins with "hello\./, /not clusterts: it begins with "hello\./],
    counted: ["malformed", "malformed", "malformed"],
  },
];

suite("tools at a node's port", () => {
  let nodes: LoopbackNodes;

  setup(() => {
    nodes = new LoopbackNodes();
  });

  teardown(() => nodes[Symbol.asyncDispose]());

  for (const [which, [name, options]] of Object.entries(ports).entries()) {
    for (const { what, program, args, says, counted } of visits) {
      test(`${what}, at ${name}: a refusal at once, a line in the log, and calls go on`, async function () {
        if (spawnSync(program, ["--version"]).error !== undefined) return this.skip();
        const log = new Log();
        const node: ClusterNode = await nodes.start("1.3.1", { ...options, logger: log }, (it) =>
          it.handle(echo, (input: unknown) => input),
        );
        const { endpoint } = node.status();
        const { code, text } = await run(program, args(endpoint!), "hello\n");
        assert.notEqual(code, null, `it had to be stopped, and had said: ${text}`);
        assert.match(text, says[which]!);
        assert.deepEqual(node.status().refusals, { [counted[which]!]: 1 });
        assert.equal(log.at("warn").length, 1);
        assert.match(log.at("warn")[0]!, /^refused a connection from 127\.0\.0\.1:\d+: /);
        assert.deepEqual(log.at("error"), []);
        const { secrets, tls } = options;
        await using tool = connectAnonymously({
          to: "1.3.1",
          endpoint: endpoint!,
          logger: false,
          ...(tls && { tls: secrets === undefined ? certified("anonymous") : {} }),
          secrets,
        });
        assert.deepEqual(await tool.invoke("1.3.1", echo, { text: "hello" }), { text: "hello" });
      });
    }
  }
});
