/** Choices about the generated code, and their text form as a protoc plugin's parameter. */
import { CodegenError } from "./codegen-error.js";

export const LONG_TYPES = ["bigint", "string", "number"] as const;
export const IMPORT_EXTENSIONS = ["js", "ts"] as const;

export interface GenerateOptions {
  /** What 64-bit integers are. Default `"bigint"`; with `"number"`, decoding one past 2^53 throws. */
  readonly long: (typeof LONG_TYPES)[number];
  /** Ending of relative imports. Default `"js"`; `"ts"` runs without a build, on Node's own type stripping. */
  readonly importExtension: (typeof IMPORT_EXTENSIONS)[number];
}

export const DEFAULT_OPTIONS: GenerateOptions = { long: "bigint", importExtension: "js" };

/** @throws {@link CodegenError} */
export function oneOf<const T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw new CodegenError(`${name} must be ${allowed.join(", ")}, not "${value}"`);
  return found;
}

/** Parses `long=bigint,import_extension=js`. @throws {@link CodegenError} */
export function parseParameter(parameter: string): GenerateOptions {
  let options = DEFAULT_OPTIONS;
  for (const part of parameter.split(",")) {
    const [name = "", value = ""] = part.trim().split("=", 2);
    if (name === "long") options = { ...options, long: oneOf(name, value, LONG_TYPES) };
    else if (name === "import_extension")
      options = { ...options, importExtension: oneOf(name, value.replace(/^\./, ""), IMPORT_EXTENSIONS) };
    else if (name !== "") throw new CodegenError(`unknown parameter "${name}": known are long and import_extension`);
  }
  return options;
}
