import assert from "node:assert/strict";
import { scanProto } from "../../codegen/compile/scan-proto.js";

const ONE_FILE = 'syntax = "proto3";\n\noption go_package = "../service/echo";\nmessage request { string msg = 1; }\nmessage response {}\n';

suite("a light look at a .proto", () => {
  test("request and response, no package, no service: one rpc; a package goes behind the syntax", () => {
    const scanned = scanProto(ONE_FILE);
    assert.equal(scanned.isOneFile, true);
    assert.equal(ONE_FILE.slice(0, scanned.packageAt), 'syntax = "proto3";');
  });

  test("any letter case, helpers, no syntax line, a byte order mark: one rpc", () => {
    const scanned = scanProto("\uFEFFmessage REQUEST{optional Helper h=1;}message Response{}message Helper{}enum E{A=0;}");
    assert.deepEqual([scanned.isOneFile, scanned.packageAt], [true, 1]);
  });

  const notOne: Record<string, string> = {
    "a package": `package p;${ONE_FILE}`,
    "a service": `${ONE_FILE}service S { rpc a(request) returns (response); }`,
    "no response": "message request {}",
    "two requests": `${ONE_FILE}message Request {}`,
    "request only inside a message": "message a { message request {} message response {} }",
    "request only in a comment": "// message request {}\n/* message response {} */ message response {}",
    "request only in a string": 'option java_package = "message request {}"; message response {}',
  };
  for (const [what, text] of Object.entries(notOne)) {
    test(`${what}: not the one-file convention`, () => assert.equal(scanProto(text).isOneFile, false));
  }

  test("the words package and service inside comments, strings and messages do not count", () => {
    const text = `// package a;\n/* service b {} */ ${ONE_FILE} message m { string package = 1; string service = 2; } option x = "; service c {";`;
    assert.equal(scanProto(text).isOneFile, true);
  });

  test("imports, also public and weak ones, with the places of their strings", () => {
    const text = `syntax = "proto3"; import "a.proto"; import public 'b/c.proto';\nimport weak "d.proto"; // import "e.proto";`;
    const { imports } = scanProto(text);
    assert.deepEqual(
      imports.map(({ path }) => path),
      ["a.proto", "b/c.proto", "d.proto"],
    );
    assert.deepEqual(
      imports.map(({ start, end }) => text.slice(start, end)),
      ['"a.proto"', "'b/c.proto'", '"d.proto"'],
    );
  });

  test("broken texts end, whatever they are", () => {
    for (const text of ["", '"', "/*", "message request {", "}}}}", 'import "', "import", "syntax", "\0\u{1F3B2}"]) scanProto(text);
  });
});
