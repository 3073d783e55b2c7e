/** Every failure of a call that a user can bring about by hand, over TCP: what it says, what there is to branch on, how soon. */
import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import { networkInterfaces } from "node:os";
import { createServer as createTlsServer } from "node:tls";
import { formatAddress, type LogicalAddress, parseAddress } from "../../src/addr/logical-address.js";
import { RpcError } from "../../src/errors.js";
import { Deferred } from "../../src/internal/deferred.js";
import type { Logger } from "../../src/internal/logger.js";
import type { ClusterNode } from "../../src/node/node.js";
import { BinaryWriter } from "../../src/protobuf/binary-writer.js";
import { byType } from "../../src/rpc/picker.js";
import type { Context } from "../../src/rpc/service.js";
import { encodeHello, encodeRecord, encodeRefusal, type Hello, OWN_LAYOUT, PURPOSE, RECORD, REFUSAL } from "../../src/wire/hello.js";
import { PREFACE } from "../../src/wire/limits.js";
import { type ExpectedFailure, expectFailure } from "../support/expect-failure.js";
import { LoopbackNodes } from "../support/loopback-nodes.js";
import { freePort, type RawServer, rawServer, serve } from "../support/raw-server.js";
import { type Text, textCodec, textMessage, textMethod } from "../support/text-method.js";
import { until } from "../support/until.js";

const echo = textMethod("test.Echo/echo");
const news = textMessage(7, "test.News");
const SECRET = "0123456789abcdef0123456789abcdef";
const OTHER_SECRET = "fedcba9876543210fedcba9876543210";

/** Links that give up soon. */
const IMPATIENT = { link: { reachTimeoutMs: 200, handshakeTimeoutMs: 150, backoffMs: 20 } };

/** A failed call from 1.2.1 to 1.3.1, unless said otherwise. */
function failure(rest: Partial<ExpectedFailure> & Pick<ExpectedFailure, "code" | "execution" | "reason">): ExpectedFailure {
  return { method: "test.Echo/echo", from: "1.2.1", peer: "1.3.1", ...rest };
}

