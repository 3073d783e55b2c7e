/**
 * How names of `.proto` files become names in TypeScript. Types: `player_info` is `PlayerInfo`, nested ones are joined by `_`.
 * Fields and methods: `user_name` and `UserName` (methods only) are `userName`. A name that generated code needs for itself
 * gets its kind appended: `MapMessage`, `FunctionEnum`, `thenMethod`, `constructorField`, `ChatService`.
 */

/** Top-level type names that the encoders refer to without a qualifier. */
const TAKEN_TYPES: ReadonlySet<string> = new Set([
  ...["Array", "BigInt", "Boolean", "Date", "Function", "Map", "Math", "Number", "Object", "Omit", "Partial", "Readonly"],
  ...["ReadonlyArray", "ReadonlyMap", "String", "Symbol", "Uint8Array", "Infinity", "NaN"],
  ...["BinaryReader", "BinaryWriter", "Builtin", "DeepPartial", "MessageFns", "Exact", "KeysOfUnion"],
  ...["StructWrapperFns", "AnyValueWrapperFns", "ListValueWrapperFns", "FieldMaskWrapperFns"],
]);

/** What a file of the one-file convention exports beside its messages. */
const TAKEN_IN_ONE_FILE: ReadonlySet<string> = new Set(["Register", "Call", "CallWithCallback", "Post"]);

/** Properties that every object has: a field or method of that name would be found where none was given. */
const OBJECT_PROPERTIES: ReadonlySet<string> = new Set(
  Object.getOwnPropertyNames(Object.prototype).filter((name) => !name.startsWith("__")),
);

/** An object with `then` is taken for a promise by `await`; `toJSON` is called by `JSON.stringify`. */
const CALLED_BY_JAVASCRIPT: ReadonlySet<string> = new Set(["then", "toJSON"]);

/** `player_info`, `playerInfo` and `PLAYER_INFO` are `PlayerInfo`; a name without `_` keeps its letters but for the first. */
export function pascalCase(name: string): string {
  const words = splitWords(name);
  return words.map(capitalize).join("");
}

/** `user_name` and `USER_NAME` are `userName`; a name without `_` is kept. */
export function camelCase(name: string): string {
  const [first = "", ...rest] = splitWords(name);
  return first + rest.map(capitalize).join("");
}

/** A nested type's part of its name. It cannot meet a taken one: the whole holds a `_`. */
export function nestedTypeName(protoName: string): string {
  return identifier(pascalCase(protoName), "Type");
}

/** The name of a type that is not nested. */
export function topLevelTypeName(protoName: string, typeKind: "Message" | "Enum", oneFile: boolean): string {
  const lower = protoName.toLowerCase();
  if (oneFile && typeKind === "Message" && (lower === "request" || lower === "response")) return capitalize(lower);
  const name = identifier(pascalCase(protoName), typeKind);
  return TAKEN_TYPES.has(name) || (oneFile && TAKEN_IN_ONE_FILE.has(name)) ? name + typeKind : name;
}

export function fieldName(protoName: string): string {
  const name = identifier(camelCase(protoName), "field");
  return OBJECT_PROPERTIES.has(name) ? `${name}Field` : name;
}

export function methodName(protoName: string): string {
  const name = identifier(uncapitalize(camelCase(protoName)), "method");
  return OBJECT_PROPERTIES.has(name) || CALLED_BY_JAVASCRIPT.has(name) ? `${name}Method` : name;
}

/** In an object literal, `__proto__` would set the prototype. */
export function enumValueName(protoName: string): string {
  return protoName === "__proto__" ? "__proto__Value" : protoName;
}

function splitWords(name: string): string[] {
  const words = name.split("_").filter((word) => word !== "");
  const shouting = name.includes("_") && name === name.toUpperCase();
  return shouting ? words.map((word) => word.toLowerCase()) : words;
}

/** `_1` and `_` leave nothing that a name may start with. */
function identifier(name: string, kind: string): string {
  return /^[A-Za-z]/.test(name) ? name : kind + name;
}

function capitalize(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}

function uncapitalize(word: string): string {
  return word.slice(0, 1).toLowerCase() + word.slice(1);
}
