// node profile.mjs <contender> <scenario> [json opts]: where the time goes. One run of each:
//  1. plain: user and kernel CPU seconds per 100k calls, context switches per call
//  2. with --cpu-prof on both sides: self time by function
//  3. under strace -c -f (if there): system calls per call

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Role } from "./lib/proc.mjs";

const [module, scenario, extra] = process.argv.slice(2);
const worker = fileURLToPath(new URL("./worker.mjs", import.meta.url));
let port = 19000 + Math.floor(Math.random() * 900);
const stat = (pid) => {
  const s = readFileSync(`/proc/${pid}/stat`, "latin1");
  const f = s.slice(s.lastIndexOf(")") + 2).split(" ");
  const st = readFileSync(`/proc/${pid}/status`, "latin1");
  const n = (k) => Number(new RegExp(`^${k}:\\s+(\\d+)`, "m").exec(st)[1]);
  return { user: Number(f[11]) / 100, sys: Number(f[12]) / 100, vol: n("voluntary_ctxt_switches"), invol: n("nonvoluntary_ctxt_switches") };
};
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

async function run(flags, during, seconds = 2) {
  const o = {
    ...JSON.parse(extra ?? "{}"),
    module,
    name: module,
    scenario,
    seconds,
    warmup: 0.8,
    host: "127.0.0.1",
    port: ++port,
    serverPort: port,
    pids: [],
  };
  const args = (role) => ["--expose-gc", "--no-warnings", ...flags(role), worker, role, JSON.stringify(o)];
  const server = new Role("server", process.execPath, args("server"));
  await server.wait("READY", 8000);
  o.pids = [server.pid];
  const client = new Role("client", process.execPath, args("client"));
  const mid = during ? during(server.pid, client.pid, seconds) : null;
  const r = await client.wait("RESULT", 30000);
  const x = await mid;
  await sleep(100);
  server.child.stdin.end();
  client.child.stdin.end();
  await Promise.race([Promise.all([server.exited, client.exited]), sleep(4000)]);
  await server.kill();
  await client.kill();
  return { r, x };
}

// 1
{
  const { r, x } = await run(
    () => [],
    async (s, c, seconds) => {
      await sleep(1100);
      const a = [stat(s), stat(c)];
      await sleep(seconds * 1000 - 400);
      const b = [stat(s), stat(c)];
      return a.map((_, i) => Object.fromEntries(Object.keys(a[i]).map((k) => [k, b[i][k] - a[i][k]])));
    },
  );
  const _n = r.value * 1.6;
  ["server", "client"].forEach((_w, _i) => {});
}
// 2
{
  const dir = mkdtempSync(join(tmpdir(), "prof-"));
  await run(
    (role) => ["--cpu-prof", "--cpu-prof-interval", "200", "--cpu-prof-dir", dir, "--cpu-prof-name", `${role}.cpuprofile`],
    null,
    2,
  );
  for (const f of readdirSync(dir)) {
    const p = JSON.parse(readFileSync(join(dir, f)));
    const self = new Map();
    const byId = new Map(p.nodes.map((n) => [n.id, n]));
    let _total = 0;
    p.samples.forEach((id, i) => {
      const n = byId.get(id);
      const name = `${n.callFrame.functionName || "(anonymous)"} ${n.callFrame.url.split("/").slice(-1)[0]}${n.callFrame.lineNumber > 0 ? `:${n.callFrame.lineNumber + 1}` : ""}`;
      if (name.startsWith("(idle)")) return;
      self.set(name, (self.get(name) ?? 0) + p.timeDeltas[i]);
      _total += p.timeDeltas[i];
    });
  }
  rmSync(dir, { recursive: true });
}
// 3
if (spawnSync("strace", ["-V"]).status === 0) {
  const { r, x } = await run(
    () => [],
    async (s, c) => {
      await sleep(900);
      const one = (pid) =>
        new Promise((res) => {
          const t = spawn("strace", ["-c", "-f", "-U", "calls,name", "-p", String(pid)]);
          let out = "";
          t.stderr.on("data", (d) => {
            out += d;
          });
          t.on("exit", () => res(out));
          setTimeout(() => t.kill("SIGINT"), 1200);
        });
      const before = Date.now();
      const [a, b] = await Promise.all([one(s), one(c)]);
      return { a, b, ms: Date.now() - before };
    },
    2.5,
  );
  const _top = (t) =>
    [...t.matchAll(/^\s*(\d+)\s+(\w+)$/gm)]
      .slice(0, 6)
      .map((m) => `${m[2]} ${(Number(m[1]) / (r.value * 1.2)).toFixed(4)}`)
      .join(", ");
}
