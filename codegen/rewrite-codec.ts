/** Fields for which what ts-proto writes is not enough: changes to the codec of one message. */
import { isFieldSet } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { fieldName } from "./names.js";
import type { NamedType } from "./rename.js";

/** Fields whose type in TypeScript is an array although they are one message: `fromPartial` would keep the caller's own, read-only or not. */
const ARRAY_LIKE: ReadonlySet<string> = new Set([".google.protobuf.FieldMask", ".google.protobuf.ListValue"]);

/** @param body - a file as ts-proto wrote it, in which `type` is declared. */
export function rewriteCodec(body: string, type: NamedType): string {
  const fields = type.message?.field.filter((field) => ARRAY_LIKE.has(field.typeName) || isRequired(field)) ?? [];
  if (type.message === undefined || fields.length === 0) return body;
  const start = body.indexOf(`export const ${type.written}: MessageFns<`);
  const end = body.indexOf("\n};\n", start);
  let codec = body.slice(start, end);
  for (const field of fields) codec = isRequired(field) ? alwaysWritten(codec, field) : copiedArray(codec, field, type.message);
  return body.slice(0, start) + codec + body.slice(end);
}

function isRequired(field: FieldDescriptorProto): boolean {
  return field.label === FieldDescriptorProto_Label.REQUIRED;
}

/** ts-proto leaves out what has its default value; other implementations refuse a message that lacks a required field. */
function alwaysWritten(codec: string, field: FieldDescriptorProto): string {
  return codec.replace(
    new RegExp(`\\n    if \\(message\\.${fieldName(field.name)}(?:\\.length)? !== (?!undefined)[^\\n]*\\) \\{\\n`),
    "\n    {\n",
  );
}

function copiedArray(codec: string, field: FieldDescriptorProto, message: DescriptorProto): string {
  const name = fieldName(field.name);
  const oneof = message.oneofDecl[field.oneofIndex];
  if (field.label === FieldDescriptorProto_Label.REPEATED)
    return codec.replace(`object.${name}?.map((e) => e)`, `object.${name}?.map((e) => [...e])`);
  if (isFieldSet(field, FieldDescriptorProtoSchema.field.oneofIndex) && !field.proto3Optional && oneof !== undefined) {
    const value = `object.${fieldName(oneof.name)}.value`;
    return codec.replace(`{ $case: "${name}", value: ${value} }`, () => `{ $case: "${name}", value: [...${value}] }`);
  }
  return codec.replace(`object.${name} ?? undefined;`, `object.${name} ? [...object.${name}] : undefined;`);
}
