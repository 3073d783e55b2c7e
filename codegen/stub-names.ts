/** How the stubs of one file refer to the library, to other files' messages, and to globals, whatever the user's types are called. */
import { posix } from "node:path";
import type { NamedType } from "./rename.js";
import { freeName, type ImportedType } from "./rewrite-messages.js";

export class StubNames {
  readonly #file: string;
  readonly #extension: string;
  /** Types of this file and local names of imports: what an identifier may not be. */
  readonly #taken: Set<string>;
  readonly #imports: ImportedType[];
  /** By name, whether it is used as a value. */
  readonly #runtime = new Map<string, boolean>();
  readonly #globals = new Set<string>();

  constructor(file: string, extension: string, declared: Iterable<string>, imports: readonly ImportedType[]) {
    this.#file = file;
    this.#extension = extension;
    this.#imports = [...imports];
    this.#taken = new Set([...declared, ...imports.map(({ local }) => local)]);
  }

  /** A class or function of `clusterts/rpc`. */
  value(name: string): string {
    this.#runtime.set(name, true);
    return this.#local(name);
  }

  /** A type of `clusterts/rpc`. */
  type(name: string): string {
    if (!this.#runtime.has(name)) this.#runtime.set(name, false);
    return this.#local(name);
  }

  /** `Promise`, or `globalThis.Promise` where a message is called so. */
  global(name: string): string {
    this.#globals.add(name);
    return this.#taken.has(name) ? `globalThis.${name}` : name;
  }

  /** A message, imported when it is another file's. */
  message(type: NamedType): string {
    if (type.file === this.#file) return type.name;
    const module = this.#relative(type.file);
    const known = this.#imports.find((each) => each.module === module && each.name === type.name);
    if (known !== undefined) return known.local;
    const local = freeName(type.name, new Set([...this.#taken, ...this.#runtime.keys(), ...this.#globals]));
    this.#taken.add(local);
    this.#imports.push({ module, name: type.name, local });
    return local;
  }

  /** The import statements. */
  render(): string {
    const statements: string[] = [];
    const runtime = [...this.#runtime].sort(([a], [b]) => (a < b ? -1 : 1));
    if (runtime.length > 0) {
      const names = runtime.map(([name, isValue]) => `${isValue ? "" : "type "}${aliased(name, this.#local(name))}`);
      const oneLine = `import { ${names.join(", ")} } from "clusterts/rpc";\n`;
      statements.push(
        oneLine.length <= 120 ? oneLine : `import {\n${names.map((name) => `  ${name},\n`).join("")}} from "clusterts/rpc";\n`,
      );
    }
    for (const module of [...new Set(this.#imports.map((each) => each.module))].sort()) {
      const names = this.#imports.filter((each) => each.module === module).map(({ name, local }) => aliased(name, local));
      statements.push(`import { ${names.join(", ")} } from "${module}";\n`);
    }
    return statements.join("");
  }

  #local(name: string): string {
    return this.#taken.has(name) ? `${name}$` : name;
  }

  #relative(protoFile: string): string {
    const path = posix.relative(posix.dirname(this.#file), protoFile).replace(/\.proto$/, `.${this.#extension}`);
    return path.startsWith(".") ? path : `./${path}`;
  }
}

function aliased(name: string, local: string): string {
  return name === local ? name : `${name} as ${local}`;
}
