/** The README's program as a project, so that what newcomers copy is what the checks run. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const BLOCK = /^```(?<language>ts|proto|sh)\n(?<text>.*?)^```$/gms;

/**
 * Writes the first ts block as `program.ts`, and each other block to the file that its first line names:
 * `// proto/echo.proto`. @returns false when there is no ts block.
 */
export function writeReadmeProject(readme, project) {
  const blocks = [...readFileSync(readme, "utf8").matchAll(BLOCK)].map(({ groups }) => groups);
  const program = blocks.find(({ language }) => language === "ts");
  if (program === undefined) return false;
  writeFileSync(join(project, "program.ts"), program.text);
  for (const { language, text } of blocks) {
    const path = /^\/\/ (\S+\.(?:proto|ts))\n/.exec(text)?.[1];
    if (language === "sh" || path === undefined) continue;
    mkdirSync(dirname(join(project, path)), { recursive: true });
    writeFileSync(join(project, path), text);
  }
  return true;
}

/** The shell commands that run the README's programs as processes, those that follow `// client.ts`. */
export function processCommands(readme) {
  const blocks = [...readFileSync(readme, "utf8").matchAll(BLOCK)].map(({ groups }) => groups);
  const client = blocks.findIndex(({ text }) => text.startsWith("// client.ts\n"));
  return blocks.slice(client).find(({ language }) => language === "sh")?.text;
}
