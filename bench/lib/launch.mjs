/** Starts one role of one contender, and finds ports and cores for it. */
import net from "node:net";
import os from "node:os";
import { fileURLToPath } from "node:url";
import { Role } from "./role.mjs";

const WORKER = fileURLToPath(new URL("../worker.mjs", import.meta.url));
const FIRST_PORT = 20_000;
const LAST_PORT = 32_700; // outgoing connections take theirs from 32768 on

/**
 * Cores for taskset. `split`: servers, relays and brokers on core 0, the client on core 1; `halves`: on the lower and the
 * upper half of all cores; `same`: all on core 0; or two cores or ranges, `2,3` or `0-3,4-7`.
 */
export function coresOf(pin) {
  if (pin === undefined) return undefined;
  const text = { split: "0,1", same: "0,0", halves: halves(os.cpus().length) }[pin] ?? pin;
  const match = /^(\d+(?:-\d+)?),(\d+(?:-\d+)?)$/.exec(text);
  if (match === null) throw new Error(`--pin ${pin}: expected split, halves, same, or two cores or ranges such as 2,3 or 0-3,4-7`);
  return { server: match[1], client: match[2] };
}

function halves(cores) {
  const middle = Math.max(1, cores >> 1);
  return `0-${middle - 1},${middle}-${Math.max(middle, cores - 1)}`;
}

/** Runs `command` on its role's core when there is one. */
export function launch(name, role, command, args, cores) {
  if (cores === undefined) return new Role(`${name}:${role}`, command, args);
  return new Role(`${name}:${role}`, "taskset", ["-c", role === "client" ? cores.client : cores.server, command, ...args]);
}

/** Starts `worker.mjs`, or the contender's own program, with `job` as its options. */
export function launchRole(role, job, contender, { cores, nodeFlags = [] } = {}) {
  const json = JSON.stringify(job);
  if (contender.program !== undefined) return launch(job.name, role, contender.program, [role, json], cores);
  return launch(job.name, role, process.execPath, ["--expose-gc", "--no-warnings", ...nodeFlags, WORKER, role, json], cores);
}

let nextPort = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));

/** A port nobody listens on, below those of outgoing connections. */
export async function freePort() {
  for (let tries = 0; tries < 200; tries++) {
    nextPort = nextPort < LAST_PORT ? nextPort + 1 : FIRST_PORT;
    if (await canListen(nextPort)) return nextPort;
  }
  throw new Error(`no free port among 200 below ${nextPort}`);
}

function canListen(port) {
  return new Promise((resolve) => {
    const probe = net.createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

/** Resolves when something accepts connections on `port`. @throws after `timeoutMs`. */
export async function untilListening(port, timeoutMs) {
  const giveUpAt = performance.now() + timeoutMs;
  while (performance.now() < giveUpAt) {
    const open = await new Promise((resolve) => {
      const socket = net.connect(port, "127.0.0.1", () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nothing listens on port ${port} after ${timeoutMs} ms`);
}
