/** The methods that folders of `.proto` files declare, read at run time: services, and files of the one-file convention. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import type { Root, Type } from "protobufjs";
import { messageOf } from "../internal/message-of.js";
import { CommandError } from "./command.js";
import { packageFolder } from "./package-folder.js";

export interface ProtoMethod {
  /** As on the wire: `game.Chat/say`, or `echo` of the one-file convention. */
  readonly name: string;
  readonly input: Type;
  readonly output: Type;
  readonly isStreaming: boolean;
}

/** @throws {@link CommandError} when a file cannot be read, or protobufjs is not installed. */
export async function methodsIn(folders: readonly string[], cwd: string): Promise<readonly ProtoMethod[]> {
  const protobuf = await protobufjs();
  const standard = dirname(createRequire(import.meta.url).resolve("protobufjs/package.json")); // google/protobuf/*.proto
  const roots = folders.map((folder) => resolve(cwd, folder));
  const files = roots.flatMap(protoFiles);
  if (files.length === 0) throw new CommandError(`there is no .proto file in ${folders.join(", ")}`);
  const methods: ProtoMethod[] = [];
  // Each file by itself: those of the one-file convention all declare the same names.
  for (const file of files) {
    const root = new protobuf.Root();
    root.resolvePath = (_origin, target) =>
      [...roots, join(packageFolder(), "proto"), standard].map((folder) => join(folder, target)).find((path) => existsSync(path)) ?? target;
    try {
      root.loadSync(file, { keepCase: true }).resolveAll();
    } catch (error) {
      throw new CommandError(`${file}: ${messageOf(error)}`);
    }
    methods.push(...servicesOf(root, file, protobuf));
  }
  const byName = new Map(methods.map((method) => [method.name, method])); // imported files come more than once
  return [...byName.values()];
}

function servicesOf(root: Root, file: string, protobuf: typeof import("protobufjs")): ProtoMethod[] {
  const found: ProtoMethod[] = [];
  const visit = (namespace: import("protobufjs").NamespaceBase): void => {
    for (const nested of namespace.nestedArray) {
      if (nested instanceof protobuf.Service) {
        for (const method of nested.methodsArray) {
          const { resolvedRequestType: input, resolvedResponseType: output } = method.resolve() as import("protobufjs").Method;
          const name = `${nested.fullName.slice(1)}/${method.name}`;
          if (input && output)
            found.push({ name, input, output, isStreaming: method.requestStream === true || method.responseStream === true });
        }
      } else if (nested instanceof protobuf.Namespace) visit(nested);
    }
  };
  visit(root);
  const top = root.nestedArray.filter((each): each is Type => each instanceof protobuf.Type && each.filename === file);
  const called = (name: string): Type | undefined => top.find((type) => type.name.toLowerCase() === name);
  const [input, output] = [called("request"), called("response")];
  if (found.length === 0 && input && output) return [{ name: basename(file, ".proto"), input, output, isStreaming: false }];
  return found;
}

function protoFiles(folder: string): string[] {
  try {
    if (statSync(folder).isFile()) return [folder];
    const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".proto"));
    return names.sort().map((name) => join(folder, name));
  } catch (error) {
    throw new CommandError(messageOf(error));
  }
}

async function protobufjs(): Promise<typeof import("protobufjs")> {
  try {
    return (await import("protobufjs")).default;
  } catch {
    throw new CommandError("protobufjs is not installed, which reads .proto files here: npm install --save-dev protobufjs");
  }
}
