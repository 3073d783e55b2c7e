/**
 * A fresh clone on other versions of Node.js, with nothing but that Node.js, npm and git, and an empty home: it installs,
 * examples run, its tests pass. Usage: check-node.mjs <version...>, as npm names them: 20.19.0 22 24
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, report, run } from "./support/run.mjs";

/** Everything that may be found on the PATH. */
const PROGRAMS = ["npm", "npx", "git", "sh"];

/** The README's first command, and one of each other kind. */
const EXAMPLES = ["example:echo", "example:services", "example:testing"];
/** What takes long and asks nothing of Node.js that the rest does not. */
const LEFT_OUT = [
  ...["cli", "codegen", "docs", "fault", "harbor", "inspector", "interop", "kcp", "process"].map((folder) => `test/${folder}/**`),
  "test/link/interleavings.test.ts",
  "test/node/*harbor-processes.test.ts",
  "test/node/stream-calls.test.ts",
  "test/discovery/server/**",
  "test/gateway/{attacks,processes}.test.ts",
];

for (const version of process.argv.slice(2)) await checkVersion(version);

async function checkVersion(wanted) {
  const folder = mkdtempSync(join(tmpdir(), "clusterts-node-"));
  try {
    const env = environment(wanted, folder);
    const node = join(env.PATH, "node");
    const clone = join(folder, "clone");
    const inClone = (...command) => run(command[0], command.slice(1), { cwd: clone, env });
    const name = `Node.js ${run(node, ["--version"]).trim()}`;
    await report(`${name}: npm install in a fresh clone`, () => {
      run("git", ["clone", "--quiet", "--no-hardlinks", ROOT, clone]);
      inClone("npm", "install", "--no-audit", "--no-fund");
      const changes = inClone("git", "status", "--porcelain");
      if (changes !== "") throw new Error(`the install changed files:\n${changes}`);
    });
    await report(`${name}: require and import`, () => inClone(node, join("scripts", "support", "load-entries.mjs")));
    for (const example of EXAMPLES) await report(`${name}: npm run ${example}`, () => void inClone("npm", "run", example));
    await report(
      `${name}: npm test`,
      () => /\d+ passing/.exec(inClone("npm", "test", "--", ...LEFT_OUT.flatMap((files) => ["--ignore", files])))?.[0],
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Downloads that Node.js. What the machine says to npm (registry, certificates) holds for it too, and npm's cache is shared
 * with the user of this script: it has nothing that an empty one would not get.
 */
function environment(version, folder) {
  const home = join(folder, "home");
  const path = join(folder, "bin");
  for (const each of [home, path]) mkdirSync(each);
  run("npm", ["install", "--no-audit", "--no-fund", "--prefix", folder, `node@${version}`]);
  symlinkSync(join(folder, "node_modules", "node", "bin", "node"), join(path, "node"));
  for (const name of PROGRAMS) symlinkSync(realpathSync(run("sh", ["-c", `command -v ${name}`]).trim()), join(path, name));
  const { GIT_CONFIG_GLOBAL } = process.env;
  const configured = (name) => run("npm", ["config", "get", name]).trim();
  const npm = {
    npm_config_cache: configured("cache"),
    npm_config_registry: configured("registry"),
    npm_config_globalconfig: configured("globalconfig"),
  };
  return { HOME: home, PATH: path, CI: "true", NO_COLOR: "1", ...npm, ...(GIT_CONFIG_GLOBAL && { GIT_CONFIG_GLOBAL }) };
}
