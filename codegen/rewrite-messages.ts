/** Turns what ts-proto wrote into what we promise: no import but `clusterts/rpc`, erasable syntax, safe for hostile input. */

import { CodegenError } from "./codegen-error.js";
import type { NamedType } from "./rename.js";
import { rewriteCodec } from "./rewrite-codec.js";

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

/** What is known about a file beside ts-proto's text. */
export interface FileTypes {
  /** Declared in it. */
  readonly own: readonly NamedType[];
  /** Of other files, used by its fields. */
  readonly foreign: ReadonlySet<NamedType>;
  readonly messageIds: ReadonlyMap<NamedType, number>;
}

/** What should have been replaced. */
const UNEXPECTED = /^export (?:namespace|enum) |@bufbuild\/protobuf|^type Builtin|: Partial<T>;|Math\.trunc\(date|object\[key\] = /m;

const RUNTIME = "@bufbuild/protobuf/wire";

/** @throws {@link CodegenError} when a release of ts-proto writes something else than expected. */
export function rewriteMessages(text: string, types: FileTypes): Messages {
  const { runtime, written, rest } = splitImports(text);
  let body = rest;
  // types in a namespace: of no use beside the literals, and invalid where a value is named like a keyword
  body = body.replace(/\nexport namespace \w+ \{\n(?: {2}export type \w+ =\s+typeof [\w.]+;\n)*\}\n/g, "");
  body = body.replace(/type Builtin = [^;]*;\n\n/, "");
  body = body.replace(/type DeepPartial<T> = [\s\S]*?: Partial<T>;\n/, () => DEEP_PARTIAL);
  body = body.replace(/function toTimestamp\(date: Date\): (\w+) \{\n[\s\S]*?\n\}\n/, toTimestamp);
  body = body.replace(SET_STRUCT_KEY, DEFINE_STRUCT_KEY);
  for (const type of types.own) body = rewriteCodec(body, type);
  for (const [type, id] of types.messageIds) body = addMessageId(body, type, id);

  const taken = new Set(types.own.map((type) => type.name));
  const foreign = new Map([...types.foreign].map((type) => [type.written, type.name]));
  const imports = written.map(({ module, name }): ImportedType => {
    const real = foreign.get(name) ?? name; // helpers bring some that no field has
    const local = freeName(real, taken);
    taken.add(local);
    if (local !== name) body = renameIdentifier(body, name, local);
    return { module, name: real, local };
  });
  for (const type of types.own) {
    // no boundary in front: createBase... starts with other letters
    if (type.written !== type.name) body = body.replace(new RegExp(`${type.written}(?!\\w)`, "g"), type.name);
  }
  if (UNEXPECTED.test(withoutComments(body)))
    throw new CodegenError("this release of ts-proto writes something unknown to us: use ts-proto@2.18");
  return { runtime, imports, body: body.trimEnd(), hasDeepPartial: body.includes("type DeepPartial<T>") };
}

function splitImports(text: string): { runtime: string[]; written: { module: string; name: string }[]; rest: string } {
  const runtime: string[] = [];
  const written: { module: string; name: string }[] = [];
  const header = /(?:\s|\/\/.*\n|\/\* eslint-disable \*\/)*/y;
  const statement = /import \{([^}]*)\} from "(.*)";\n/y;
  header.exec(text);
  let end = header.lastIndex;
  for (;;) {
    statement.lastIndex = end;
    const [, names, module = ""] = statement.exec(text) ?? [];
    if (names === undefined) return { runtime, written, rest: text.slice(end) };
    end = statement.lastIndex;
    for (const name of names
      .split(",")
      .map((each) => each.trim())
      .filter((each) => each !== "")) {
      if (module === RUNTIME) runtime.push(name);
      else written.push({ module, name });
    }
  }
}

/** `Timestamp`, `Timestamp$1`, ...: no name of a `.proto` file holds a `$`. */
export function freeName(name: string, taken: { has(name: string): boolean }): string {
  let free = name;
  for (let n = 1; taken.has(free); n++) free = `${name}$${n}`;
  return free;
}

/** A name as it stands in code: not in comments, strings, or as a property. */
function renameIdentifier(body: string, name: string, local: string): string {
  const identifier = new RegExp(`(?<![\\w$."])${name}(?![\\w$"]|\\??:)`, "g");
  return body
    .split("\n")
    .map((line) => (isComment(line) ? line : line.replace(identifier, () => local)))
    .join("\n");
}

function isComment(line: string): boolean {
  return /^\s*(?:\*|\/\*\*|\/\/)/.test(line);
}

function withoutComments(body: string): string {
  const lines = body.split("\n").filter((line) => !isComment(line));
  return lines.join("\n");
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
  const seconds = original.includes("BigInt(") ? "BigInt(seconds)" : original.includes("toString()") ? "seconds.toString()" : "seconds";
  return `function toTimestamp(date: Date): ${type} {
  const seconds = Math.floor(date.getTime() / 1_000);
  return { seconds: ${seconds}, nanos: (date.getTime() - seconds * 1_000) * 1_000_000 };
}
`;
}

/** A key "__proto__" from the wire would set the prototype. */
const SET_STRUCT_KEY = "        object[key] = message.fields.get(key);\n";
const DEFINE_STRUCT_KEY = `        globalThis.Object.defineProperty(object, key, {
          value: message.fields.get(key),
          configurable: true,
          enumerable: true,
          writable: true,
        });
`;

function addMessageId(body: string, type: NamedType, id: number): string {
  const declared = `export const ${type.written}: MessageFns<${type.written}> = {\n`;
  if (!body.includes(declared)) throw new CodegenError(`ts-proto wrote no codec for ${type.protoName}: use ts-proto@2.18`);
  const name = JSON.stringify(type.protoName);
  const withId = `export const ${type.written}: MessageFns<${type.written}> & {
  readonly messageId: ${id};
  readonly messageName: ${name};
} = {
  messageId: ${id},
  messageName: ${name},

`;
  return body.replace(declared, () => withId);
}
