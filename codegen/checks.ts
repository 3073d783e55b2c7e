/** What would not compile, or would answer the wrong call: found before anything is written. */
import { isFieldSet } from "@bufbuild/protobuf";
import { type DescriptorProto, FieldDescriptorProtoSchema, type FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import { nameHash } from "../src/rpc/name-hash.js";
import { fieldName } from "./names.js";
import { FIELD, type Places } from "./places.js";
import type { NamedType } from "./rename.js";
import type { Rpc } from "./services.js";

/** Types of one file, or fields of one message, that get the same name in TypeScript. */
export function checkNames(file: FileDescriptorProto, types: Iterable<NamedType>, places: Places, problems: string[]): void {
  const byName = new Map<string, NamedType>();
  for (const type of types) {
    const other = byName.get(type.name);
    if (other !== undefined) problems.push(`${places.at(type.path)}: ${type.protoName} and ${other.protoName} would both be ${type.name}`);
    byName.set(type.name, type);
  }
  file.messageType.forEach((message, index) => {
    checkFields(message, [FIELD.file.message, index], places, problems);
  });
}

function checkFields(message: DescriptorProto, path: readonly number[], places: Places, problems: string[]): void {
  const byName = new Map<string, string>();
  /** @param scope - members of a oneof share no object: `$case` tells them apart. */
  const declare = (protoName: string, at: readonly number[], scope = "") => {
    const name = fieldName(protoName);
    const other = byName.get(scope + name);
    if (other !== undefined)
      problems.push(`${places.at([...path, ...at])}: ${protoName} and ${other} of ${message.name} would both be ${name}`);
    byName.set(scope + name, protoName);
  };
  message.oneofDecl.forEach((oneof, index) => {
    // proto3's `optional` is a oneof of one, which has no name of its own in TypeScript
    if (!message.field.some((field) => field.proto3Optional && field.oneofIndex === index))
      declare(oneof.name, [FIELD.message.oneof, index]);
  });
  message.field.forEach((field, index) => {
    const inOneof = isFieldSet(field, FieldDescriptorProtoSchema.field.oneofIndex) && !field.proto3Optional;
    declare(field.name, [FIELD.message.field, index], inOneof ? `${field.oneofIndex}:` : "");
  });
  message.nestedType.forEach((nested, index) => {
    checkFields(nested, [...path, FIELD.message.nested, index], places, problems);
  });
}

/** Methods travel as 32-bit hashes of their names. */
export class MethodIds {
  readonly #seen = new Map<number, Rpc>();
  readonly #problems: string[];

  constructor(problems: string[]) {
    this.#problems = problems;
  }

  add(rpc: Rpc): void {
    const id = nameHash(rpc.fullName);
    const other = this.#seen.get(id);
    this.#seen.set(id, rpc);
    if (other === undefined) return;
    const shared = other.fullName === rpc.fullName ? "name" : `32-bit id 0x${id.toString(16)}`;
    this.#problems.push(
      `${rpc.place}: rpc "${rpc.fullName}" has the same ${shared} as rpc "${other.fullName}" (${other.place}): rename one`,
    );
  }
}

/** Files whose outputs would overwrite each other where letter case makes no difference. */
export function checkOutputs(names: Iterable<string>, problems: string[]): void {
  const byLower = new Map<string, string>();
  for (const name of names) {
    const other = byLower.get(name.toLowerCase());
    if (other !== undefined) problems.push(`${name}: differs from ${other} in letter case only`);
    byLower.set(name.toLowerCase(), name);
    if (name.replace(/\.proto$/, "").includes(".proto")) problems.push(`${name}: ".proto" inside a file's name is not supported`);
  }
}
