/** protobufjs, another implementation of the format, on the fixture's schema; and the plain form in which both are compared. */
import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";

const root = protobuf.loadSync(fileURLToPath(new URL("../fixture/everything.proto", import.meta.url)));

/** Encodes a message that generated code would take. */
export function oracleEncode(type: string, message: object): Uint8Array {
  const schema = root.lookupType(`fixture.${type}`);
  return schema.encode(schema.fromObject(plain(message) as { [key: string]: unknown })).finish();
}

/** Decodes to the {@link plain} form, defaults filled in. */
export function oracleDecode(type: string, bytes: Uint8Array): unknown {
  const schema = root.lookupType(`fixture.${type}`);
  return plain(schema.toObject(schema.decode(bytes), { longs: String, bytes: Array, defaults: true }));
}

/** 64-bit integers as decimal text, bytes as arrays, maps as objects, oneofs as fields, absent fields left out. */
export function plain(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array) return Array.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return Object.fromEntries(Array.from(value, ([key, held]) => [String(key), plain(held)]));
  if (typeof value !== "object" || value === null) return value;
  const fields: [string, unknown][] = [];
  for (const [name, held] of Object.entries(value)) {
    if (held === undefined || held === null) continue;
    if (isOneof(held)) fields.push([held.$case, plain(held.value)]);
    else fields.push([name, plain(held)]);
  }
  return Object.fromEntries(fields);
}

function isOneof(value: unknown): value is { $case: string; value: unknown } {
  return typeof value === "object" && value !== null && "$case" in value;
}
