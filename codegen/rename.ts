/** Gives every declaration its TypeScript name before ts-proto sees it, so that there is one set of rules, in `names.ts`. */
import { clone } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  FieldDescriptorProto_Type,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { inProto3Words, resolveFeatures } from "./editions.js";
import { enumValueName, fieldName, nestedTypeName, pascalCase, topLevelTypeName } from "./names.js";
import { isOneFile, packageOf } from "./one-file.js";
import { FIELD } from "./places.js";

/** A message or enum under both of its names. */
export interface NamedType {
  /** Name of the file on the import path. */
  readonly file: string;
  /** `game.v1.Room.seat_info`, as the user wrote it. */
  readonly protoName: string;
  /** `Room_SeatInfo`. */
  readonly name: string;
  /** Under which name ts-proto is told of it: `name`, or a placeholder that {@link Renamed} resolves. */
  readonly written: string;
  /** Where in the file's source info. */
  readonly path: readonly number[];
  readonly message: DescriptorProto | undefined;
}

export interface Renamed {
  /** Copies, renamed, without services and without the comment on the syntax line. */
  readonly files: readonly FileDescriptorProto[];
  /** By the name that references use: `.game.v1.Room.seat_info`, with the compiler's package. */
  readonly types: ReadonlyMap<string, NamedType>;
}

/** What protobuf calls these numbers, and what JavaScript does. */
const IN_JAVASCRIPT: Readonly<Record<string, string>> = { inf: "Infinity", "-inf": "-Infinity", nan: "globalThis.Number.NaN" };

export function renameForTypeScript(originals: readonly FileDescriptorProto[]): Renamed {
  const types = new Map<string, NamedType>();
  const references = new Map<string, string>();
  const placeholders = new Placeholders(originals);
  const features = resolveFeatures(originals);
  const files = originals.map((original) => {
    const file = clone(FileDescriptorProtoSchema, original);
    file.service = [];
    file.extension = [];
    if (file.sourceCodeInfo !== undefined) {
      const { location } = file.sourceCodeInfo;
      file.sourceCodeInfo.location = location.filter(({ path }) => path[0] !== FIELD.file.syntax && path[0] !== FIELD.file.edition);
    }
    inProto3Words(file, features);
    nameTypes(file, types, references, placeholders);
    return file;
  });
  for (const file of files) for (const message of file.messageType) renameReferences(message, references);
  return { files, types };
}

/**
 * Stand-ins for names that several files declare. ts-proto's way with imports that clash is unsound (it keeps the text of helpers from one
 * file to the next), so it never sees a clash; `rewrite-messages.ts` puts the names back. The well-known types keep their names: its
 * helpers know them by these.
 */
class Placeholders {
  readonly #files = new Map<string, number>();
  #count = 0;

  constructor(files: readonly FileDescriptorProto[]) {
    for (const file of files) {
      for (const type of [...file.enumType, ...file.messageType]) {
        const name = pascalCase(type.name);
        this.#files.set(name, (this.#files.get(name) ?? 0) + 1);
      }
    }
  }

  /** What ts-proto is told. */
  for(file: FileDescriptorProto, protoName: string, name: string): string {
    const shared = (this.#files.get(pascalCase(protoName)) ?? 0) > 1;
    return shared && file.package !== "google.protobuf" ? `${PLACEHOLDER}${this.#count++}Z` : name;
  }
}

/** Starts the name of a type that has a stand-in; a number and a `Z` follow. */
export const PLACEHOLDER = "StandIn4Clusterts";

function nameTypes(
  file: FileDescriptorProto,
  types: Map<string, NamedType>,
  references: Map<string, string>,
  placeholders: Placeholders,
): void {
  const oneFile = isOneFile(file);
  const inPackage = (name: string) => (name === "" ? "" : `.${name}`);

  /** The three scopes of one declaration: as referred to, as the user wrote it, in TypeScript; and how ts-proto will be told. */
  interface Scope {
    readonly reference: string;
    readonly protoName: string;
    readonly name: string;
    readonly written: string;
    readonly renamed: string;
    readonly path: readonly number[];
  }
  const declare = (scope: Scope, type: DescriptorProto | EnumDescriptorProto, kind: "Message" | "Enum", path: readonly number[]): Scope => {
    const nested = scope.name !== "";
    const own = nested ? nestedTypeName(type.name) : topLevelTypeName(type.name, kind, oneFile);
    const told = nested ? own : placeholders.for(file, type.name, own);
    const inner: Scope = {
      reference: `${scope.reference}.${type.name}`,
      protoName: scope.protoName === "" ? type.name : `${scope.protoName}.${type.name}`,
      name: nested ? `${scope.name}_${own}` : own,
      written: nested ? `${scope.written}_${own}` : told,
      renamed: `${scope.renamed}.${told}`,
      path: [...scope.path, ...path],
    };
    const message = type.$typeName === "google.protobuf.DescriptorProto" ? type : undefined;
    const { reference, protoName, name, written, renamed } = inner;
    types.set(reference, { file: file.name, protoName, name, written, path: inner.path, message });
    references.set(reference, renamed);
    type.name = told;
    return inner;
  };
  const visitEnum = (scope: Scope, type: EnumDescriptorProto, path: readonly number[]) => {
    declare(scope, type, "Enum", path);
    for (const value of type.value) value.name = enumValueName(value.name);
  };
  const visitMessage = (scope: Scope, message: DescriptorProto, path: readonly number[]) => {
    const inner = declare(scope, message, "Message", path);
    message.extension = [];
    for (const field of message.field) {
      field.name = fieldName(field.name);
      // ts-proto writes the default of a number as it stands in the descriptor.
      const isNumber = field.type === FieldDescriptorProto_Type.DOUBLE || field.type === FieldDescriptorProto_Type.FLOAT;
      if (isNumber) field.defaultValue = IN_JAVASCRIPT[field.defaultValue] ?? field.defaultValue;
    }
    for (const oneof of message.oneofDecl) oneof.name = fieldName(oneof.name);
    message.enumType.forEach((type, index) => {
      visitEnum(inner, type, [FIELD.message.enum, index]);
    });
    message.nestedType.forEach((type, index) => {
      visitMessage(inner, type, [FIELD.message.nested, index]);
    });
  };
  const top: Scope = {
    reference: inPackage(file.package),
    protoName: packageOf(file),
    name: "",
    written: "",
    renamed: inPackage(file.package),
    path: [],
  };
  file.enumType.forEach((type, index) => {
    visitEnum(top, type, [FIELD.file.enum, index]);
  });
  file.messageType.forEach((message, index) => {
    visitMessage(top, message, [FIELD.file.message, index]);
  });
}
function renameReferences(message: DescriptorProto, references: ReadonlyMap<string, string>): void {
  for (const field of message.field) field.typeName = references.get(field.typeName) ?? field.typeName;
  for (const nested of message.nestedType) renameReferences(nested, references);
}
