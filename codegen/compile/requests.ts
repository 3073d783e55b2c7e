/** The two ways to descriptors from the command line: folders that are compiled now, or a set that was compiled elsewhere. */
import { readFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { CodegenError } from "../codegen-error.js";
import type { GenerateRequest } from "../generate.js";
import { OPTIONS_FILE } from "../message-ids.js";
import { type CompileContext, compile } from "./compile.js";
import { findProtoSources, type ProtoFolders } from "./proto-sources.js";

/** @throws {@link CodegenError} */
export async function requestFromFolders(folders: Omit<ProtoFolders, "cwd">, context: CompileContext): Promise<GenerateRequest> {
  const sources = findProtoSources({ ...folders, cwd: context.cwd });
  const protoFile = await compile(sources, context);
  const paths = new Map(sources.map(({ name, path }) => [name, relative(context.cwd, path)]));
  return {
    fileToGenerate: sources.filter(({ wanted }) => wanted).map(({ name }) => name),
    protoFile,
    shownAs: (file) => paths.get(file) ?? file,
  };
}

/**
 * What `buf build -o x.binpb` and `protoc --include_imports --include_source_info --descriptor_set_out=x.binpb` write. All of it is
 * generated, but for the well-known types that nothing uses.
 *
 * @throws {@link CodegenError}
 */
export async function requestFromDescriptorSet(file: string, cwd: string): Promise<GenerateRequest> {
  const protoFile = await readDescriptorSet(file, cwd);
  const names = new Set(protoFile.map(({ name }) => name));
  for (const { name, dependency } of protoFile) {
    const missing = dependency.find((each) => !names.has(each));
    if (missing !== undefined)
      throw new CodegenError(`${file}: lacks ${missing}, which ${name} imports: with protoc, add --include_imports`);
  }
  const fileToGenerate = [...names].filter((name) => name !== OPTIONS_FILE && !name.startsWith("google/protobuf/"));
  if (fileToGenerate.length === 0) throw new CodegenError(`${file}: holds no files to generate`);
  return { fileToGenerate, protoFile };
}

async function readDescriptorSet(file: string, cwd: string): Promise<FileDescriptorProto[]> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(resolve(cwd, file));
  } catch (cause) {
    throw new CodegenError(`${file}: cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
  try {
    return fromBinary(FileDescriptorSetSchema, bytes).file;
  } catch (cause) {
    throw new CodegenError(`${file}: is no descriptor set`, { cause });
  }
}
