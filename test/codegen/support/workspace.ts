/** A project of its own for one test: folders with `.proto` files, the tools of this repository, and what gets generated. */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { runCommandLine } from "../../../src/cli/commands.js";

const ROOT = resolve(import.meta.dirname, "../../..");

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class Workspace implements Disposable {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), "clusterts-test-")));

  /** @param tools - whether buf and ts-proto can be found. */
  constructor(files: Readonly<Record<string, string>> = {}, tools = true) {
    if (tools) symlinkSync(join(ROOT, "node_modules"), join(this.folder, "node_modules"), "junction");
    this.write(files);
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.folder, path)), { recursive: true });
      writeFileSync(join(this.folder, path), text);
    }
  }

  read(path: string): string {
    return readFileSync(join(this.folder, path), "utf8");
  }

  /** Runs `clusterts` with these arguments in the workspace; only Node.js itself is on the PATH. */
  async run(...args: string[]): Promise<Outcome> {
    const said = { stdout: "", stderr: "" };
    const code = await runCommandLine(args, {
      cwd: this.folder,
      env: { PATH: [dirname(process.execPath), "/bin"].join(delimiter) },
      stdout: (text) => {
        said.stdout += text;
      },
      stderr: (text) => {
        said.stderr += text;
      },
      isTerminal: false,
      signal: new AbortController().signal,
    });
    return { code, ...said };
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
