import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memory } from "../../src/discovery/memory.js";
import { startDiscoveryServer } from "../../src/discovery/server/server.js";
import { type Environment, optionsFromEnv } from "../../src/env/options-from-env.js";
import { InvalidOptionsError } from "../../src/errors.js";
import { createNode } from "../../src/node/node.js";

const SECRET = "0123456789abcdef0123456789abcdef";
const OTHER = "fedcba9876543210fedcba9876543210";

function faultsOf(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof InvalidOptionsError, String(error));
    return error.faults;
  }
  return assert.fail("it succeeded");
}
const faults = (env: Environment): readonly string[] => faultsOf(() => optionsFromEnv(env));

suite("options from the environment", () => {
  test("all of them set, are what createNode() takes", () => {
    const { discovery, logger, ...rest } = optionsFromEnv({
      CLUSTERTS_ADDRESS: "1.2.1",
      CLUSTERTS_DISCOVERY: "file:cluster.json",
      CLUSTERTS_CLUSTER: "prod",
      CLUSTERTS_SECRET: ` ${SECRET}, ${OTHER} `,
      CLUSTERTS_LISTEN: "0.0.0.0:8011",
      CLUSTERTS_ADVERTISE: "10.0.1.7",
      CLUSTERTS_EXPORT: "yes",
      CLUSTERTS_INSECURE: "1",
      CLUSTERTS_ADMIN: "false",
      CLUSTERTS_LOG: "debug",
      CLUSTERTS_TAP: "",
      CLUSTERTS_METADATA: "mode=ranked, map=sea",
      CLUSTERTS_VERSION: "1.4.2",
      PATH: "/bin",
    });
    assert.deepEqual(rest, {
      address: "1.2.1",
      cluster: "prod",
      secrets: [SECRET, OTHER],
      listen: "0.0.0.0:8011",
      advertise: "10.0.1.7",
      export: true,
      insecure: true,
      admin: false,
      metadata: { mode: "ranked", map: "sea" },
      version: "1.4.2",
    });
    assert.equal(typeof discovery.watch, "function");
    assert.equal(typeof (logger as { debug: unknown }).debug, "function");
    assert.equal(createNode({ ...rest, discovery, logger }).status().address, "1.2.1");
  });

  test("of a harbor, has the discovery of the harbors, their secret, and what other groups reach", () => {
    const { discovery, harbors, ...rest } = optionsFromEnv({
      CLUSTERTS_ADDRESS: "1.255.1",
      CLUSTERTS_DISCOVERY: "file:one.json",
      CLUSTERTS_HARBORS: "file:harbors.json",
      CLUSTERTS_SECRET: SECRET,
      CLUSTERTS_HARBOR_SECRET: OTHER,
      CLUSTERTS_EXPORT: "enforced",
    });
    assert.ok(harbors !== undefined && harbors !== discovery);
    assert.deepEqual(rest, { address: "1.255.1", secrets: [SECRET], harborSecrets: [OTHER], export: "enforced" });
  });

  test("files for TLS, are read, for the node and for the discovery server that it asks; one that is missing is named", () => {
    const file = (name: string): string => new URL(`../support/certificates/${name}.pem`, import.meta.url).pathname;
    const env = { CLUSTERTS_TLS_CA: file("authority"), CLUSTERTS_TLS_CERT: file("1.2.1"), CLUSTERTS_TLS_KEY: file("1.2.1") };
    const { tls } = optionsFromEnv(env);
    assert.deepEqual(Object.keys(tls ?? {}), ["ca", "cert", "key"]);
    assert.equal(createNode({ address: "1.2.1", discovery: memory(), tls, logger: false }).status().certificate?.subject, "CN=1.2.1");
    // It would be a tool, and the certificate is none for tools.
    assert.match(
      faults({ ...env, CLUSTERTS_DISCOVERY: "127.0.0.1:8110" })[0]!,
      /^CLUSTERTS_DISCOVERY: tls.cert: it does not name clusterts:\/\/default\/0.0.0/,
    );
    assert.match(faults({ CLUSTERTS_TLS_CA: "/no/such/file" })[0]!, /^CLUSTERTS_TLS_CA: ENOENT/);
  });

  test("nothing set, gives no option; what is missing shows where the node is made, with the variable", () => {
    assert.deepEqual(optionsFromEnv({ CLUSTERTS_ADDRESS: "", CLUSTERTS_INSECURE: "off" }), {});
    assert.deepEqual(
      faultsOf(() => createNode(optionsFromEnv({}))),
      [
        "address: is missing; optionsFromEnv() takes it from CLUSTERTS_ADDRESS",
        "discovery: is missing; optionsFromEnv() takes it from CLUSTERTS_DISCOVERY",
      ],
    );
    const node = createNode({ ...optionsFromEnv({}), address: "1.2.1", discovery: memory() });
    assert.equal(node.status().address, "1.2.1");
  });

  test("the process's own environment, is the default", () => {
    process.env.CLUSTERTS_CLUSTER = "from-the-process";
    try {
      assert.equal(optionsFromEnv().cluster, "from-the-process");
    } finally {
      delete process.env.CLUSTERTS_CLUSTER;
    }
  });

  test("all that is wrong, is told at once with its variable, and no secret is shown", () => {
    const found = faults({
      CLUSTERTS_ADDRESS: "1.300.1",
      CLUSTERTS_DISCOVERY: "etcd://10.0.0.1:2379",
      CLUSTERTS_SECRET: "short-secret",
      CLUSTERTS_LISTEN: "8011",
      CLUSTERTS_EXPORT: "maybe",
      CLUSTERTS_LOG: "loud",
      CLUSTERTS_METADATA: "ranked",
      CLUSTERTS_TAP: "peer=7",
      CLUSTERTS_ADRESS: "1.1.1",
    });
    const starts = [
      "there is no CLUSTERTS_ADRESS (did you mean CLUSTERTS_ADDRESS?)",
      "CLUSTERTS_SECRET: a secret has at least 32 bytes",
      'CLUSTERTS_ADDRESS: "1.300.1" is not a valid address: type is 300',
      'CLUSTERTS_DISCOVERY: "etcd://10.0.0.1:2379" is no discovery that is known here; there are ',
      "CLUSTERTS_LISTEN: ",
      'CLUSTERTS_EXPORT: expected true or false, got "maybe"',
      'CLUSTERTS_LOG: expected trace, debug, info, warn, error or off, got "loud"',
      'CLUSTERTS_METADATA: expected key=value, got "ranked"',
      'CLUSTERTS_TAP: "7" is not a valid address',
    ];
    assert.equal(found.length, starts.length, found.join("\n"));
    for (const [at, start] of starts.entries()) assert.ok(found[at]!.startsWith(start), `${found[at]} begins not with ${start}`);
    assert.match(found[3]!, /file:cluster\.json/);
    assert.equal(
      found.some((fault) => fault.includes("short-secret")),
      false,
    );
  });

  test("secrets from a file, one in each line; two sources are a fault, and so is a file that is not there", () => {
    const folder = mkdtempSync(join(tmpdir(), "clusterts-env-"));
    try {
      const path = join(folder, "secret");
      writeFileSync(path, `${SECRET}\n${OTHER}\n`);
      assert.deepEqual(optionsFromEnv({ CLUSTERTS_SECRET_FILE: path }).secrets, [SECRET, OTHER]);
      assert.match(faults({ CLUSTERTS_SECRET_FILE: path, CLUSTERTS_SECRET: SECRET })[0]!, /both are set/);
      assert.match(faults({ CLUSTERTS_SECRET_FILE: join(folder, "none") })[0]!, /^CLUSTERTS_SECRET_FILE: ENOENT/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("files of certificates, are read; one that is not there is a fault", () => {
    const folder = mkdtempSync(join(tmpdir(), "clusterts-env-"));
    try {
      const path = join(folder, "ca.pem");
      writeFileSync(path, "pem");
      const { tls } = optionsFromEnv({ CLUSTERTS_TLS_CA: path });
      assert.deepEqual([tls?.ca?.toString(), tls?.cert], ["pem", undefined]);
      assert.match(faults({ CLUSTERTS_TLS_KEY: join(folder, "none") })[0]!, /^CLUSTERTS_TLS_KEY: ENOENT/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  for (const text of ["10.0.0.5:8110", "server://10.0.0.5:8110", "SERVER://[::1]:8110"]) {
    test(`${text} for a discovery, is a discovery server's`, () => {
      const { discovery } = optionsFromEnv({ CLUSTERTS_DISCOVERY: text, CLUSTERTS_SECRET: SECRET });
      assert.equal(typeof discovery.register, "function");
    });
  }

  test("a discovery server, gets the cluster's name and secrets of the same environment", async () => {
    await using server = await startDiscoveryServer({ listen: "127.0.0.1:0", secrets: [SECRET], cluster: "prod", logger: false });
    const env = { CLUSTERTS_DISCOVERY: server.endpoint, CLUSTERTS_SECRET: SECRET, CLUSTERTS_CLUSTER: "prod" };
    await using node = await createNode({ ...optionsFromEnv(env), address: "1.2.1", logger: false }).start();
    assert.equal((await node.waitFor(2))[0]?.address, node.address);
  });

  for (const text of ["file:", "server://nowhere", "localhost", "http://10.0.0.1:1", "10.0.0.1:0", "://x"]) {
    test(`${text} for a discovery, is a fault`, () => {
      assert.equal(faults({ CLUSTERTS_DISCOVERY: text }).length, 1);
    });
  }

  test("variables of others that begin like ours, are let alone", () => {
    assert.deepEqual(
      optionsFromEnv({ CLUSTERTS_PORT: "tcp://10.0.0.1:80", CLUSTERTS_SERVICE_HOST: "x", CLUSTERTS_SEED: "1", CLUSTERTS_GAME_MODE: "x" }),
      {},
    );
  });
});
