/** ts-proto takes every edition for proto3. So files of an edition are told in proto3's words, with what their features say about the wire. */
import { create, createFileRegistry, type FileRegistry } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  Edition,
  FeatureSet_FieldPresence,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldOptionsSchema,
  type FileDescriptorProto,
  FileDescriptorSetSchema,
  OneofDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";

/** Features after inheritance, for {@link inProto3Words}; `undefined` when no file has an edition. */
export function resolveFeatures(files: readonly FileDescriptorProto[]): FileRegistry | undefined {
  if (!files.some(hasEdition)) return undefined;
  return createFileRegistry(create(FileDescriptorSetSchema, { file: [...files] }));
}

/** Changes `file`, which still has the names that `features` knows. */
export function inProto3Words(file: FileDescriptorProto, features: FileRegistry | undefined): void {
  if (features === undefined || !hasEdition(file)) return;
  for (const message of file.messageType)
    rewordMessage(message, file.package === "" ? message.name : `${file.package}.${message.name}`, features);
  file.syntax = "proto3";
  file.edition = Edition.EDITION_UNKNOWN;
}

function hasEdition(file: FileDescriptorProto): boolean {
  return file.syntax === "editions";
}

function rewordMessage(message: DescriptorProto, fullName: string, features: FileRegistry): void {
  for (const field of features.getMessage(fullName)?.fields ?? []) {
    const proto = message.field.find((each) => each.number === field.number);
    if (proto === undefined) continue;
    const isMessage = field.fieldKind === "message" || (field.fieldKind === "list" && field.listKind === "message");
    if (isMessage && field.delimitedEncoding) proto.type = FieldDescriptorProto_Type.GROUP;
    else if (field.fieldKind === "list") {
      proto.options ??= create(FieldOptionsSchema);
      proto.options.packed = field.packed;
    } else if (field.fieldKind === "scalar" || field.fieldKind === "enum") {
      if (field.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED) proto.label = FieldDescriptorProto_Label.REQUIRED;
      else if (field.presence === FeatureSet_FieldPresence.EXPLICIT && field.oneof === undefined) {
        proto.proto3Optional = true;
        proto.oneofIndex = message.oneofDecl.length;
        message.oneofDecl.push(create(OneofDescriptorProtoSchema, { name: `_${proto.name}` }));
      }
    }
  }
  for (const nested of message.nestedType) rewordMessage(nested, `${fullName}.${nested.name}`, features);
}
