/** Text in columns, for people. */

/** Numbers and what has no value stand as they are; columns are as wide as their widest cell. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const shown = rows.map((row) => row.map(plain));
  const widths = header.map((title, column) => Math.max(title.length, ...shown.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd();
  return `${[header, ...shown].map(line).join("\n")}\n`;
}

/** What others wrote must not steer the terminal, nor look like a row of its own. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, "0")}`);
}
