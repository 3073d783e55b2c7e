/**
 * Messages of protobufjs from JSON and back, by the JSON mapping of protobuf: both names of a field, 64-bit integers as
 * text, bytes as base64, enums by name, Timestamp and Duration as text. What JSON has and the message has not is a fault:
 * a misspelled field must not vanish.
 */
import type { Enum, Field, MapField, Type } from "protobufjs";
import { closest } from "../internal/closest.js";

type Json = unknown;
type Fields = Record<string, unknown>;

const INTEGERS: ReadonlySet<string> = new Set(["int32", "uint32", "sint32", "fixed32", "sfixed32"]);
const LONGS: ReadonlySet<string> = new Set(["int64", "uint64", "sint64", "fixed64", "sfixed64"]);

/** What is wrong with the JSON: where, and what. */
export class JsonFault extends Error {
  override readonly name = "JsonFault";
}

/** What `type.fromObject` takes. @throws {@link JsonFault} */
export function messageFromJson(type: Type, json: Json, path = ""): Fields {
  if (type.fullName === ".google.protobuf.Timestamp" && typeof json === "string") return timestamp(json, path);
  if (type.fullName === ".google.protobuf.Duration" && typeof json === "string") return duration(json, path);
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw new JsonFault(`${at(path)}${type.name} is a JSON object`);
  const byName = new Map<string, Field>();
  for (const field of type.fieldsArray) for (const name of [field.name, camel(field.name)]) byName.set(name, field.resolve() as Field);
  const result: Fields = {};
  for (const [key, value] of Object.entries(json)) {
    const field = byName.get(key);
    if (field === undefined) throw new JsonFault(`${at(path)}${type.name} has no field "${key}"${meant(key, [...byName.keys()])}`);
    if (value === null) continue;
    if (field.name in result) throw new JsonFault(`${at(path)}"${field.name}" is there twice, by both of its names`);
    result[field.name] = fieldFromJson(field, value, path === "" ? key : `${path}.${key}`);
  }
  for (const { name, fieldsArray } of type.oneofsArray) {
    const given = fieldsArray.filter((field) => field.name in result).map((field) => `"${field.name}"`);
    if (given.length > 1) throw new JsonFault(`${at(path)}${given.join(" and ")} are of the oneof ${name}: give one of them`);
  }
  return result;
}

function fieldFromJson(field: Field, value: Json, path: string): unknown {
  if (field.map) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw new JsonFault(`${at(path)}a map is a JSON object`);
    const { keyType } = field as unknown as MapField;
    const entries = Object.entries(value).map(([key, each]): [string, unknown] => [
      keyFromJson(keyType, key, path),
      valueFromJson(field, each, `${path}.${key}`),
    ]);
    return Object.fromEntries(entries);
  }
  if (!field.repeated) return valueFromJson(field, value, path);
  if (!Array.isArray(value)) throw new JsonFault(`${at(path)}a repeated field is a JSON array`);
  return value.map((each, index) => valueFromJson(field, each, `${path}[${index}]`));
}

/** Keys are texts in JSON whatever they are in the message, each written in one way only. */
function keyFromJson(type: string, key: string, path: string): string {
  if (type === "string") return key;
  if (type === "bool" ? key === "true" || key === "false" : /^(?:0|-?[1-9]\d*)$/.test(key)) {
    if (type !== "bool") numberFromJson(type, key, `${path}.${key}`);
    return key;
  }
  throw new JsonFault(`${at(path)}the key ${JSON.stringify(key)} is no ${type}`);
}

function valueFromJson(field: Field, value: Json, path: string): unknown {
  const { resolvedType, type } = field;
  if (resolvedType !== null && "values" in resolvedType) return enumFromJson(resolvedType, value, path);
  if (resolvedType !== null) return messageFromJson(resolvedType, value, path);
  if (type === "string" || type === "bytes") {
    if (typeof value !== "string") throw new JsonFault(`${at(path)}expected ${type === "bytes" ? "base64 text" : "a text"}`);
    if (type === "string") return value;
    if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) throw new JsonFault(`${at(path)}expected base64 text`);
    return Buffer.from(value, "base64");
  }
  if (type === "bool") {
    if (typeof value !== "boolean") throw new JsonFault(`${at(path)}expected true or false`);
    return value;
  }
  return numberFromJson(type, value, path);
}

