/**
 * `node kcp.mjs [--rounds 5] [--sessions 5000] [--seconds 20]`: KCP beside kcp-go, and what idle sessions cost.
 *
 * Echoes of 1 MiB in stream mode, with the same settings (no delay, 10 ms, resend 2, no congestion window, windows of 512), through the same lossy relay,
 * one after the other in each round: ours against ours, kcp-go against kcp-go. Then idle sessions on one listener. Needs Go and Debian's
 * golang-github-xtaci-kcp-dev for the first part. Prints one PASS or FAIL line per gate and ends with status 1 when one fails.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { cpuSeconds } from "./lib/proc.mjs";
import { median } from "./lib/stats.mjs";

const BYTES = 1024 ** 2;
const LOSSES = [0, 0.01, 0.1];
const GOPATH = "/usr/share/gocode";
const MAX_RATIO = 1.5;
const MAX_IDLE_CORE = 0.02;
const CLIENT_MS = 60_000;
/** Rounds that do not count, and sessions of a client of which the last one counts: players and gateways are long-lived, and warm. */
const WARM_UPS = 2;
const CLIENT_SESSIONS = 4;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    sessions: { type: "string", default: "5000" },
    seconds: { type: "string", default: "20" },
  },
});
const folder = mkdtempSync(join(tmpdir(), "clusterts-kcp-bench-"));
const gates = [];
function kcpGo() {
  if (!existsSync(join(GOPATH, "src/github.com/xtaci/kcp-go"))) throw new Error("apt-get install golang-go golang-github-xtaci-kcp-dev");
  const program = join(folder, "kcp-go-peer");
  const source = join(import.meta.dirname, "../test/interop/kcp/kcp-go-peer.go");
  const { status, stderr } = spawnSync("go", ["build", "-o", program, source], {
    env: { ...process.env, GO111MODULE: "off", GOPATH },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return program;
}

async function compareEchoes(program) {
  const go = (...args) => new Process(program, args);
  for (const loss of LOSSES) {
    const ours = await contender(peerOfOurs, loss);
    const theirs = await contender(go, loss);
    for (let round = -WARM_UPS; round < Number(values.rounds); round++) {
      for (const one of round % 2 === 0 ? [ours, theirs] : [theirs, ours]) {
        const ms = await echo(one.peer, one.port);
        if (round >= 0) one.times.push(ms);
      }
    }
    for (const process of [...ours.processes, ...theirs.processes]) process.end();
    const ratio = median(ours.times) / median(theirs.times);
    console.log(`${loss * 100} % loss: clusterts ${range(ours.times)} ms, kcp-go ${range(theirs.times)} ms, ratio ${ratio.toFixed(2)}`);
    if (loss === LOSSES.at(-1)) {
      const text = `1 MiB echo at ${loss * 100} % loss: ${ratio.toFixed(2)} times kcp-go's time, at most ${MAX_RATIO}`;
      gates.push({ ok: ratio <= MAX_RATIO, text });
    }
  }
}

/** A server behind a relay, for all rounds; each echo has a client process of its own. */
async function contender(peer, loss) {
  const server = peer("server", "127.0.0.1:0", "stream");
  const relay = peerOfOurs("relay", `${await server.says("LISTENING")}`, `${loss}`);
  return { peer, port: await relay.says("LISTENING"), processes: [server, relay], times: [] };
}

function peerOfOurs(...args) {
  return new Process(process.execPath, ["--expose-gc", join(import.meta.dirname, "kcp-peer.mjs"), ...args]);
}

function range(times) {
  const round = (ms) => ms.toFixed(0);
  return `${round(median(times))} (${round(Math.min(...times))}–${round(Math.max(...times))})`;
}

async function echo(peer, port) {
  const client = peer("client", `127.0.0.1:${port}`, "stream", `${BYTES}`, `${CLIENT_SESSIONS}`);
  const timer = setTimeout(() => client.end(), CLIENT_MS);
  try {
    return Number(await client.says("ECHOED"));
  } finally {
    clearTimeout(timer);
    client.end();
  }
}

async function idleSessions(sessions, kind) {
  const server = peerOfOurs("server", "127.0.0.1:0");
  const port = await server.says("LISTENING");
  const before = await server.figures();
  const client = peerOfOurs("idle", `127.0.0.1:${port}`, `${sessions}`, kind);
  try {
    await client.says("OPEN");
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const after = await server.figures();
    const startedAt = performance.now();
    const cpuBefore = cpuSeconds(server.pid);
    await new Promise((resolve) => setTimeout(resolve, Number(values.seconds) * 1_000));
    const core = ((cpuSeconds(server.pid) - cpuBefore) * 1_000) / (performance.now() - startedAt);
    const perSession = (after.rss - before.rss) / sessions / 1_024;
    console.log(
      `${after.sessions} idle sessions, ${kind}: ${(core * 100).toFixed(2)} % of a core, ${perSession.toFixed(1)} KiB of memory per session`,
    );
    gates.push({
      ok: core <= MAX_IDLE_CORE && after.sessions === sessions,
      text: `${sessions} idle sessions, ${kind}: ${(core * 100).toFixed(2)} % of a core, less than ${MAX_IDLE_CORE * 100} %`,
    });
  } finally {
    client.end();
    server.end();
  }
}

class Process {
  constructor(program, args) {
    this.child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  get pid() {
    return this.child.pid;
  }

  async says(word) {
    const { value = "" } = await this.lines.next();
    if (!value.startsWith(word)) throw new Error(`expected ${word}, got "${value}"`);
    return value.slice(word.length + 1);
  }

  async figures() {
    this.child.stdin.write("\n");
    return JSON.parse(await this.says("FIGURES"));
  }

  end() {
    this.child.kill();
  }
}

try {
  await compareEchoes(kcpGo());
  if (Number(values.sessions) > 0) await idleSessions(Number(values.sessions), "quiet");
  if (Number(values.sessions) > 0) await idleSessions(Number(values.sessions), "keepalive");
} finally {
  rmSync(folder, { recursive: true });
}
for (const { ok, text } of gates) console.log(`${ok ? "PASS" : "FAIL"}  ${text}`);
process.exitCode = gates.every(({ ok }) => ok) ? 0 : 1;
