/** What a reader of figures has to know: the machine, the versions, the commit. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL("..", import.meta.url));

export function describeMachine() {
  const cpus = os.cpus();
  return {
    cpu: cpus[0]?.model.trim() ?? "unknown",
    cores: cpus.length,
    memoryGiB: Math.round(os.totalmem() / 1024 ** 3),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
    load: readFileSync("/proc/loadavg", "latin1").split(" ").slice(0, 3).join(" "),
    date: new Date().toISOString().slice(0, 16).replace("T", " "),
    commit: commit(),
  };
}

/** `1a2b3c4`, with a remark when tracked files differ from it; results.md itself does not count. */
function commit() {
  const head = git("rev-parse", "--short", "HEAD");
  if (head === undefined) return "unknown (no git)";
  const changed = git("status", "--porcelain", "--untracked-files=no", ":/", ":(exclude)results.md");
  return changed === "" ? head : `${head} with changes that are not committed`;
}

function git(...args) {
  const { status, stdout } = spawnSync("git", args, { cwd: HERE, encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}
