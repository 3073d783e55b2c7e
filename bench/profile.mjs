#!/usr/bin/env node
/**
 * `node profile.mjs <contender> <scenario> [--keep folder]`: where the time goes. One run of each:
 * 1. plain: CPU time in user and kernel mode, and context switches, per call;
 * 2. with --cpu-prof on both sides: self time by function (`--keep`: the .cpuprofile files stay there);
 * 3. under strace, where it is installed: system calls per call.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CONTENDERS } from "./contenders/index.mjs";
import { freePort, launchRole } from "./lib/launch.mjs";
import { jobOf } from "./lib/measure.mjs";
import { contextSwitches, cpuTimes } from "./lib/proc.mjs";
import { selfTimes } from "./lib/self-times.mjs";
import { sleep } from "./scenarios/client.mjs";
import { SCENARIOS } from "./scenarios/index.mjs";

const WARMUP_S = 0.8;
const SECONDS = 2.5;
const SETTLED_MS = 1100; // after the client has started: warm-up is over
const WINDOW_MS = 1600; // of steady load, observed from outside

const print = (text) => process.stdout.write(`${text}\n`);
const { values, positionals } = parseArgs({ allowPositionals: true, options: { keep: { type: "string" } } });
const [name, scenarioName] = positionals;
const contender = CONTENDERS[name];

const refused = refusal();
if (refused !== undefined) {
  process.stderr.write(`${refused}\n`);
  process.exit(2);
}
await plain();
await selfTimeByFunction();
if (spawnSync("strace", ["-V"]).status === 0) await systemCalls();
else print("  system calls: strace is not installed");

function refusal() {
  if (contender === undefined || SCENARIOS[scenarioName] === undefined)
    return "usage: node profile.mjs <contender> <scenario> [--keep folder]";
  if (contender.program !== undefined) return `${name} is not a Node.js program`;
  if (contender.broker !== undefined || SCENARIOS[scenarioName].relay)
    return "brokers and relays are not profiled: choose a contender and a scenario without";
  if (contender.scenarios !== undefined && !contender.scenarios.includes(scenarioName)) return `${name} has no scenario ${scenarioName}`;
}

/** Runs both sides and gives the client's result; meanwhile `observe(serverPid, clientPid)` may look at them. */
async function run({ nodeFlags = () => [], observe = async () => undefined }) {
  const port = await freePort();
  const job = { ...contender.opts, ...jobOf(name, contender, scenarioName), seconds: SECONDS, warmup: WARMUP_S };
  Object.assign(job, { port, serverPort: port, clientPort: await freePort(), relayPorts: [] });
  const server = launchRole("server", job, contender, { nodeFlags: nodeFlags("server") });
  try {
    await server.wait("READY", 10_000);
    job.pids.push(server.pid);
    const client = launchRole("client", job, contender, { nodeFlags: nodeFlags("client") });
    try {
      const [result, observed] = await Promise.all([client.wait("RESULT", 30_000), observe(server.pid, client.pid)]);
      if (result.value === undefined) throw new Error(result.error ?? `${name} does not offer ${scenarioName}`);
      return { result, observed };
    } finally {
      await client.end(4_000);
    }
  } finally {
    await server.end(4_000);
  }
}

async function plain() {
  const read = (pid) => ({ ...cpuTimes(pid), switches: contextSwitches(pid) });
  const { result, observed } = await run({
    async observe(...pids) {
      await sleep(SETTLED_MS);
      const before = pids.map(read);
      await sleep(WINDOW_MS);
      return pids.map(read).map((after, i) => ({
        user: after.user - before[i].user,
        kernel: after.kernel - before[i].kernel,
        switches: after.switches - before[i].switches,
      }));
    },
  });
  print(`${name} ${scenarioName}: ${Math.round(result.value)} ${SCENARIOS[scenarioName].metric}`);
  const count = result.value * (WINDOW_MS / 1000);
  for (const [i, role] of ["server", "client"].entries()) {
    const { user, kernel, switches } = observed[i];
    const busy = (((user + kernel) * 1000) / WINDOW_MS) * 100;
    print(
      `  ${role}: user ${((user / count) * 1e6).toFixed(3)} µs, kernel ${((kernel / count) * 1e6).toFixed(3)} µs, ` +
        `context switches ${(switches / count).toFixed(3)} per call; busy ${busy.toFixed(0)} % of a core`,
    );
  }
}

async function selfTimeByFunction() {
  const folder = values.keep ?? mkdtempSync(join(tmpdir(), "clusterts-profile-"));
  mkdirSync(folder, { recursive: true });
  const file = (role) => `${name.replace(":", "-")}-${scenarioName}-${role}.cpuprofile`;
  await run({
    nodeFlags: (role) => ["--cpu-prof", "--cpu-prof-interval", "200", "--cpu-prof-dir", folder, "--cpu-prof-name", file(role)],
  });
  for (const role of ["server", "client"]) {
    print(`  self time, ${role}:`);
    const times = selfTimes(JSON.parse(readFileSync(join(folder, file(role)), "utf8")));
    for (const { where, share } of times.slice(0, 15)) print(`    ${(share * 100).toFixed(1).padStart(5)} %  ${where}`);
  }
  if (values.keep === undefined) rmSync(folder, { recursive: true });
  else print(`  profiles are in ${folder}`);
}

async function systemCalls() {
  const { result, observed } = await run({
    async observe(...pids) {
      await sleep(SETTLED_MS);
      return Promise.all(pids.map(traced));
    },
  });
  print(`  system calls per call (under strace, ${Math.round(result.value)} /s):`);
  const count = result.value * (WINDOW_MS / 1000);
  for (const [i, role] of ["server", "client"].entries()) {
    const counts = [...observed[i].matchAll(/^\s*(\d+)\s+(\w+)$/gm)].filter(([, , call]) => call !== "total").slice(0, 6);
    print(`    ${role}: ${counts.map(([, calls, call]) => `${call} ${(Number(calls) / count).toFixed(4)}`).join(", ")}`);
  }
}

/** What `strace -c` prints about `pid` after the window. */
function traced(pid) {
  return new Promise((resolve) => {
    const strace = spawn("strace", ["-c", "-f", "-U", "calls,name", "-p", String(pid)]);
    let text = "";
    strace.stderr.setEncoding("utf8").on("data", (part) => {
      text += part;
    });
    strace.on("exit", () => resolve(text));
    setTimeout(() => strace.kill("SIGINT"), WINDOW_MS);
  });
}
