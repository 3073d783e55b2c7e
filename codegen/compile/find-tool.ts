/** Finds a program as npm scripts would: in the `node_modules/.bin` of the project and of the folders above it, then on the PATH. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

export function findTool(name: string, from: string, path: string | undefined): string | undefined {
  const folders: string[] = [];
  for (let folder = from; ; folder = dirname(folder)) {
    folders.push(join(folder, "node_modules", ".bin"));
    if (dirname(folder) === folder) break;
  }
  folders.push(...(path ?? "").split(delimiter).filter((folder) => folder !== ""));
  const endings = process.platform === "win32" ? [".exe", ".cmd"] : [""];
  for (const folder of folders) {
    for (const ending of endings) {
      const file = join(folder, name + ending);
      if (isProgram(file)) return file;
    }
  }
  return undefined;
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false; // absent, or not ours to run
  }
}
