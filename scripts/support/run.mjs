/** Runs programs for the checks: quiet while all is well, what they said last once they fail. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "..", "..");

/** @returns what it wrote to stdout. @throws Error with the end of its output when it fails or takes longer than `timeoutMs` (default 5 minutes). */
export function run(command, args, { cwd = ROOT, env = process.env, timeoutMs = 300_000 } = {}) {
  const options = { cwd, env, timeout: timeoutMs, killSignal: "SIGKILL", encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] };
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, { ...options, maxBuffer: 64 * 1024 ** 2 });
  if (status === 0) return stdout;
  const reason = error?.code === "ETIMEDOUT" ? `no end within ${timeoutMs} ms` : (error?.message ?? signal ?? `exit code ${status}`);
  throw new Error(`${command} ${args.join(" ")}\nin ${cwd}: ${reason}\n${endOf(`${stdout ?? ""}${stderr ?? ""}`)}`);
}

function endOf(output) {
  const lines = output.trimEnd().split("\n").slice(-100);
  return lines.map((line) => (line.length > 400 ? `${line.slice(0, 400)}...` : line)).join("\n");
}

/** Runs `check`, says how it went in one line, and leaves the exit code of this process at 1 when it failed. */
export async function report(name, check) {
  const startedAt = performance.now();
  try {
    const note = await check();
    console.log(`ok    ${name}${note ? `: ${note}` : ""} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
  } catch (error) {
    console.log(`FAIL  ${name}\n${String(error instanceof Error ? error.message : error).replace(/^/gm, "    | ")}`);
    process.exitCode = 1;
  }
}
