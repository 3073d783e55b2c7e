/** The commands that talk to a cluster, against a node of this process that is found in a file. */
import assert from "node:assert/strict";
import { Request, Response } from "../../examples/echo/gen/echo.js";
import { bytesMethod } from "../../src/cli/bytes-method.js";
import { table } from "../../src/cli/table.js";
import { memory } from "../../src/discovery/memory.js";
import { type ClusterNode, createNode } from "../../src/node/node.js";
import { defineMethod } from "../../src/rpc/service.js";

import { type Outcome, Workspace } from "../codegen/support/workspace.js";

const SECRET = "a secret of thirty-two bytes or more";
const ECHO = 'syntax = "proto3";\nmessage request { string msg = 1; }\nmessage response { string msg = 1; }\n';
const GAME = `syntax = "proto3";
package game;
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
message All {
  string a_text = 1; int32 number = 2; uint64 long = 3; bytes raw = 4; repeated Kind kinds = 5; map<string, All> more = 6; bool yes = 7;
  double real = 8; google.protobuf.Timestamp at = 9; google.protobuf.Duration took = 10;
  map<uint64, string> by = 11;
  oneof side { string left = 12; string right = 13; }
}
enum Kind { NONE = 0; SOME = 1; }
service Game { rpc same(All) returns (All); rpc watch(All) returns (stream All); }
`;

/** A project with a running node 1.1.1, and 1.2.1 that does not run. */
class Project implements AsyncDisposable {
  readonly #workspace = new Workspace({ "proto/echo.proto": ECHO, "proto/game/game.proto": GAME, "secret.txt": `${SECRET}\n` });
  readonly node: ClusterNode;

  constructor() {
    this.node = createNode({ address: "1.1.1", discovery: memory(), secrets: [SECRET], logger: false });
    this.node.handle(defineMethod("echo", "unary", Request, Response), (request) => request);
    this.node.handle(bytesMethod("game.Game/same"), (request) => request);
  }

  #list(endpoints: Record<string, string>): void {
    const nodes = Object.entries(endpoints).map(([address, endpoint]) => ({ address, endpoint }));
    this.#workspace.write({ "cluster.json": JSON.stringify({ nodes }) });
  }

  async start(): Promise<this> {
    await this.node.start();
    this.#list({ "1.1.1": this.node.status().endpoint!, "1.2.1": "127.0.0.1:1" });
    return this;
  }

  run(...args: string[]): Promise<Outcome> {
    return this.#workspace.run(...args);
  }

  /** With discovery and secret. */
  ask(command: string, ...args: string[]): Promise<Outcome> {
    return this.run(command, ...args, "--discovery", "file:cluster.json", "--secret-file", "secret.txt");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node.close({ timeoutMs: 1 });
    this.#workspace[Symbol.dispose]();
  }
}

