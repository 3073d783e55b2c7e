import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  CodeGeneratorRequestSchema,
  type CodeGeneratorResponse,
  CodeGeneratorResponse_Feature,
  CodeGeneratorResponseSchema,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { DEFAULT_OPTIONS, findTsProto, generate } from "../../codegen/index.js";

const ROOT = resolve(import.meta.dirname, "../..");

const ECHO = create(FileDescriptorProtoSchema, {
  name: "svc/echo.proto",
  syntax: "proto3",
  messageType: [{ name: "request", field: [{ name: "the_id", number: 1, type: 3, label: 1, jsonName: "theId" }] }, { name: "response" }],
});

function run(parameter: string): CodeGeneratorResponse {
  const request = create(CodeGeneratorRequestSchema, { fileToGenerate: [ECHO.name], protoFile: [ECHO], parameter });
  const tsx = pathToFileURL(join(ROOT, "node_modules/tsx/dist/esm/index.mjs")).href;
  const result = spawnSync(process.execPath, ["--import", tsx, join(ROOT, "codegen/protoc-gen-clusterts.ts")], {
    cwd: ROOT,
    input: toBinary(CodeGeneratorRequestSchema, request),
  });
  assert.equal(result.status, 0, result.stderr.toString());
  return fromBinary(CodeGeneratorResponseSchema, result.stdout);
}

suite("protoc-gen-clusterts", () => {
  test("a request on stdin: the files that the command line would write", async () => {
    const response = run("long=string,import_extension=ts");
    const files = await generate(
      { fileToGenerate: [ECHO.name], protoFile: [ECHO] },
      { long: "string", importExtension: "ts" },
      findTsProto(ROOT),
    );
    assert.deepEqual(
      response.file.map(({ name, content }) => [name, content]),
      files.map(({ path, content }) => [path, content]),
    );
    assert.match(files[0]?.content ?? "", /theId: string;/);
    assert.ok(response.supportedFeatures & BigInt(CodeGeneratorResponse_Feature.PROTO3_OPTIONAL));
  });

  test("a parameter that nobody knows: an error of the plugin, which protoc shows", () => {
    assert.deepEqual(
      [run("lnog=string").error, run("long=short").error],
      ['unknown parameter "lnog": known are long and import_extension', 'long must be bigint, string, number, not "short"'],
    );
  });

  test("the same input gives the same output, and is left as it was", async () => {
    const before = toBinary(FileDescriptorProtoSchema, ECHO);
    const request = { fileToGenerate: [ECHO.name], protoFile: [ECHO] };
    assert.deepEqual(
      await generate(request, DEFAULT_OPTIONS, findTsProto(ROOT)),
      await generate(request, DEFAULT_OPTIONS, findTsProto(ROOT)),
    );
    assert.deepEqual(toBinary(FileDescriptorProtoSchema, ECHO), before);
  });
});
