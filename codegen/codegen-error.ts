/** Problems in what the user gave: `.proto` files, folders, missing tools. Shown line by line, without a stack. */
export class CodegenError extends Error {
  override readonly name = "CodegenError";
  /** One line each; `file:line:column: what is wrong` where there is a place. */
  readonly problems: readonly string[];

  constructor(problems: string | readonly string[], options?: { cause?: unknown }) {
    const lines = typeof problems === "string" ? [problems] : problems;
    super(lines.join("\n"), options);
    this.problems = lines;
  }
}
