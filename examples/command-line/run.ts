/**
 * Runs the commands of docs/guides/command-line.md, all of them in their order, as one shell script: what the page shows
 * is what happens. `npx clusterts` is this checkout there.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(join(root, "docs/guides/command-line.md"), "utf8");
const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)\n```$/gm)].map(([, block]) => block!);
const script = blocks.join("\n").replace(/^(.*\S) +# fails$/gm, 'if $1; then echo "it should have failed"; exit 1; fi');
const tsx = import.meta.resolve("tsx");

const folder = mkdtempSync(join(tmpdir(), "clusterts-command-line-"));
try {
  mkdirSync(join(folder, "bin"));
  const npx = `#!/bin/sh\ncase "$1" in\n  clusterts) shift; exec node --import "${tsx}" "${root}/src/cli/main.ts" "$@" ;;\n  tsx) shift; exec node --import "${tsx}" "$@" ;;\nesac\nexit 127\n`;
  writeFileSync(join(folder, "bin/npx"), npx);
  chmodSync(join(folder, "bin/npx"), 0o755);
  cpSync(join(root, "examples/echo/proto"), join(folder, "proto"), { recursive: true });
  writeFileSync(join(folder, "node.ts"), `import ${JSON.stringify(join(root, "examples/command-line/node.ts"))};\n`);
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  // What is started in the background ends with the script.
  writeFileSync(join(folder, "script.sh"), `trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\nset -e\n${script}\n`);
  const child = spawn("bash", ["-x", "script.sh"], {
    cwd: folder,
    stdio: "inherit",
    env: {
      ...process.env,
      PATH: [join(folder, "bin"), process.env.PATH].join(delimiter),
      TSX_TSCONFIG_PATH: join(root, "tsconfig.json"),
    },
  });
  const [code] = await once(child, "exit");
  process.exitCode = code ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
