/** Runs the user's ts-proto, which writes the messages. It has no interface but the one of a protoc plugin. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type CodeGeneratorRequest,
  CodeGeneratorRequestSchema,
  type CodeGeneratorResponse,
  CodeGeneratorResponseSchema,
  type FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import { CodegenError } from "./codegen-error.js";
import type { GenerateOptions } from "./parameter.js";

/** What `protoc` and ts-proto say to each other. */
export type Plugin = (request: CodeGeneratorRequest) => Promise<CodeGeneratorResponse>;

const TIMEOUT_MS = 300_000;

/** The request that makes ts-proto write what {@link rewriteMessages} expects. */
export function tsProtoRequest(
  toGenerate: readonly string[],
  files: readonly FileDescriptorProto[],
  options: GenerateOptions,
): CodeGeneratorRequest {
  const parameters: Record<string, string> = {
    forceLong: options.long,
    importSuffix: `.${options.importExtension}`,
    esModuleInterop: "true",
    oneof: "unions-value",
    enumsAsLiterals: "true",
    unrecognizedEnum: "false",
    useMapType: "true",
    useUnknownForValue: "true",
    useExactTypes: "false",
    outputJsonMethods: "false",
    outputServices: "none",
    outputClientImpl: "false",
    emitImportedFiles: "false",
    exportCommonSymbols: "false",
    annotateFilesWithVersion: "false",
    protoJsonFormat: "false",
    snakeToCamel: "keys",
  };
  return create(CodeGeneratorRequestSchema, {
    fileToGenerate: [...toGenerate],
    protoFile: [...files],
    parameter: Object.entries(parameters)
      .map(([name, value]) => `${name}=${value}`)
      .join(","),
  });
}

/**
 * Finds ts-proto in the user's project, then beside this package.
 *
 * @param from - the folder of the user's project, or one below it.
 * @throws {@link CodegenError} that names the install command.
 */
export function findTsProto(from: string): Plugin {
  for (const base of [join(from, "package.json"), import.meta.url]) {
    try {
      const manifest = createRequire(base).resolve("ts-proto/package.json");
      const { bin } = JSON.parse(readFileSync(manifest, "utf8")) as { bin: Record<string, string> };
      const script = bin["protoc-gen-ts_proto"];
      if (script !== undefined) return (request) => run(join(dirname(manifest), script), request);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  throw new CodegenError("ts-proto is not installed: npm install --save-dev ts-proto @bufbuild/protobuf");
}

function run(script: string, request: CodeGeneratorRequest): Promise<CodeGeneratorResponse> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script], { stdio: ["pipe", "pipe", "pipe"], timeout: TIMEOUT_MS, windowsHide: true });
    const output: Buffer[] = [];
    const complaints: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => complaints.push(chunk));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(fromBinary(CodeGeneratorResponseSchema, Buffer.concat(output)));
      const text = Buffer.concat(complaints).toString().trim().split("\n")[0];
      reject(new CodegenError(`ts-proto failed (${signal ?? `exit code ${code}`}): ${text || "it said nothing"}`));
    });
    // a child that died early: its exit code says more than our broken pipe
    child.stdin.on("error", () => undefined);
    child.stdin.end(toBinary(CodeGeneratorRequestSchema, request));
  });
}
