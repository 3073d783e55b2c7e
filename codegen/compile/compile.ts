/** Has buf or protoc check the sources and turn them into descriptors. */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { CodegenError } from "../codegen-error.js";
import { findTool } from "./find-tool.js";
import type { ProtoSource } from "./proto-sources.js";

export interface CompileContext {
  /** Where the search for a compiler starts, and what paths in messages are relative to. */
  readonly cwd: string;
  /** The environment: `PATH`. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

const TIMEOUT_MS = 300_000;
const OUTPUT = "descriptors.binpb";
const FILE_LIST = "files.txt";

/**
 * The descriptors of the sources and their imports, with source info, each file after its imports.
 *
 * @throws {@link CodegenError} with the compiler's complaints, each at its place in the user's files; or with the install command.
 */
export async function compile(sources: readonly ProtoSource[], { cwd, env }: CompileContext): Promise<FileDescriptorProto[]> {
  const tool = findTool("buf", cwd, env.PATH) ?? findTool("protoc", cwd, env.PATH);
  if (tool === undefined)
    throw new CodegenError("neither buf nor protoc is installed: npm install --save-dev @bufbuild/buf @bufbuild/protobuf ts-proto");
  const isBuf = /^buf(\.\w+)?$/.test(basename(tool));
  // a copy, as both want one folder in which names are what imports say
  const stage = await mkdtemp(join(tmpdir(), "clusterts-gen-"));
  try {
    for (const { name, text } of sources) {
      await mkdir(dirname(join(stage, name)), { recursive: true });
      await writeFile(join(stage, name), text);
    }
    await writeFile(join(stage, FILE_LIST), sources.map(({ name }) => `${name}\n`).join(""));
    const { code, complaints } = await run(tool, isBuf ? BUF_ARGUMENTS : PROTOC_ARGUMENTS, stage);
    if (code !== 0) throw new CodegenError(problemsIn(complaints, sources, cwd, `${basename(tool)} failed with exit code ${code}`));
    return fromBinary(FileDescriptorSetSchema, await readFile(join(stage, OUTPUT))).file;
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

const BUF_ARGUMENTS = ["build", ".", "--as-file-descriptor-set", "-o", OUTPUT];
const PROTOC_ARGUMENTS = ["-I.", "--include_imports", "--include_source_info", `--descriptor_set_out=${OUTPUT}`, `@${FILE_LIST}`];

/** No argument holds a name that users chose, so that the shell, which `.cmd` files need on Windows, has nothing to misread. */
function run(tool: string, args: readonly string[], cwd: string): Promise<{ code: number | string; complaints: string }> {
  return new Promise((resolve, reject) => {
    const shell = tool.endsWith(".cmd");
    const child = spawn(shell ? `"${tool}"` : tool, args, {
      cwd,
      shell,
      stdio: ["ignore", "ignore", "pipe"],
      timeout: TIMEOUT_MS,
      windowsHide: true,
    });
    const complaints: Buffer[] = [];
    child.stderr?.on("data", (chunk: Buffer) => complaints.push(chunk));
    child.on("error", (cause) => reject(new CodegenError(`${tool} cannot be run: ${cause.message}`, { cause })));
    child.on("close", (code, signal) => resolve({ code: code ?? signal ?? "unknown", complaints: Buffer.concat(complaints).toString() }));
  });
}

/** Compilers name the staged files; people want to see their own, where they wrote what is wrong. */
function problemsIn(complaints: string, sources: readonly ProtoSource[], cwd: string, otherwise: string): string[] {
  const byName = new Map(sources.map((source) => [source.name, source]));
  const problems = complaints
    .split("\n")
    .map((line) => line.trim().replace(/^Failure: /, ""))
    .filter((line) => line !== "" && !/: warning: /.test(line))
    .map((line) => {
      const placed = /^(?:\.\/)?(.+?\.proto):(?:(\d+):(\d+):)?\s*(.*)$/.exec(line);
      const source = byName.get(placed?.[1] ?? "");
      if (placed === null || source === undefined) return line;
      const [, , lineNumber, column, message = ""] = placed;
      const file = relative(cwd, source.path);
      if (lineNumber === undefined || column === undefined) return `${file}: ${message}`;
      const { insertion } = source;
      const shifted = insertion?.line === Number(lineNumber) && Number(column) > insertion.column;
      const place = `${file}:${lineNumber}:${shifted ? Math.max(insertion.column, Number(column) - insertion.length) : column}`;
      const hint = source.hints.get(Number(lineNumber));
      return `${place}: ${message}${hint === undefined ? "" : ` (${hint})`}`;
    });
  return problems.length > 0 ? problems : [otherwise];
}
