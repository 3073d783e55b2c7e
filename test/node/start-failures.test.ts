/** Why a node cannot be made or started, and what it says. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { parseAddress } from "../../src/addr/logical-address.js";
import type { Discovery } from "../../src/discovery/discovery.js";
import { file } from "../../src/discovery/file.js";
import { memory } from "../../src/discovery/memory.js";
import { InvalidAddressError, InvalidOptionsError, StartError, type StartErrorCode } from "../../src/errors.js";
import { createNode } from "../../src/node/node.js";
import type { NodeOptions } from "../../src/node/options.js";
import { assertLine, rejection } from "../support/expect-failure.js";
import { LoopbackNodes } from "../support/loopback-nodes.js";
import { freePort, rawServer } from "../support/raw-server.js";

/** Waits for a start to fail as expected, and looks that nothing of it is left. */
async function expectStartError(started: Promise<unknown>, code: StartErrorCode, line: string): Promise<StartError> {
  const error = await rejection(started);
  if (!(error instanceof StartError)) throw error;
  assert.equal(error.code, code);
  assertLine(error, line);
  return error;
}

function faultsOf(options: unknown): readonly string[] {
  try {
    createNode(options as NodeOptions);
  } catch (error) {
    if (!(error instanceof InvalidOptionsError)) throw error;
    assert.equal(error.message, `node options: ${error.faults.join("; ")}`);
    assertLine(error, error.message);
    return error.faults;
  }
  return [];
}

suite("node options", () => {
  test("many wrong ones, are all told at once, in one line, and secrets are not shown", () => {
    const faults = faultsOf({
      adress: "1.2.1",
      address: "1.2",
      discovery: {},
      cluster: "two words",
      listen: "8000",
      advertise: "::1",
      secrets: ["hunter2"],
      insecure: false,
      logger: {},
      link: { backofMs: 5, backoffMs: -1 },
      rpc: { callTimeoutMs: "1s" },
    });
    assert.deepEqual(
      [...faults].sort(),
      [
        'address: "1.2" is not a valid address: expected group.type.id: three decimal numbers without leading zeros or blanks, such as 1.2.3',
        "cluster: a cluster's name is made of visible ASCII characters",
        "discovery: expected a discovery, with watch()",
        'listen: endpoint "8000": expected host:port, as in 10.0.1.7:8011',
        'advertise: endpoint "::1": an IPv6 address stands in brackets, as in [::1]:8000',
        "secrets.0: a secret has at least 32 bytes; `openssl rand -base64 32` makes one",
        "insecure: Invalid literal value, expected true",
        "logger: expected false, or a logger with trace(), debug(), info(), warn(), error()",
        "link.backoffMs: Number must be greater than 0",
        'link: there is no option "backofMs" (did you mean "backoffMs"?)',
        "rpc.callTimeoutMs: Expected number, received string",
        'there is no option "adress" (did you mean "address"?)',
      ].sort(),
    );
  });

  test("none at all, is told", () => {
    assert.deepEqual(faultsOf(undefined), ["expected an object with address and discovery"]);
  });

  test("limits that contradict each other, are told", () => {
    assert.deepEqual(faultsOf({ address: "1.2.1", discovery: memory(), link: { highWaterBytes: 2, maxBufferedBytes: 1 } }), [
      "link: highWaterBytes, maxBufferedBytes and slowPeerBytes must not fall in this order",
    ]);
  });

  test("an address with a line break in it, is told in one line", () => {
    const error = new InvalidAddressError("1.2\n.3", "expected group.type.id");
    assert.equal(error.message, '"1.2\\n.3" is not a valid address: expected group.type.id');
    assert.equal(error.address, "1.2\n.3");
  });

  test("an endless text, is shown in part", () => {
    assert.ok(new InvalidAddressError("1".repeat(10_000), "expected group.type.id").message.length < 200);
  });
});

