/** The services of a file as the stubs need them: names, kinds, comments. */
import type { DescriptorProto, FileDescriptorProto, MethodDescriptorProto } from "@bufbuild/protobuf/wkt";
import type { MethodKind } from "../src/rpc/service.js";
import { methodName, pascalCase } from "./names.js";
import { isOneFile, oneFileRpcName, packageOf } from "./one-file.js";
import { FIELD, type Places } from "./places.js";
import type { NamedType } from "./rename.js";

export interface Rpc {
  /** What travels, hashed: `game.Chat/Say`, or `echo` of the one-file convention. */
  readonly fullName: string;
  /** `say` */
  readonly name: string;
  readonly kind: MethodKind;
  readonly input: NamedType;
  readonly output: NamedType;
  readonly comment: string;
  readonly deprecated: boolean;
  /** `dir/file.proto:5:3` */
  readonly place: string;
}

export interface Service {
  readonly protoName: string;
  /** `Chat`, or `ChatService` when a type that the file declares or uses has one of the names that the service exports. */
  readonly name: string;
  readonly rpcs: readonly Rpc[];
  readonly comment: string;
  readonly deprecated: boolean;
}

/** Types of other files that fields of this one have. */
export function foreignTypesOf(file: FileDescriptorProto, types: ReadonlyMap<string, NamedType>): Set<NamedType> {
  const found = new Set<NamedType>();
  const visit = (message: DescriptorProto) => {
    for (const field of message.field) {
      const type = types.get(field.typeName);
      if (type !== undefined && type.file !== file.name) found.add(type);
    }
    message.nestedType.forEach(visit);
  };
  file.messageType.forEach(visit);
  return found;
}

/** What a service adds to the exports of its file. */
export function exportsOf(serviceName: string): string[] {
  return ["", "Handlers", "Calls", "Posts"].map((suffix) => serviceName + suffix);
}

/** Services without methods are left out: there is nothing to handle or call. */
export function servicesOf(
  file: FileDescriptorProto,
  types: ReadonlyMap<string, NamedType>,
  places: Places,
  problems: string[],
): readonly Service[] {
  const taken = new Map<string, string>();
  for (const type of types.values()) if (type.file === file.name) taken.set(type.name, type.protoName);
  for (const type of foreignTypesOf(file, types)) taken.set(type.name, type.protoName);
  const services: Service[] = [];
  for (const [index, service] of file.service.entries()) {
    if (service.method.length === 0) continue;
    const path = [FIELD.file.service, index];
    const inPackage = packageOf(file) === "" ? service.name : `${packageOf(file)}.${service.name}`;
    const plain = pascalCase(service.name);
    const name = [plain, `${plain}Service`].find((candidate) => exportsOf(candidate).every((each) => !taken.has(each)));
    if (name === undefined) {
      const other = exportsOf(`${plain}Service`).find((each) => taken.has(each)) ?? plain;
      problems.push(
        `${places.at(path)}: neither ${plain} nor ${plain}Service is free for service ${inPackage}: ${taken.get(other)} is called so`,
      );
      continue;
    }
    for (const each of exportsOf(name)) taken.set(each, `service ${inPackage}`);
    const rpcs = service.method.map((method, at): Rpc => {
      const methodPath = [...path, FIELD.service.method, at];
      return {
        fullName: `${inPackage}/${method.name}`,
        name: methodName(method.name),
        kind: kindOf(method),
        input: typeOf(method.inputType, types),
        output: typeOf(method.outputType, types),
        comment: places.comment(methodPath),
        deprecated: method.options?.deprecated ?? false,
        place: places.at(methodPath),
      };
    });
    for (const [at, rpc] of rpcs.entries()) {
      const other = rpcs.slice(0, at).find((earlier) => earlier.name === rpc.name);
      if (other !== undefined) problems.push(`${rpc.place}: ${rpc.fullName} and ${other.fullName} would both be ${name}.${rpc.name}`);
    }
    services.push({ protoName: inPackage, name, rpcs, comment: places.comment(path), deprecated: service.options?.deprecated ?? false });
  }
  return services;
}

/** The only rpc of a file of the one-file convention; `undefined` for other files. */
export function oneFileRpcOf(file: FileDescriptorProto, types: ReadonlyMap<string, NamedType>, places: Places): Rpc | undefined {
  if (!isOneFile(file)) return undefined;
  const find = (wanted: string) => {
    const message = file.messageType.find((each) => each.name.toLowerCase() === wanted);
    return typeOf(`.${[file.package, message?.name].filter(Boolean).join(".")}`, types);
  };
  const input = find("request");
  const fullName = oneFileRpcName(file);
  return {
    fullName,
    name: fullName,
    kind: "unary",
    input,
    output: find("response"),
    comment: "",
    deprecated: false,
    place: places.at(input.path),
  };
}

function kindOf(method: MethodDescriptorProto): MethodKind {
  if (method.clientStreaming) return method.serverStreaming ? "bidi" : "client";
  return method.serverStreaming ? "server" : "unary";
}

function typeOf(reference: string, types: ReadonlyMap<string, NamedType>): NamedType {
  const type = types.get(reference);
  if (type === undefined) throw new Error(`the descriptors lack ${reference}`); // a compiler never leaves a reference open
  return type;
}
