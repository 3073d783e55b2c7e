/** Where in a `.proto` file something is declared, for error messages and doc comments. */
import type { FileDescriptorProto, SourceCodeInfo_Location } from "@bufbuild/protobuf/wkt";

/** Field numbers of descriptor.proto, of which the paths of source info are made. */
export const FIELD = {
  file: { message: 4, enum: 5, service: 6, syntax: 12, edition: 14 },
  message: { field: 2, nested: 3, enum: 4, options: 7, oneof: 8 },
  enum: { value: 2 },
  service: { method: 2 },
} as const;

/** Source info of one file, by path. */
export class Places {
  readonly #file: string;
  readonly #byPath = new Map<string, SourceCodeInfo_Location>();

  /** @param shownAs - the file as people should read it, by default its name on the import path. */
  constructor(file: FileDescriptorProto, shownAs: string = file.name) {
    this.#file = shownAs;
    for (const location of file.sourceCodeInfo?.location ?? []) {
      const key = location.path.join(".");
      if (!this.#byPath.has(key)) this.#byPath.set(key, location);
    }
  }

  /** `dir/file.proto:5:3`; without source info the nearest place that is known, or the file alone. */
  at(path: readonly number[]): string {
    for (let length = path.length; length > 0; length--) {
      const span = this.#byPath.get(path.slice(0, length).join("."))?.span;
      if (span !== undefined) return `${this.#file}:${(span[0] ?? 0) + 1}:${(span[1] ?? 0) + 1}`;
    }
    return this.#file;
  }

  /** The comment of a declaration, without its markers; `""` when it has none. */
  comment(path: readonly number[]): string {
    const location = this.#byPath.get(path.join("."));
    return location?.leadingComments || location?.trailingComments || "";
  }
}

/** A doc comment with every line indented, or `""`. */
export function docComment(text: string, indent = "", deprecated = false): string {
  const lines = text
    .replace(/^\*/, "") // of a comment that was /** ... */ already
    .replaceAll("*/", "*\\/")
    .trim()
    .split("\n")
    .map((line) => line.replace(/^ /, "").trimEnd());
  if (lines.length === 1 && lines[0] === "") lines.pop();
  if (deprecated) lines.push("@deprecated");
  if (lines.length === 0) return "";
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}`.trimEnd()).join("\n")}\n${indent} */\n`;
}
