/** The README's program as a project, so that what newcomers copy is what the checks run. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const BLOCK = /^```(?<language>ts|proto)\n(?<text>.*?)^```$/gms;

/**
 * Writes the first ts block as `program.ts`, and each proto block to the file that its first line names:
 * `// proto/echo.proto`. @returns false when there is no ts block.
 */
export function writeReadmeProject(readme, project) {
  const blocks = [...readFileSync(readme, "utf8").matchAll(BLOCK)].map(({ groups }) => groups);
  const program = blocks.find(({ language }) => language === "ts");
  if (program === undefined) return false;
  writeFileSync(join(project, "program.ts"), program.text);
  for (const { language, text } of blocks) {
    const path = /^\/\/ (\S+\.proto)$/m.exec(text)?.[1];
    if (language !== "proto" || path === undefined) continue;
    mkdirSync(dirname(join(project, path)), { recursive: true });
    writeFileSync(join(project, path), text);
  }
  return true;
}
