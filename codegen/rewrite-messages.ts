/** Turns what ts-proto wrote into what we promise: no import but `clusterts/rpc`, erasable syntax, safe for hostile input. */
import type { NamedType } from "./rename.js";

/** One `import { Name as Local } from "./module.js"`. */
export interface ImportedType {
  readonly module: string;
  readonly name: string;
  readonly local: string;
}

export interface Messages {
  /** Of `BinaryReader` and `BinaryWriter`, those that the text uses. */
  readonly runtime: readonly string[];
  readonly imports: readonly ImportedType[];
  /** Without header and imports. */
  readonly body: string;
  /** Whether the type `DeepPartial` is declared. */
  readonly hasDeepPartial: boolean;
}

const RUNTIME = "@bufbuild/protobuf/wire";

export function rewriteMessages(text: string, messageIds: ReadonlyMap<NamedType, number>): Messages {
  const runtime: string[] = [];
  const imports: ImportedType[] = [];
  const lines = text.split("\n");
  let start = 0;
  for (; start < lines.length; start++) {
    const line = lines[start] ?? "";
    if (line === "" || line.startsWith("//") || line === "/* eslint-disable */") continue;
    const parsed = /^import \{ (.*) \} from "(.*)";$/.exec(line);
    if (parsed === null) break;
    const [, names = "", module = ""] = parsed;
    for (const each of names.split(", ")) {
      const [name = "", local = name] = each.replace(/^type /, "").split(" as ");
      if (module === RUNTIME) runtime.push(name);
      else imports.push({ module, name, local });
    }
  }
  let body = lines.slice(start).join("\n");
  // types in a namespace: of no use beside the literals, and invalid where a value is named like a keyword
  body = body.replace(/\nexport namespace \w+ \{\n(?: {2}export type \w+ =\s+typeof [\w.]+;\n)*\}\n/g, "");
  body = replaceDeclaration(body, /type Builtin = [^;]*;\n\n/, "");
  const hasDeepPartial = body.includes("type DeepPartial<T>");
  body = replaceDeclaration(body, /type DeepPartial<T> = [\s\S]*?: Partial<T>;\n/, DEEP_PARTIAL);
  body = replaceDeclaration(body, /function toTimestamp\(date: Date\): (\w+) \{\n[\s\S]*?\n\}\n/, toTimestamp);
  // a key "__proto__" from the wire would set the prototype
  body = body.replace(
    "object[key] = message.fields.get(key);",
    "globalThis.Object.defineProperty(object, key, {\n          value: message.fields.get(key),\n          configurable: true,\n          enumerable: true,\n          writable: true,\n        });",
  );
  for (const [type, id] of messageIds) body = addMessageId(body, type, id);
  return { runtime, imports, body: body.trimEnd(), hasDeepPartial };
}

/** Everything may be left out, at every depth; a call with fewer fields still compiles when the message grows. */
export const DEEP_PARTIAL = `type DeepPartial<T> = unknown extends T ? T
  : T extends Date | Uint8Array | string | number | boolean | bigint | null | undefined ? T
  : T extends ReadonlyMap<infer K, infer V> ? ReadonlyMap<K, DeepPartial<V>>
  : T extends ReadonlyArray<infer U> ? ReadonlyArray<DeepPartial<U>>
  : T extends { $case: string; value: unknown } ? { $case: T["$case"]; value: DeepPartial<T["value"]> }
  : { [K in keyof T]?: DeepPartial<T[K]> | undefined };
`;

/** ts-proto's own gives negative nanoseconds before 1970, which other implementations refuse. */
function toTimestamp(original: string, type: string): string {
  const seconds = /BigInt\(/.test(original) ? "BigInt(seconds)" : /toString\(\)/.test(original) ? "seconds.toString()" : "seconds";
  return `function toTimestamp(date: Date): ${type} {
  const seconds = Math.floor(date.getTime() / 1_000);
  return { seconds: ${seconds}, nanos: (date.getTime() - seconds * 1_000) * 1_000_000 };
}
`;
}

function addMessageId(body: string, type: NamedType, id: number): string {
  const name = JSON.stringify(type.protoName);
  const declared = `export const ${type.name}: MessageFns<${type.name}> = {\n`;
  if (!body.includes(declared)) throw new Error(`ts-proto wrote no codec for ${type.protoName}`);
  return body.replace(
    declared,
    `export const ${type.name}: MessageFns<${type.name}> & { readonly messageId: ${id}; readonly messageName: ${name} } = {
  messageId: ${id},
  messageName: ${name},

`,
  );
}

/** Replaces the one declaration that matches, if there is one. */
function replaceDeclaration(body: string, pattern: RegExp, replacement: string | ((match: string, group: string) => string)): string {
  return body.replace(pattern, (match: string, group: string) => (typeof replacement === "string" ? replacement : replacement(match, group)));
}
