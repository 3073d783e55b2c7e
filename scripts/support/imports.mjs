/** The import and export statements of a module that begin a line, as formatters and compilers leave them, and `import("...")`. */
const STATEMENT = /^(?:import|export)\s+(?<type>type\s)?(?:[^"'`;]*?\sfrom\s+)?"(?<specifier>[^"]+)"|\bimport\("(?<lazy>[^"]+)"\)/gm;
const COMMENT = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm;

/** @returns for each import its `specifier`, `isType` (gone after compiling) and `isLazy` (a call of `import()`). */
export function importsIn(text) {
  return [...text.replace(COMMENT, "").matchAll(STATEMENT)].map(({ groups: { type, specifier, lazy } }) => {
    return { specifier: specifier ?? lazy, isType: type !== undefined, isLazy: lazy !== undefined };
  });
}