suite("failures of calls", () => {
  let nodes: LoopbackNodes;

  setup(() => {
    nodes = new LoopbackNodes();
  });

  teardown(() => nodes[Symbol.asyncDispose]());

  const caller = (options = {}): Promise<ClusterNode> => nodes.start("1.2.1", options);

  /** 1.3.1, that answers with `handler`. */
  const callee = async (handler: (input: Text, context: Context) => unknown = (input) => input, options = {}): Promise<ClusterNode> => {
    const node = await nodes.start("1.3.1", options, (it) => it.handle(echo, handler));
    await nodes.known("1.3.1");
    return node;
  };

  /** Discovery says that 1.3.1 is there. */
  const at = async (server: RawServer): Promise<RawServer> => {
    await nodes.put("1.3.1", server.endpoint);
    return server;
  };

  suite("a wrong target", () => {
    test("a text that is no address, is quoted and told what is wrong with it", async () => {
      const node = await caller();
      const wrong = (text: string, reason: string): Promise<RpcError> =>
        expectFailure(
          node.invoke(text as "1.2.3", echo, {}),
          failure({
            code: "INVALID_ARGUMENT",
            execution: "notRun",
            peer: undefined,
            whom: JSON.stringify(text),
            reason: `${JSON.stringify(text)} is not a valid address: ${reason}`,
            cause: "InvalidAddressError",
          }),
        );
      const shape = "expected group.type.id: three decimal numbers without leading zeros or blanks, such as 1.2.3";
      await wrong("1.2", shape);
      await wrong("01.2.3", shape);
      await wrong("1.2\n.3", shape);
      await wrong("1.300.3", "type is 300, must be a whole number from 1 to 254");
      await wrong("0.1.3", "group is 0, must be a whole number from 1 to 4095");
    });

    test("a number that no function of the library made, is told where addresses come from", async () => {
      await expectFailure(
        (await caller()).invoke(7 as LogicalAddress, echo, {}),
        failure({
          code: "INVALID_ARGUMENT",
          execution: "notRun",
          peer: undefined,
          whom: "7",
          reason: '"7" is not a valid address: expected a text "group.type.id", or a number from parseAddress or makeAddress',
          cause: "InvalidAddressError",
        }),
      );
    });

    test("no target, of a stub without one, is told what to pass", async () => {
      const node = await caller();
      const expected = failure({
        code: "INVALID_ARGUMENT",
        execution: "notRun",
        peer: undefined,
        whom: "nobody",
        reason: 'no target was given; pass an address, its text such as "1.2.3", or byType(type)',
      });
      await expectFailure(node.invoke(undefined, echo, {}), expected);
      await expectFailure(node.post(undefined, echo, {}), expected);
    });

    test("a type that no node can have, is told its range", async () => {
      await expectFailure(
        (await caller()).invoke(byType(0), echo, {}),
        failure({
          code: "INVALID_ARGUMENT",
          execution: "notRun",
          peer: undefined,
          whom: "any node of type 0",
          reason: "type: a node type is a whole number from 1 to 254, or 255 for harbors; got 0",
          cause: "InvalidOptionsError",
        }),
      );
    });

    test("a policy function that throws, is quoted, also for one-way messages", async () => {
      const node = await caller();
      const target = byType(3, () => {
        throw new TypeError("no load known");
      });
      const expected = failure({
        code: "INVALID_ARGUMENT",
        execution: "notRun",
        peer: undefined,
        whom: "any node of type 3",
        reason: "its policy threw TypeError: no load known",
        cause: "TypeError",
      });
      await expectFailure(node.invoke(target, echo, {}), expected);
      await expectFailure(node.post(target, echo, {}), expected);
    });

    test("a type of which nobody is there, says who is known and why not", async () => {
      const node = await caller();
      const expected = (reason: string): ExpectedFailure =>
        failure({ code: "UNAVAILABLE", execution: "notRun", peer: undefined, whom: "any node of type 3", reason });
      await expectFailure(
        node.invoke(byType(3), echo, {}),
        expected("no node of type 3: no others are known; node.waitFor() waits for one that is still starting"),
      );
      nodes.discovery.put({ address: parseAddress("1.3.9"), endpoint: "127.0.0.1:1", available: false });
      await nodes.known("1.3.9");
      await expectFailure(
        node.invoke(byType(3), echo, {}),
        expected("no node of type 3: known but not available: 1.3.9; node.waitFor() waits for one that is still starting"),
      );
      await nodes.put("1.3.2", "127.0.0.1:1");
      await expectFailure(
        node.invoke(
          byType(3, () => undefined),
          echo,
          {},
        ),
        expected("the policy chose none of 1 nodes of type 3"),
      );
    });

    test("an address that discovery does not know, fails at once", async () => {
      await expectFailure(
        (await caller()).invoke("1.3.1", echo, {}),
        failure({
          code: "UNAVAILABLE",
          execution: "notRun",
          reason: "discovery does not know it; is the address right? node.waitFor() waits for a node that is still starting",
          withinMs: 1_000,
        }),
      );
    });

    test("an address that discovery forgets while it is dialed, fails at once", async () => {
      const node = await caller();
      await using _ = await at(await rawServer(() => {}));
      const call = node.invoke("1.3.1", echo, {});
      nodes.discovery.remove(parseAddress("1.3.1"));
      await expectFailure(
        call,
        failure({
          code: "UNAVAILABLE",
          execution: "notRun",
          reason: "discovery no longer knows it; is the address right? node.waitFor() waits for a node that is still starting",
        }),
      );
    });

    test("a node of another group, without a harbor", async () => {
      await expectFailure(
        (await caller()).invoke("2.3.1", echo, {}),
        failure({
          code: "UNAVAILABLE",
          execution: "notRun",
          peer: "2.3.1",
          reason: "nodes of other groups are reached through a harbor, and none is known; is one of this group up?",
        }),
      );
    });
  });

  suite("nobody who could answer", () => {
    test("an endpoint where nobody listens, is dialed for a while, then named with the attempts", async () => {
      const node = await caller(IMPATIENT);
      await nodes.put("1.3.1", `127.0.0.1:${await freePort()}`);
      const error = await expectFailure(
        node.invoke("1.3.1", echo, {}),
        failure({
          code: "UNAVAILABLE",
          execution: "notRun",
          reason: "dial <endpoint>: connection refused, <n> attempts in <s> s; is the node up and advertised correctly?",
          cause: "Error",
        }),
      );
      assert.equal((error.cause as { code?: string }).code, "ECONNREFUSED");
    });

    test("a deadline that is over before the node could be dialed, says what became of the dials", async () => {
      const node = await caller();
      await nodes.put("1.3.1", `127.0.0.1:${await freePort()}`);
      await expectFailure(
        node.invoke("1.3.1", echo, {}, { timeoutMs: 250 }),
        failure({
          code: "DEADLINE_EXCEEDED",
          execution: "notRun",
          reason:
            "dial <endpoint>: connection refused<any>; it was never sent: is the node up and advertised correctly, or timeoutMs too short?",
        }),
      );
    });

    test("a host name that does not exist, asks for the name", async () => {
      const node = await caller(IMPATIENT);
      await nodes.put("1.3.1", `${"no-such-host".repeat(6)}.example:8011`); // too long for DNS: the resolver says so without asking
      await expectFailure(
        node.invoke("1.3.1", echo, {}),
        failure({
          code: "UNAVAILABLE",
          execution: "notRun",
          reason: `dial ${"no-such-host".repeat(6)}.example:8011: host name not found, <n> attempts in <s> s; is the host name in discovery right, and does this machine resolve it?`,
          cause: "Error",
        }),
      );
    });

    test("a port that takes connections and says nothing", async () => {
      const node = await caller(IMPATIENT);
      await using _ = await at(await rawServer(() => {}));
      await expectFailure(
        node.invoke("1.3.1", echo, {}),
        failure({
          code: "UNAVAILABLE",
          execution: "notRun",
          reason:
            "dial <endpoint>: the port takes the connection, but no answer to the opening came within 150 ms, <n> attempts in <s> s; is its endpoint in discovery the port of a clusterts node?",
          cause: "HandshakeError",
        }),
      );
      await expectFailure(
        node.invoke("1.3.1", echo, {}, { timeoutMs: 60 }),
        failure({
          code: "DEADLINE_EXCEEDED",
          execution: "notRun",
          reason: "dial <endpoint>: <any>; it was never sent: is the node up and advertised correctly, or timeoutMs too short?",
        }),
      );
    });

    test("a port that takes connections and closes them", async () => {
      const node = await caller(IMPATIENT);
      await using _ = await at(await rawServer((socket) => socket.end()));
      await expectFailure(
        node.invoke("1.3.1", echo, {}),
        failure({
          code: "UNAVAILABLE",
          execution: "notRun",
          reason:
            "dial <endpoint>: the port takes the connection, then closes it during the opening, <n> attempts in <s> s; is its endpoint in discovery the port of a clusterts node?",
          cause: "Error",
        }),
      );
    });
  });

  suite("somebody else who answers", () => {
    const notClusterts = (guess: string): ExpectedFailure =>
      failure({
        code: "UNAVAILABLE",
        execution: "notRun",
        reason: `dial <endpoint>: not clusterts: ${guess}; is its endpoint in discovery the port of a clusterts node?`,
        cause: "HandshakeError",
        withinMs: 2_000,
      });

    test("a web server, is recognized at once", async () => {
      const node = await caller();
      await using _ = await at(await serve(createHttpServer()));
      await expectFailure(node.invoke("1.3.1", echo, {}), notClusterts("the port answers HTTP"));
    });

    test("a mail server that greets, is quoted at once", async () => {
      const node = await caller();
      await using _ = await at(await rawServer((socket) => socket.write("220 mail.example ESMTP\r\n")));
      await expectFailure(node.invoke("1.3.1", echo, {}), notClusterts('it begins with "220 mail.example"'));
    });

    test("a port that sends garbage, is quoted without control characters", async () => {
      const node = await caller();
      await using _ = await at(await rawServer((socket) => socket.write(Buffer.from([0, 27, 10, 65, 200, 255]))));
      await expectFailure(node.invoke("1.3.1", echo, {}), notClusterts('it begins with "...A.."'));
    });

    test("a port that sends a TLS alert", async () => {
      const node = await caller();
      await using _ = await at(await rawServer((socket) => socket.write(Buffer.from([0x15, 3, 3, 0, 2, 2, 70]))));
      await expectFailure(node.invoke("1.3.1", echo, {}), notClusterts("it speaks TLS"));
    });

    test("a TLS server of Node.js, closes without a word", async () => {
      const node = await caller(IMPATIENT);
      await using _ = await at(await serve(createTlsServer()));
      await expectFailure(
        node.invoke("1.3.1", echo, {}),
        failure({
          code: "UNAVAILABLE",
          execution: "notRun",
          reason:
            "dial <endpoint>: the port takes the connection, then closes it during the opening, <n> attempts in <s> s; is its endpoint in discovery the port of a clusterts node?",
          cause: "Error",
        }),
      );
    });
  });

  suite("a node that refuses", () => {
    const refused = (reason: string, rest: Partial<ExpectedFailure> = {}): ExpectedFailure =>
      failure({
        code: "UNAVAILABLE",
        execution: "notRun",
        reason: `dial <endpoint>: ${reason}`,
        cause: "HandshakeError",
        withinMs: 2_000,
        ...rest,
      });

    test("another node at the endpoint, says who it is", async () => {
      const node = await caller();
      const other = await nodes.start("1.9.9");
      await nodes.put("1.3.1", other.status().endpoint!);
      await expectFailure(
        node.invoke("1.3.1", echo, {}),
        refused("refused: the node at that endpoint is 1.9.9, not 1.3.1; is its endpoint in discovery up to date?"),
      );
    });

    test("secrets: different ones, only one here, only one there", async () => {
      await callee(undefined, { secrets: [SECRET] });
      const wrong = await nodes.start("1.2.1", { secrets: [OTHER_SECRET] });
      const none = await nodes.start("1.2.2");
      await nodes.start("1.3.2");
      await Promise.all([nodes.known("1.3.1"), nodes.known("1.3.2")]);
      const hint = "do both nodes have the same option secrets?";
      await expectFailure(wrong.invoke("1.3.1", echo, {}), refused(`refused: 1.2.1 and 1.3.1 have no secret in common; ${hint}`));
      await expectFailure(
        none.invoke("1.3.1", echo, {}),
        refused(`refused: 1.3.1 uses a secret, 1.2.2 has none; ${hint}`, { from: "1.2.2" }),
      );
      await expectFailure(
        wrong.invoke("1.3.2", echo, {}),
        refused(`refused: 1.2.1 uses a secret, 1.3.2 has none; ${hint}`, { peer: "1.3.2" }),
      );
    });

    test("another cluster", async () => {
      const node = await caller({ cluster: "blue" });
      await callee(undefined, { cluster: "green" });
      await expectFailure(
        node.invoke("1.3.1", echo, {}),
        refused('refused: 1.2.1 belongs to cluster "blue", 1.3.1 to "green"; do both nodes have the same option cluster?'),
      );
    });

    test("a connection that does not come over loopback, without secrets", async function () {
      const outside = Object.values(networkInterfaces())
        .flat()
        .find((address) => address !== undefined && address.family === "IPv4" && !address.internal);
      if (outside === undefined) return this.skip();
      const node = await caller();
      await callee(undefined, { listen: `${outside.address}:0` });
      await expectFailure(
        node.invoke("1.3.1", echo, {}),
        refused(
          "refused: 1.3.1 has neither secrets nor mutual TLS, and takes only connections over loopback; do both nodes have the same options secrets and tls?",
        ),
      );
    });

    /** A port that answers the opening with `hello`, whatever came. */
    const helloServer = (change: Partial<Hello>): Promise<RawServer> => {
      const hello: Hello = {
        minVersion: 1,
        maxVersion: 1,
        layout: OWN_LAYOUT,
        cluster: "default",
        from: parseAddress("1.3.1"),
        to: parseAddress("1.2.1"),
        fromIncarnation: 1n,
        toIncarnation: 0n,
        purpose: PURPOSE.messages,
        nonce: new Uint8Array(32),
        keyIds: [],
        maxPayloadBytes: 1024,
        software: "other 9.0.0",
        ...change,
      };
      const answer = Buffer.concat([Buffer.from(PREFACE), encodeRecord(RECORD.hello, encodeHello(hello))]);
      return rawServer((socket) => socket.once("data", () => socket.write(answer)));
    };

    test("a node of another protocol version, names both", async () => {
      const node = await caller();
      await using _ = await at(await helloServer({ minVersion: 7, maxVersion: 9 }));
      await expectFailure(
        node.invoke("1.3.1", echo, {}),
        refused('no protocol version in common: 7-9 ("other 9.0.0") and 1-1; do both nodes run neighbouring versions of clusterts?'),
      );
    });

    test("a node with another layout of addresses, names both", async () => {
      const node = await caller();
      await using _ = await at(await helloServer({ layout: [14, 8, 10] }));
      await expectFailure(
        node.invoke("1.3.1", echo, {}),
        refused(
          'addresses of different layouts: 14/8/10 bits ("other 9.0.0") and 12/8/12 ("clusterts 0.1.0"); do both nodes run neighbouring versions of clusterts?',
        ),
      );
    });

    test("a node that answers as another one, without having refused", async () => {
      const node = await caller();
      await using _ = await at(await helloServer({ from: parseAddress("1.9.9") }));
      await expectFailure(
        node.invoke("1.3.1", echo, {}),
        refused("the node at that endpoint is 1.9.9, not 1.3.1; is its endpoint in discovery up to date?"),
      );
    });

    test("a node that names a secret which it does not have", async () => {
      const node = await caller({ secrets: [SECRET] });
      let keyId = new Uint8Array(8);
      await using _ = await at(
        await rawServer((socket) =>
          socket.once("data", (opening) => {
            keyId = opening.subarray(opening.indexOf(Buffer.from([0, 9, 0, 8])) + 4).subarray(0, 8);
            const hello = encodeHello({
              minVersion: 1,
              maxVersion: 1,
              layout: OWN_LAYOUT,
              cluster: "default",
              from: parseAddress("1.3.1"),
              to: parseAddress("1.2.1"),
              fromIncarnation: 1n,
              toIncarnation: 0n,
              purpose: PURPOSE.messages,
              nonce: new Uint8Array(32),
              keyIds: [keyId],
              maxPayloadBytes: 1024,
              software: "",
            });
            socket.write(
              Buffer.concat([Buffer.from(PREFACE), encodeRecord(RECORD.hello, hello), encodeRecord(RECORD.proof, new Uint8Array(32))]),
            );
          }),
        ),
      );
      await expectFailure(
        node.invoke("1.3.1", echo, {}),
        refused("1.3.1 does not have the secret that it names: its proof is wrong; do both nodes have the same option secrets?"),
      );
    });

    test("every other reason that a peer may give, comes with what to do", async () => {
      const node = await caller(IMPATIENT);
      const said = async (reason: keyof typeof REFUSAL, hint: string): Promise<void> => {
        const answer = Buffer.concat([Buffer.from(PREFACE), encodeRecord(RECORD.refused, encodeRefusal(REFUSAL[reason], "said\r\nso"))]);
        await using _ = await at(await rawServer((socket) => socket.once("data", () => socket.end(answer))));
        const error = await node.invoke("1.3.1", echo, {}).then(
          () => assert.fail("refused"),
          (thrown: RpcError) => thrown,
        );
        assert.match(
          error.message,
          new RegExp(String.raw`dial \S+: refused: said {1,2}so(, \d+ attempts in [\d.]+ s)?; ${hint.replace("?", "\\?")}$`),
        );
      };
      await said("identity", "is each node's certificate valid, of an authority in the other's tls.ca, and for its address?");
      await said("purpose", "do both nodes run neighbouring versions of clusterts?");
      await said("malformed", "is its endpoint in discovery the port of a clusterts node?");
      await said("draining", "call another node, or this one again when it is back");
      await said("busy", "call again later, or raise link.maxOpenings there");
      await said("notStarted", "call again when it has started");
      await said("other", "do both nodes run neighbouring versions of clusterts?");
      await said("duplicate", "another connection to it is alive: call again");
    });
  });

  suite("a handler that fails", () => {
    const failed = (code: string, reason: string, rest: Partial<ExpectedFailure> = {}): ExpectedFailure =>
      failure({ code, execution: "ran", reason, ...rest });

    test("throws or rejects with an Error: its words, and where its stack is; the stack does not travel", async () => {
      const logged: { fields: object; message: string }[] = [];
      const silent = (): void => {};
      const logger: Logger = {
        trace: silent,
        debug: silent,
        info: silent,
        warn: silent,
        error: (fields, message) => void logged.push({ fields, message }),
      };
      const node = await caller();
      const thrown = new TypeError("no room\n  for you");
      await callee(
        (input) => {
          if (input.text === "reject") return Promise.reject(thrown);
          throw thrown;
        },
        { logger },
      );
      const expected = failed("INTERNAL", "TypeError: no room for you; thrown by the handler; the log of its node has the stack");
      const error = await expectFailure(node.invoke("1.3.1", echo, {}), expected);
      assert.equal(error.stack?.includes("failures.test.ts:"), false, "the handler's stack stays where it is");
      await expectFailure(node.invoke("1.3.1", echo, { text: "reject" }), expected);
      const entry = { fields: { err: thrown, method: "test.Echo/echo", from: "1.2.1" }, message: "the handler of test.Echo/echo threw" };
      assert.deepEqual(logged, [entry, entry]);
    });

    test("throws something else than an Error: what it is, and what to throw", async () => {
      const node = await caller();
      const values: Record<string, unknown> = { string: "oops", nothing: undefined, object: { seat: 4 }, circle: {}, rejected: "later" };
      (values.circle as { self: unknown }).self = values.circle;
      await callee(({ text }) => {
        if (text === "rejected") return Promise.reject(values.rejected);
        throw values[text];
      });
      const expected = (what: string): ExpectedFailure =>
        failed("INTERNAL", `${what}; thrown by the handler; throw an Error, or an RpcError to answer with a code`);
      await expectFailure(node.invoke("1.3.1", echo, { text: "string" }), expected('"oops"'));
      await expectFailure(node.invoke("1.3.1", echo, { text: "nothing" }), expected("undefined"));
      await expectFailure(node.invoke("1.3.1", echo, { text: "object" }), expected('{"seat":4}'));
      await expectFailure(node.invoke("1.3.1", echo, { text: "circle" }), expected("a thrown object"));
      await expectFailure(node.invoke("1.3.1", echo, { text: "rejected" }), expected('"later"'));
    });

    test("throws an RpcError: code, words, appCode and details arrive as they are", async () => {
      const node = await caller();
      await callee(() => {
        throw new RpcError("RESOURCE_EXHAUSTED", "the room is full", {
          appCode: -4711,
          details: Uint8Array.of(1, 2, 3),
          cause: new Error("own"),
        });
      });
      const error = await expectFailure(node.invoke("1.3.1", echo, {}), failed("RESOURCE_EXHAUSTED", "the room is full"));
      assert.deepEqual([error.appCode, [...error.details!], error.reason], [-4711, [1, 2, 3], "the room is full"]);
    });

    test("throws an RpcError with more details than travel: without them, and says so", async () => {
      const node = await caller();
      await callee(() => {
        throw new RpcError("ABORTED", "see the details", { details: new Uint8Array(16 * 1024 + 1) });
      });
      const error = await expectFailure(
        node.invoke("1.3.1", echo, {}),
        failed("ABORTED", "see the details; left out its details: at most 16,384 bytes travel"),
      );
      assert.equal(error.details, undefined);
    });

    test("calls on and fails there: the outer caller reads both calls", async () => {
      const node = await caller();
      await nodes.put("1.4.1", `127.0.0.1:${await freePort()}`);
      const middle = await callee(() => middle.invoke("1.4.1", textMethod("test.Store/get"), {}), IMPATIENT);
      await expectFailure(
        node.invoke("1.3.1", echo, {}),
        failed(
          "UNAVAILABLE",
          "UNAVAILABLE calling test.Store/get on 1.4.1 from 1.3.1 (notRun): dial <endpoint>: connection refused, <n> attempts in <s> s; is the node up and advertised correctly?",
        ),
      );
    });

    test("gives a result that cannot be encoded", async () => {
      const node = await caller();
      await callee(({ text }) => (text === "nothing" ? undefined : { text: 5 }));
      const hint = "does the handler return what the method declares?";
      await expectFailure(
        node.invoke("1.3.1", echo, {}),
        failed("INTERNAL", `the handler's result cannot be encoded: cannot write number as string: a string expected; ${hint}`),
      );
      await expectFailure(
        node.invoke("1.3.1", echo, { text: "nothing" }),
        failed("INTERNAL", `the handler's result cannot be encoded: Cannot read properties of undefined (reading 'text'); ${hint}`),
      );
    });

    test("is not there", async () => {
      const node = await caller();
      await callee();
      await expectFailure(
        node.invoke("1.3.1", textMethod("test.Echo/ecko"), {}),
        failure({
          code: "UNIMPLEMENTED",
          execution: "notRun",
          method: "test.Echo/ecko",
          reason: "the method has no handler there; is it registered on that node, before start()?",
        }),
      );
    });

    test("works on as much as it may already", async () => {
      const node = await caller();
      const [began, release] = [new Deferred<void>(), new Deferred<Text>()];
      await callee(
        () => {
          began.resolve();
          return release.promise;
        },
        { rpc: { maxRequestsPerPeer: 1 } },
      );
      const first = node.invoke("1.3.1", echo, {});
      await began.promise;
      await expectFailure(
        node.invoke("1.3.1", echo, {}),
        failure({
          code: "RESOURCE_EXHAUSTED",
          execution: "notRun",
          reason:
            "handlers work on 1 requests of 1.2.1; call less at once, or another node; its limits are rpc.maxRequests, rpc.maxRequestsPerPeer and rpc.maxRequestBytes",
        }),
      );
      release.resolve({ text: "done" });
      assert.deepEqual(await first, { text: "done" });
    });
  });

  suite("messages that cannot travel", () => {
    test("an input of the wrong type, is not sent", async () => {
      const node = await caller();
      await callee();
      const error = await expectFailure(
        node.invoke("1.3.1", echo, { text: 5 }),
        failure({
          code: "INVALID_ARGUMENT",
          execution: "notRun",
          reason:
            "the message cannot be encoded: cannot write number as string: a string expected; does it have the fields and types that the method or message declares?",
          cause: "TypeError",
        }),
      );
      assert.match(error.stack ?? "", /failures\.test\.ts/, "the stack says where the call was made");
      assert.deepEqual(await node.invoke("1.3.1", echo, { text: "next" }), { text: "next" }, "the next call is not touched");
    });

    test("metadata that cannot be, names the key", async () => {
      const node = await caller();
      await callee();
      await expectFailure(
        node.invoke("1.3.1", echo, {}, { metadata: { "no blanks": "" } }),
        failure({
          code: "INVALID_ARGUMENT",
          execution: "notRun",
          reason:
            'the message cannot be encoded: metadata key "no blanks" is not made of a-z, 0-9, ".", "_", "-" (1 to 128 of them); does it have the fields and types that the method or message declares?',
          cause: "TypeError",
        }),
      );
    });

    test("a payload of one byte too many, as request, reply and one-way; one of the limit travels", async () => {
      const limit = 1_000;
      const rpc = { maxPayloadBytes: limit };
      const node = await caller({ rpc });
      await callee(({ text }) => ({ text: text === "large" ? "x".repeat(limit - 2) : text }), { rpc });
      const full = "x".repeat(limit - 3); // tag and length take three
      assert.deepEqual(await node.invoke("1.3.1", echo, { text: full }), { text: full });
      const hint = "send it in parts, or raise rpc.maxPayloadBytes on both nodes";
      const tooLarge = failure({
        code: "RESOURCE_EXHAUSTED",
        execution: "notRun",
        reason: `the message is over the limit of 1000 bytes; ${hint}`,
        cause: "MessageTooLargeError",
      });
      await expectFailure(node.invoke("1.3.1", echo, { text: `${full}x` }), tooLarge);
      await expectFailure(node.send("1.3.1", news, { text: `${full}x` }), { ...tooLarge, method: "test.News" });
      await expectFailure(node.send("1.3.1", 5, new Uint8Array(limit + 1)), { ...tooLarge, method: "command 5" });
      await expectFailure(
        node.invoke("1.3.1", echo, { text: "large" }),
        failure({ code: "RESOURCE_EXHAUSTED", execution: "ran", reason: `the reply is over the limit of 1000 bytes; ${hint}` }),
      );
    });

    test("a large request that was queued for a peer which takes less, is refused there", async () => {
      const node = await caller();
      await callee(undefined, { rpc: { maxPayloadBytes: 1_000 } });
      await expectFailure(
        node.invoke("1.3.1", echo, { text: "x".repeat(100_000) }),
        failure({
          code: "RESOURCE_EXHAUSTED",
          execution: "notRun",
          reason:
            "message of <n> bytes is over the limit of 1000; send it in parts and one after the other; its limits are rpc.maxPayloadBytes and link.maxPartialBytes",
        }),
      );
    });

    test("a command that is no 16-bit number", async () => {
      await expectFailure(
        (await caller()).send("1.3.1", 70_000, new Uint8Array(1)),
        failure({
          code: "INVALID_ARGUMENT",
          execution: "notRun",
          method: "command 70000",
          reason: "a command is a whole number from 0 to 65535",
        }),
      );
    });

    test("a request and a reply of another .proto file", async () => {
      const node = await caller();
      await callee(undefined);
      /** Five bytes are announced as a text, two follow. */
      const cutOff = { ...textCodec, encode: (_: Text, writer = new BinaryWriter()) => writer.raw(Uint8Array.of(10, 5, 97, 98)) };
      const problem = "cannot be decoded: not a valid protobuf message: a string of 5 bytes where 2 are left (at byte 2)";
      const hint = "do both nodes use the same version of the .proto files?";
      await expectFailure(
        node.invoke("1.3.1", { ...echo, input: cutOff }, {}),
        failure({ code: "INVALID_ARGUMENT", execution: "notRun", reason: `the request ${problem}; ${hint}` }),
      );
      const picky = { ...textCodec, decode: () => textCodec.decode(Uint8Array.of(10, 5, 97, 98)) };
      await expectFailure(
        node.invoke("1.3.1", { ...echo, output: picky }, {}),
        failure({ code: "INTERNAL", execution: "ran", reason: `the reply ${problem}; ${hint}`, cause: "MessageDecodeError" }),
      );
    });
  });

  suite("time and cancelling", () => {
    test("a handler that is slow, says that it may have run", async () => {
      const node = await caller();
      await callee(() => new Promise(() => {}));
      await expectFailure(
        node.invoke("1.3.1", echo, {}, { timeoutMs: 100 }),
        failure({
          code: "DEADLINE_EXCEEDED",
          execution: "unknown",
          reason: "connected to <endpoint>; no reply in time; it may have run: is the handler slow, or timeoutMs too short?",
        }),
      );
    });

    test("a call on behalf of a request whose time is over, is not sent", async () => {
      const node = await caller();
      const inner = new Deferred<unknown>();
      const middle: ClusterNode = await callee(async (_, context) => {
        await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
        await until(() => context.remainingMs === 0);
        inner.resolve(middle.invoke("1.2.1", echo, {}).catch((error: unknown) => error));
        return { text: "" };
      });
      await node.invoke("1.3.1", echo, {}, { timeoutMs: 50 }).catch(() => {});
      await expectFailure(
        inner.promise.then((error) => Promise.reject(error)),
        {
          code: "DEADLINE_EXCEEDED",
          execution: "notRun",
          method: "test.Echo/echo",
          from: "1.3.1",
          peer: "1.2.1",
          reason:
            "the deadline of the surrounding request is over; it was not sent; pass detached: true to calls that may outlive the request they are made for",
        },
      );
    });

    test("a timeout that cannot be", async () => {
      const node = await caller();
      for (const timeoutMs of [0, -1, Number.NaN, 2 ** 31]) {
        await expectFailure(
          node.invoke("1.3.1", echo, {}, { timeoutMs }),
          failure({ code: "INVALID_ARGUMENT", execution: "notRun", reason: `timeoutMs is ${timeoutMs}, must be from 1 to 2147483647` }),
        );
      }
    });

    test("aborted before the call", async () => {
      const node = await caller();
      await callee();
      const reason = new Error("the player left");
      const error = await expectFailure(
        node.invoke("1.3.1", echo, {}, { signal: AbortSignal.abort(reason) }),
        failure({ code: "CANCELLED", execution: "notRun", reason: "cancelled before it was sent: the player left", cause: "Error" }),
      );
      assert.equal(error.cause, reason);
      await expectFailure(
        node.invoke(byType(3), echo, {}, { signal: AbortSignal.abort("the player left") }),
        failure({
          code: "CANCELLED",
          execution: "notRun",
          peer: undefined,
          whom: "any node of type 3",
          reason: "cancelled before it was sent: the player left",
          cause: "String",
        }),
      );
    });

    test("aborted while it waits for the link", async () => {
      const node = await caller();
      await using server = await at(await rawServer(() => {}));
      const abort = new AbortController();
      const call = node.invoke("1.3.1", echo, {}, { signal: abort.signal });
      await until(() => server.connections === 1);
      abort.abort();
      await expectFailure(
        call,
        failure({
          code: "CANCELLED",
          execution: "notRun",
          reason: "cancelled before it was sent: This operation was aborted",
          cause: "DOMException",
        }),
      );
    });

    test("aborted while the handler works, which is told", async () => {
      const node = await caller();
      const [began, told] = [new Deferred<void>(), new Deferred<unknown>()];
      await callee((_, context) => {
        context.signal.addEventListener("abort", () => told.resolve(context.signal.reason));
        began.resolve();
        return new Promise(() => {});
      });
      const abort = new AbortController();
      const call = node.invoke("1.3.1", echo, {}, { signal: abort.signal });
      await began.promise;
      abort.abort(new Error("the player left"));
      await expectFailure(
        call,
        failure({
          code: "CANCELLED",
          execution: "unknown",
          reason: "cancelled: the player left; it may have run: its handler is told by context.signal",
          cause: "Error",
        }),
      );
      assert.equal(((await told.promise) as Error).message, "1.2.1 cancelled the call");
    });
  });

  suite("too much at once", () => {
    test("more than the queue of a link holds that is not connected", async () => {
      const node = await caller({ link: { maxPendingMessages: 2 } });
      await using server = await at(await rawServer(() => {}));
      const waiting = [node.invoke("1.3.1", echo, {}), node.invoke("1.3.1", echo, {})].map((call) => call.catch((error: unknown) => error));
      await until(() => server.connections === 1);
      await expectFailure(
        node.invoke("1.3.1", echo, {}),
        failure({
          code: "RESOURCE_EXHAUSTED",
          execution: "notRun",
          reason:
            "dial <endpoint>: <any>; the queue for this link is full; await calls and sends, or raise link.maxPendingMessages and link.maxPendingBytes",
          withinMs: 1_000,
        }),
      );
      node.destroy();
      for (const call of waiting) {
        await expectFailure(
          call.then((error) => Promise.reject(error)),
          failure({
            code: "CANCELLED",
            execution: "notRun",
            reason: "this node was destroyed; a closed node makes no calls: make a new one",
          }),
        );
      }
    });

    test("more calls than may wait for replies", async () => {
      const node = await caller({ rpc: { maxCallsInFlight: 1 } });
      const release = new Deferred<Text>();
      await callee(() => release.promise);
      const first = node.invoke("1.3.1", echo, {});
      await expectFailure(
        node.invoke("1.3.1", echo, {}),
        failure({
          code: "RESOURCE_EXHAUSTED",
          execution: "notRun",
          reason: "1 calls in flight; call less at once, or raise rpc.maxCallsInFlight",
          withinMs: 1_000,
        }),
      );
      release.resolve({ text: "" });
      await first;
    });
  });

  suite("nodes that are not up", () => {
    test("a call before start()", async () => {
      const node = nodes.make("1.2.1");
      const expected = failure({
        code: "UNAVAILABLE",
        execution: "notRun",
        reason: "this node has not been started; await node.start() first",
      });
      await expectFailure(node.invoke("1.3.1", echo, {}), expected);
      await expectFailure(node.invoke(byType(3), echo, {}), { ...expected, peer: undefined, whom: "any node of type 3" });
      await expectFailure(node.send("1.3.1", news, {}), { ...expected, method: "test.News" });
    });

    test("a call after close(), and one that close() cuts off", async () => {
      const node = await caller();
      const began = new Deferred<void>();
      await callee(() => {
        began.resolve();
        return new Promise(() => {});
      });
      const cut = node.invoke("1.3.1", echo, {}).catch((error: unknown) => error);
      await began.promise;
      assert.equal((await node.close({ timeoutMs: 1 })).callsCut, 1);
      await expectFailure(
        cut.then((error) => Promise.reject(error)),
        failure({
          code: "CANCELLED",
          execution: "unknown",
          reason: "1.2.1 was closed; it may have run: call again only if that is harmless",
        }),
      );
      const expected = failure({
        code: "CANCELLED",
        execution: "notRun",
        reason: "1.2.1 was closed; a closed node makes no calls: make a new one",
      });
      await expectFailure(node.invoke("1.3.1", echo, {}), expected);
      await expectFailure(node.invoke(byType(9), echo, {}), { ...expected, peer: undefined, whom: "any node of type 9" });
      await expectFailure(node.send("1.3.1", news, {}), { ...expected, method: "test.News" });
    });

    test("a one-way message in the queue of a node that closes", async () => {
      const node = await caller();
      await using server = await at(await rawServer(() => {}));
      const message = node.send("1.3.1", news, {}).catch((error: unknown) => error);
      await until(() => server.connections === 1);
      await node.close({ timeoutMs: 1 });
      await expectFailure(
        message.then((error) => Promise.reject(error)),
        failure({
          code: "CANCELLED",
          execution: "notRun",
          method: "test.News",
          reason: "1.2.1 was closed; a closed node makes no calls: make a new one",
        }),
      );
    });

    test("a callee that closes: what it works on is answered, what comes later is not taken, and by type goes elsewhere", async () => {
      const node = await caller();
      const [began, release] = [new Deferred<void>(), new Deferred<Text>()];
      const leaving = await callee(() => {
        began.resolve();
        return release.promise;
      });
      const first = node.invoke("1.3.1", echo, {});
      await began.promise;
      const closed = leaving.close();
      await until(() => node.status().links[0]?.phase === "draining");
      await expectFailure(
        node.invoke("1.3.1", echo, {}),
        failure({
          code: "UNAVAILABLE",
          execution: "notRun",
          reason: "it is shutting down: 1.3.1 is closing; call another node, or this one again when it is back",
          withinMs: 1_000,
        }),
      );
      await expectFailure(
        node.invoke(byType(3), echo, {}),
        failure({
          code: "UNAVAILABLE",
          execution: "notRun",
          peer: undefined,
          whom: "any node of type 3",
          reason: "no node of type 3: known but <any>: 1.3.1; node.waitFor() waits for one that is still starting",
        }),
      );
      release.resolve({ text: "still answered" });
      assert.deepEqual(await first, { text: "still answered" });
      assert.equal((await closed).timedOut, false);
    });

    test("a callee that is destroyed while it works", async () => {
      const node = await caller();
      const began = new Deferred<void>();
      const dying = await callee(() => {
        began.resolve();
        return new Promise(() => {});
      });
      const call = node.invoke("1.3.1", echo, {});
      await began.promise;
      dying.destroy();
      await expectFailure(
        call,
        failure({
          code: "UNAVAILABLE",
          execution: "unknown",
          reason: "link lost: connection reset; it may have run: call again only if that is harmless",
          cause: "Error",
        }),
      );
    });
  });

  test("formatAddress, of the peer of a failure, is what was called", async () => {
    const node = await caller();
    const error = await node.invoke(parseAddress("1.3.1"), echo, {}).catch((thrown: unknown) => thrown);
    assert.ok(RpcError.is(error));
    assert.equal(error.peer, formatAddress(parseAddress("1.3.1")));
  });
});