function numberFromJson(type: string, value: Json, path: string): unknown {
  const isUnsigned = type.startsWith("u") || type.startsWith("fixed");
  if (LONGS.has(type)) {
    const text = typeof value === "string" || Number.isSafeInteger(value) ? String(value) : "";
    const inRange =
      /^-?\d{1,20}$/.test(text) && (isUnsigned ? BigInt.asUintN(64, BigInt(text)) : BigInt.asIntN(64, BigInt(text))) === BigInt(text);
    if (!inRange) throw new JsonFault(`${at(path)}expected ${type}: a whole number, as text when it is above 2^53`);
    return text;
  }
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (INTEGERS.has(type)) {
    const inRange = Number.isInteger(number) && (isUnsigned ? (number as number) >>> 0 : (number as number) | 0) === number;
    if (!inRange) throw new JsonFault(`${at(path)}expected ${type}: a whole number`);
    return number;
  }
  if (typeof number !== "number" || (Number.isNaN(number) && value !== "NaN")) throw new JsonFault(`${at(path)}expected ${type}: a number`);
  return number;
}

function enumFromJson(type: Enum, value: Json, path: string): number {
  if (typeof value === "number" && Number.isInteger(value)) return value;
  const number = typeof value === "string" ? type.values[value] : undefined;
  if (number !== undefined) return number;
  throw new JsonFault(
    `${at(path)}${type.name} has no value ${JSON.stringify(value)}; it has ${Object.keys(type.values).slice(0, 12).join(", ")}`,
  );
}

function timestamp(text: string, path: string): Fields {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new JsonFault(`${at(path)}expected a point in time such as 2026-01-31T12:00:00Z`);
  const nanos = Number((/\.(\d{1,9})/.exec(text)?.[1] ?? "0").padEnd(9, "0"));
  return { seconds: String(Math.floor(ms / 1_000)), nanos };
}

function duration(text: string, path: string): Fields {
  const parts = /^(-?)(\d+)(?:\.(\d{1,9}))?s$/.exec(text);
  if (parts === null) throw new JsonFault(`${at(path)}expected a duration such as 1.5s`);
  const sign = parts[1] === "-" ? -1 : 1;
  return { seconds: `${parts[1]}${parts[2]}`, nanos: sign * Number((parts[3] ?? "0").padEnd(9, "0")) };
}

/** JSON of a decoded message, fields that have their default included. */
export function messageToJson(type: Type, bytes: Uint8Array): unknown {
  const plain = type.toObject(type.decode(bytes), {
    longs: String,
    enums: String,
    bytes: String,
    json: true,
    defaults: true,
    oneofs: false,
  });
  return beautified(type, plain);
}

function beautified(type: Type, plain: Fields): unknown {
  if (type.fullName === ".google.protobuf.Timestamp") {
    const { seconds, nanos } = plain as { seconds: string; nanos: number };
    const fraction =
      nanos === 0
        ? ""
        : `.${String(nanos)
            .padStart(9, "0")
            .replace(/(?:000){1,2}$/, "")}`;
    return new Date(Number(seconds) * 1_000).toISOString().replace(/\.000Z$/, `${fraction}Z`);
  }
  if (type.fullName === ".google.protobuf.Duration") {
    const { seconds, nanos } = plain as { seconds: string; nanos: number };
    const fraction =
      nanos === 0
        ? ""
        : `.${String(Math.abs(nanos))
            .padStart(9, "0")
            .replace(/(?:000){1,2}$/, "")}`;
    return `${nanos < 0 && !seconds.startsWith("-") ? "-" : ""}${seconds}${fraction}s`;
  }
  for (const field of type.fieldsArray) {
    const { resolvedType } = field;
    const value = plain[field.name];
    if (value === undefined || value === null || resolvedType === null || "values" in resolvedType) continue;
    const each = (one: unknown): unknown => beautified(resolvedType, one as Fields);
    if (field.map) plain[field.name] = Object.fromEntries(Object.entries(value as Fields).map(([key, one]) => [key, each(one)]));
    else plain[field.name] = field.repeated ? (value as unknown[]).map(each) : each(value);
  }
  return plain;
}

function camel(name: string): string {
  return name.replace(/_+([A-Za-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function at(path: string): string {
  return path === "" ? "" : `${path}: `;
}

function meant(key: string, known: readonly string[]): string {
  const close = closest(key, known);
  if (close !== undefined) return `; did you mean "${close}"?`;
  return known.length === 0 ? "; it has no fields" : `; it has ${[...new Set(known)].slice(0, 12).join(", ")}`;
}