suite("clusterts call", () => {
  test("a method of the one-file convention, prints its reply", async () => {
    await using project = await new Project().start();
    assert.deepEqual(await project.ask("call", "1.1.1", "echo", '{"msg":"hello"}', "--proto", "proto"), {
      code: 0,
      stdout: '{\n  "msg": "hello"\n}\n',
      stderr: "",
    });
  });

  test("all kinds of fields, come back as they went", async () => {
    await using project = await new Project().start();
    const json = JSON.stringify({
      aText: "ä",
      number: -7,
      long: "18446744073709551615",
      raw: "aGk=",
      kinds: ["SOME", 0],
      more: { x: { yes: true } },
      real: 0.5,
      by: { "18446744073709551615": "max" },
      at: "2026-01-31T12:00:00.123456Z",
      took: "-1.5s",
    });
    const { code, stdout } = await project.ask("call", "1.1.1", "same", json, "--proto", "proto", "--json");
    assert.equal(code, 0);
    const { more, by, ...rest } = JSON.parse(stdout);
    assert.equal(more.x.yes, true);
    assert.deepEqual(by, { "18446744073709551615": "max" });
    assert.deepEqual(rest, {
      a_text: "ä",
      number: -7,
      long: "18446744073709551615",
      raw: "aGk=",
      kinds: ["SOME", "NONE"],
      yes: false,
      real: 0.5,
      at: "2026-01-31T12:00:00.123456Z",
      took: "-1.500s",
    });
  });

  for (const [what, args, expected] of [
    ["a misspelled field", ["1.1.1", "echo", '{"mgs":"x"}'], /the request: request has no field "mgs"; did you mean "msg"\?/],
    [
      "a field of another type",
      ["1.1.1", "same", '{"more":{"k":{"number":"x"}}}'],
      /the request: more\.k\.number: expected int32: a whole number/,
    ],
    ["a number that does not fit", ["1.1.1", "same", '{"long":-1}'], /long: expected uint64/],
    ["an enum's value that is none", ["1.1.1", "same", '{"kinds":["ANY"]}'], /kinds\[0\]: Kind has no value "ANY"; it has NONE, SOME/],
    ["a text that is no JSON", ["1.1.1", "echo", "{msg:1}"], /the request is no JSON/],
    ["a map key of another type", ["1.1.1", "same", '{"by":{"z":"a"}}'], /by: the key "z" is no uint64/],
    ["a map key that does not fit", ["1.1.1", "same", '{"by":{"-1":"a"}}'], /by\.-1: expected uint64/],
    [
      "two fields of one oneof",
      ["1.1.1", "same", '{"left":"a","right":"b"}'],
      /"left" and "right" are of the oneof side: give one of them/,
    ],
    ["a field by both of its names", ["1.1.1", "same", '{"a_text":"a","aText":"b"}'], /"a_text" is there twice/],
    ["no method", ["1.1.1"], /which method\? echo, game\.Game\/same, game\.Game\/watch/],
    ["a text that is no address", ["1.1", "echo"], /"1\.1" is not a valid address/],
    ["unquoted JSON", ["1.1.1", "echo", "{msg:", "1}"], /what is "1}"\? The request is one argument/],
  ] as const) {
    test(`${what}, is wrong use: one line, exit code 2`, async () => {
      await using project = new Project();
      const { code, stdout, stderr } = await project.ask("call", ...args, "--proto", "proto");
      assert.deepEqual({ code, stdout, lines: stderr.split("\n").length }, { code: 2, stdout: "", lines: 2 });
      assert.match(stderr, expected);
    });
  }

  for (const [what, args, expected] of [
    ["a misspelled method", ["1.1.1", "ecko"], /no method "ecko"; did you mean "echo"\?/],
    ["a streaming method", ["1.1.1", "watch"], /game\.Game\/watch is a streaming method/],
    ["a node that discovery does not know", ["1.3.1", "echo"], /discovery does not know 1\.3\.1; it knows 1\.1\.1, 1\.2\.1/],
    [
      "a node that does not run",
      ["1.2.1", "echo", "{}", "--timeout", "300"],
      /UNAVAILABLE|DEADLINE_EXCEEDED calling echo on 1\.2\.1 .*refused/,
    ],
  ] as const) {
    test(`${what}, fails in one line, exit code 1`, async () => {
      await using project = await new Project().start();
      const { code, stdout, stderr } = await project.ask("call", ...args, "--proto", "proto");
      assert.deepEqual({ code, stdout, lines: stderr.split("\n").length }, { code: 1, stdout: "", lines: 2 });
      assert.match(stderr, expected);
    });
  }

  test("the name as the stub has it, means the method of the .proto file whose name begins with a capital letter", async () => {
    await using project = await new Project().start();
    assert.equal((await project.ask("call", "1.1.1", "game.game/SAME", "{}", "--proto", "proto")).code, 0);
  });

  test("a discovery that is not there, says where it was looked for and what was found", async () => {
    await using project = new Project();
    const { code, stderr } = await project.run("nodes", "--discovery", "127.0.0.1:1", "--timeout", "1000");
    assert.equal(code, 1);
    assert.match(stderr, /^clusterts nodes: discovery: discovery server at 127\.0\.0\.1:1: dial 127\.0\.0\.1:1: connection refused, /);
  });

  test("an error with --json, is JSON too", async () => {
    await using project = await new Project().start();
    const { code, stdout, stderr } = await project.ask("call", "1.2.1", "echo", "--proto", "proto", "--timeout", "300", "--json");
    assert.deepEqual([code, stderr], [1, ""]);
    assert.equal(JSON.parse(stdout).error.execution, "notRun");
  });

  test("without a secret to a node with one, says so", async () => {
    await using project = await new Project().start();
    const { code, stderr } = await project.run("call", "1.1.1", "echo", "--proto", "proto", "--discovery", "file:cluster.json");
    assert.equal(code, 1);
    assert.match(stderr, /secret/);
  });

  test("without anything but --proto, lists the methods", async () => {
    await using project = new Project();
    const { stdout } = await project.run("call", "--proto", "proto");
    assert.equal(stdout, "echo(request) returns (response)\ngame.Game/same(All) returns (All)\ngame.Game/watch(All) returns (All)\n");
  });
});

