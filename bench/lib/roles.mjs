/** For measurements of clusterts alone, of two processes that are one file: the runner starts it again in its other role. */
import { createNode, parseAddress } from "clusterts";
import { memory } from "clusterts/discovery";
import { launch } from "./launch.mjs";

const SECRET = "0123456789abcdef0123456789abcdef"; // 32 bytes

/** `[role, job]` when this process was started by {@link startRole}; nothing in the runner. */
export function ownRole() {
  const [role, job] = process.argv.slice(2);
  return role === "server" || role === "client" ? [role, JSON.parse(job)] : [];
}

/** Starts `file` in another role; it gets `job`. `flags` are for Node.js. */
export function startRole(file, role, job, { cores, flags = [] } = {}) {
  return launch("clusterts", role, process.execPath, ["--expose-gc", ...flags, file, role, JSON.stringify(job)], cores);
}

/** Says `kind`, READY or RESULT, to the runner. */
export function tell(kind, value = {}) {
  process.stdout.write(`${kind} ${JSON.stringify(value)}\n`);
}

/** A node that knows where the others are: `{ "1.1.1": "127.0.0.1:8011" }`. */
export function nodeAmong(endpoints, address, options = {}) {
  const discovery = memory();
  for (const [text, endpoint] of Object.entries(endpoints)) discovery.put({ address: parseAddress(text), endpoint });
  return createNode({ address, discovery, secrets: [SECRET], ...options });
}

/** The server's process ends with its runner. */
export function endWithStdin() {
  process.stdin.on("end", () => process.exit()).resume();
}

/** Bytes in use after a collection. */
export function memoryInUse() {
  for (let i = 0; i < 3; i++) globalThis.gc();
  return process.memoryUsage();
}