suite("a node that does not start", () => {
  let nodes: LoopbackNodes;

  setup(() => {
    nodes = new LoopbackNodes();
  });

  teardown(() => nodes[Symbol.asyncDispose]());

  const put = (address: `${number}.${number}.${number}`, endpoint: string): void =>
    nodes.discovery.put({ address: parseAddress(address), endpoint });

  /** The same members, and nodes cannot register: they are configured. */
  const configured = () => ({ watch: (signal: AbortSignal) => nodes.discovery.watch(signal) });

  test("not in discovery, says how many others are", async () => {
    put("1.2.2", "127.0.0.1:1");
    await expectStartError(
      nodes.make("1.2.1", { discovery: configured() }).start({ timeoutMs: 50 }),
      "NOT_IN_DISCOVERY",
      "1.2.1 did not start: 1.2.1 is not in discovery after 50 ms; 1 other members are; add it there, or use a discovery that registers nodes",
    );
  });

  test("a port that another process listens on, configured and by option", async () => {
    await using server = await rawServer((socket) => socket.end());
    put("1.2.1", server.endpoint);
    await expectStartError(
      nodes.make("1.2.1", { discovery: configured() }).start(),
      "LISTEN_FAILED",
      "1.2.1 did not start: cannot listen on <endpoint>, its endpoint in discovery: something else listens there; stop what listens there, or choose another port",
    );
    const error = await expectStartError(
      nodes.make("1.2.2", { listen: server.endpoint }).start(),
      "LISTEN_FAILED",
      "1.2.2 did not start: cannot listen on <endpoint>, the option listen: something else listens there; stop what listens there, or choose another port",
    );
    assert.equal((error.cause as { code?: string }).code, "EADDRINUSE");
  });

  test("an address that this machine does not have", async () => {
    put("1.2.1", "198.51.100.1:8011");
    await expectStartError(
      nodes.make("1.2.1", { discovery: configured(), listen: "198.51.100.1:8011" }).start({ timeoutMs: 5_000 }),
      "LISTEN_FAILED",
      "1.2.1 did not start: cannot listen on 198.51.100.1:8011, the option listen: this machine does not have that address; is this the right machine? where others reach it by another address, the option listen says where it listens",
    );
  });

  test("a host name that does not exist", async () => {
    const host = `${"no-such-host".repeat(6)}.example`;
    await expectStartError(
      nodes.make("1.2.1", { listen: `${host}:8011` }).start(),
      "LISTEN_FAILED",
      `1.2.1 did not start: cannot listen on ${host}:8011, the option listen: host name not found; choose another host or port`,
    );
  });

  test("an address that a live node has, configured and registered", async () => {
    const holder = await nodes.start("1.2.1");
    await expectStartError(
      nodes.make("1.2.1").start(),
      "ADDRESS_IN_USE",
      "1.2.1 did not start: address in use, a live 1.2.1 (clusterts <any>) answers at <endpoint>; stop that one, or give this node another address",
    );
    put("1.2.1", holder.status().endpoint!);
    await expectStartError(
      nodes.make("1.2.1", { discovery: configured() }).start(),
      "ADDRESS_IN_USE",
      "1.2.1 did not start: address in use, a live 1.2.1 (clusterts <any>) answers at <endpoint>; stop that one, or give this node another address",
    );
    assert.equal(holder.status().phase, "running", "the one that was there goes on");
  });

  test("listening on all interfaces without a word on where others reach it", async () => {
    const node = nodes.make("1.2.1", { listen: "0.0.0.0:0" });
    await expectStartError(
      node.start(),
      "REGISTRATION_FAILED",
      "1.2.1 did not start: it listens on all interfaces (<endpoint>); nobody can dial that: say where others reach it with the option advertise",
    );
    assert.equal(node.status().phase, "closed");
  });

  test("a discovery whose register() fails, within timeoutMs and with its last words", async () => {
    const { discovery } = nodes;
    const failing = {
      watch: (signal: AbortSignal) => discovery.watch(signal),
      register: () => Promise.reject(new Error("401 Unauthorized\nby the store")),
    };
    await expectStartError(
      nodes.make("1.2.1", { discovery: failing }).start({ timeoutMs: 50 }),
      "REGISTRATION_FAILED",
      "1.2.1 did not start: registering 1.2.1 in discovery was given up; the last attempt: 401 Unauthorized by the store; is the store up, and may this node write to it?",
    );
  });

  test("a discovery whose fencing token does not fit into an incarnation", async () => {
    const { discovery } = nodes;
    for (const fencingToken of [0n, -1n, 2n ** 64n, 7 as unknown as bigint]) {
      const odd: Discovery = {
        watch: (signal) => discovery.watch(signal),
        register: async () => ({
          fencingToken,
          update: async () => {},
          lost: new Promise<Error>(() => {}),
          [Symbol.asyncDispose]: async () => {},
        }),
      };
      await expectStartError(
        nodes.make("1.2.1", { discovery: odd }).start(),
        "REGISTRATION_FAILED",
        `1.2.1 did not start: the discovery gave ${fencingToken} as its fencing token; it is to be a bigint from 1 to 2^64-1 that grows with each registration`,
      );
    }
  });

  test("a discovery that reports nothing", async () => {
    const silent: Discovery = {
      async *watch(signal) {
        await once(signal, "abort");
        yield* [];
      },
    };
    await expectStartError(
      nodes.make("1.2.1", { discovery: silent }).start({ timeoutMs: 50 }),
      "TIMEOUT",
      "1.2.1 did not start: no snapshot from discovery after 50 ms; discovery has not reported anything yet",
    );
  });

  test("a node file that is broken or missing, names the place", async () => {
    const folder = await mkdtemp(join(tmpdir(), "clusterts-start-"));
    const path = join(folder, "cluster.json");
    try {
      await writeFile(path, '{ "nodes": [\n  { "address": "1.300.1", "endpoint": "127.0.0.1:8011" }] }');
      await expectStartError(
        nodes.make("1.2.1", { discovery: file(path) }).start({ timeoutMs: 300 }),
        "TIMEOUT",
        `1.2.1 did not start: no snapshot from discovery after 300 ms; discovery: ${path}:2:16: "1.300.1" is not a valid address: type is 300, must be a whole number from 1 to 254; the last members stay, watching again`,
      );
      await rm(path);
      await expectStartError(
        nodes.make("1.2.2", { discovery: file(path) }).start({ timeoutMs: 300 }),
        "TIMEOUT",
        `1.2.2 did not start: no snapshot from discovery after 300 ms; discovery: ${path}: there is no such file; the last members stay, watching again`,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("aborted by the caller, before and meanwhile, with its reason", async () => {
    await expectStartError(
      nodes.make("1.2.1").start({ signal: AbortSignal.abort(new Error("shutting down")) }),
      "ABORTED",
      "1.2.1 did not start: shutting down",
    );
    const abort = new AbortController();
    const started = nodes.make("1.2.2", { discovery: configured() }).start({ signal: abort.signal });
    abort.abort(new Error("shutting down"));
    await expectStartError(started, "ABORTED", "1.2.2 did not start: shutting down");
  });

  test("aborted while it asks whether its address is taken", async () => {
    const abort = new AbortController();
    await using server = await rawServer(() => abort.abort(new Error("shutting down")));
    put("1.2.1", server.endpoint);
    await expectStartError(
      nodes.make("1.2.1", { discovery: configured() }).start({ signal: abort.signal }),
      "ABORTED",
      "1.2.1 did not start: shutting down",
    );
  });

  test("closed while it starts, and started twice", async () => {
    const node = nodes.make("1.2.1", { discovery: configured() });
    const started = node.start();
    await node.close();
    await expectStartError(started, "CLOSED", "1.2.1 was closed while it started");
    await expectStartError(node.start(), "CLOSED", "1.2.1 was started or closed before: make a new node");
    const running = await nodes.start("1.2.2");
    await expectStartError(running.start(), "CLOSED", "1.2.2 was started or closed before: make a new node");
  });

  test("a timeout that cannot be, is an option fault", async () => {
    const error = await rejection(nodes.make("1.2.1", { listen: `127.0.0.1:${await freePort()}` }).start({ timeoutMs: -1 }));
    assert.ok(error instanceof InvalidOptionsError);
    assertLine(error, "timeoutMs: a whole number of milliseconds from 1 to 2147483647, got -1");
  });
});

suite("a process in which nothing else is open", () => {
  test("a node that is not in its file, waits for its time and then says so", async () => {
    const folder = await mkdtemp(join(tmpdir(), "clusterts-alone-"));
    try {
      const nodeFile = join(folder, "cluster.json");
      await writeFile(nodeFile, '{ "nodes": [] }');
      const program = `
        const { startNode } = await import("clusterts");
        const { file } = await import("clusterts/discovery");
        await startNode({ address: "1.2.1", discovery: file(${JSON.stringify(nodeFile)}), timeoutMs: 300 }).catch((error) => console.log(error.code));
      `;
      const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const [output, [code]] = await Promise.all([text(child.stdout), once(child, "exit")]);
      assert.deepEqual([output, code], ["NOT_IN_DISCOVERY\n", 0]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