suite("clusterts nodes", () => {
  test("for people and for programs, lists who there is", async () => {
    await using project = await new Project().start();
    const { stdout } = await project.ask("nodes", "1");
    assert.match(stdout, /^ADDRESS +ENDPOINT .*\n1\.1\.1 +127\.0\.0\.1:\d+ +available .*configured\n$/);
    const json = JSON.parse((await project.ask("nodes", "--json")).stdout);
    assert.deepEqual(
      json.map(({ address }: { address: string }) => address),
      ["1.1.1", "1.2.1"],
    );
  });

  test("a type that is none, is wrong use", async () => {
    await using project = new Project();
    assert.deepEqual([(await project.ask("nodes", "foo")).code, (await project.ask("nodes", "999")).code], [2, 2]);
  });

  test("without a discovery, asks for one", async () => {
    await using project = new Project();
    assert.deepEqual(await project.run("nodes"), {
      code: 2,
      stdout: "",
      stderr: "clusterts nodes: where is discovery? Give --discovery, or set CLUSTERTS_DISCOVERY; see clusterts nodes --help\n",
    });
  });
});

suite("tables", () => {
  test("what others wrote with control characters, is shown and not done", () => {
    assert.equal(
      table(["A", "B"], [["x\n1.1.1 forged", "\u001b[31mred"]]),
      "A                    B\nx\\u000a1.1.1 forged  \\u001b[31mred\n",
    );
  });
});

suite("clusterts ping and bench", () => {
  test("a node that runs, answers as often as asked", async () => {
    await using project = await new Project().start();
    const { code, stdout } = await project.ask("ping", "1.1.1", "--count", "3");
    assert.equal(code, 0);
    assert.match(stdout, /^(1\.1\.1 at 127\.0\.0\.1:\d+: (link opened and )?answered in [\d.]+ ms\n){3}$/);
  });

  test("a node that does not run, exit code 1 and why", async () => {
    await using project = await new Project().start();
    const { code, stderr } = await project.ask("ping", "1.2.1", "--timeout", "300");
    assert.equal(code, 1);
    assert.match(stderr, /on 1\.2\.1 .*connection refused/);
  });

  test("bench with a method, counts its calls", async () => {
    await using project = await new Project().start();
    const { code, stdout } = await project.ask("bench", "1.1.1", "echo", "--proto", "proto", "--seconds", "1", "--json");
    assert.equal(code, 0);
    const { calls, callsPerSecond, method } = JSON.parse(stdout);
    assert.equal(method, "echo");
    assert.ok(calls > 0 && callsPerSecond > 0);
  });
});
