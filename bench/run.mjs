#!/usr/bin/env node
// node run.mjs [--only a,b] [--scenario A,B64] [--seconds 2] [--warmup 0.7] [--rounds 5]
//              [--external name=/path/to/binary[,relays=2]]... [--json out.json] [--from out.json] [--idle 10000]
//              [--pin split|same]   server on core 0 and client on core 1, or all on core 0; or two
//                                    core numbers, e.g. 1,1 (taskset)
// Forks one process per role, interleaves the contenders within each scenario and
// round, and prints medians with the ratio to the floor measured in the same run.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CONTENDERS } from "./contenders/index.mjs";
import { Role } from "./lib/proc.mjs";
import { fmt, median, shuffle, table } from "./lib/stats.mjs";
import { SCENARIOS } from "./scenarios.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const args = { seconds: 2, warmup: 0.7, rounds: 3, floor: "floor-raw", external: [] };
for (let i = 2; i < process.argv.length; i++) {
  const k = process.argv[i].replace(/^--/, "");
  const v = process.argv[++i];
  if (k === "external") args.external.push(v);
  else if (["seconds", "warmup", "rounds", "idle"].includes(k)) args[k] = Number(v);
  else args[k] = v;
}
const list = { ...CONTENDERS };
for (const e of args.external) {
  const [, name, bin, relays] = /^([^=]+)=([^,]+)(?:,relays=(\d+))?$/.exec(e);
  list[name] = { bin, relays: relays ? Number(relays) : 1 };
}
for (const [n, c] of Object.entries(list))
  if (c.bin && !existsSync(c.bin)) {
    delete list[n];
  }
const names = args.only ? args.only.split(",") : Object.keys(list).filter((n) => !list[n].optional);
for (const n of names) if (!list[n]) throw new Error(`unknown contender ${n}`);
const scenarios = args.scenario
  ? args.scenario.split(",").flatMap((s) => (SCENARIOS[s] ? [s] : Object.keys(SCENARIOS).filter((k) => k.startsWith(s))))
  : Object.keys(SCENARIOS);

let nextPort = 20000 + Math.floor(Math.random() * 3000) * 4; // below the ephemeral range
const port = () => {
  nextPort += 1;
  if (nextPort > 32700) nextPort = 20000;
  return nextPort;
};
const cores = args.pin && ({ split: "0,1", same: "0,0" }[args.pin] ?? args.pin).split(",");
const pinned = (role, cmd, a) => (cores ? ["taskset", ["-c", cores[role === "client" ? 1 : 0], cmd, ...a]] : [cmd, a]);
const program = (role, o, bin) =>
  new Role(
    `${o.name}:${role}`,
    ...pinned(role, bin ?? process.execPath, [
      ...(bin ? [] : ["--expose-gc", "--no-warnings", join(here, "worker.mjs")]),
      role,
      JSON.stringify(o),
    ]),
    { env: { NODE_ENV: "production" } },
  );

async function once(name, scName) {
  const c = list[name];
  const sc = SCENARIOS[scName];
  if (c.scenarios && !c.scenarios.includes(scName)) return { skip: true };
  const roles = [];
  const start = (role, o) => {
    const r = program(role, o, c.bin);
    roles.push(r);
    return r;
  };
  const o = {
    ...c.opts,
    name,
    module: c.module ?? name,
    scenario: scName,
    seconds: args.seconds,
    warmup: args.warmup,
    idleStreams: args.idle,
    bytes: !!sc.bytes,
    host: "127.0.0.1",
    pids: [],
  };
  try {
    if (c.broker) {
      o.brokerPort = port();
      const b = new Role(`${name}:broker`, c.broker.cmd, c.broker.args(o.brokerPort));
      roles.push(b);
      await new Promise((r) => setTimeout(r, 250));
      o.brokerPid = b.pid;
    }
    o.port = port();
    o.serverPort = o.port;
    o.clientPort = port();
    o.relayPorts = sc.relay ? [port(), port()] : [];
    const server = start("server", o);
    await server.wait("READY", 10000);
    o.pids.push(server.pid);
    if (sc.relay && !c.brokerIsRelay) {
      const relays = c.relays ?? 1;
      for (let i = 0; i < relays; i++) {
        const r = start("relay", { ...o, role: "relay", relayIndex: i, upstreamPort: o.serverPort, port: o.relayPorts[i] });
        await r.wait("READY", 10000);
        o.pids.push(r.pid);
      }
      o.port = o.relayPorts[0];
      o.viaRelay = true;
    }
    if (o.brokerPid) o.pids.push(o.brokerPid);
    const client = start("client", o);
    return await client.wait("RESULT", (args.seconds + args.warmup) * 1000 + 25000);
  } catch (e) {
    return { error: String(e.message ?? e).slice(0, 600) };
  } finally {
    for (const r of roles.reverse()) await r.kill();
  }
}

const all = args.from ? JSON.parse(readFileSync(args.from)).all : {}; // scenario -> contender -> results
if (args.from) args.rounds = 0; // only print
const _began = Date.now();
for (let round = 0; round < args.rounds; round++) {
  for (const s of scenarios) {
    for (const n of shuffle(names)) {
      const r = await once(n, s);
      ((all[s] ??= {})[n] ??= []).push(r);
      const _short = r.skip ? "skip" : r.error ? `ERROR ${r.error.split("\n")[0]}` : fmt(r.value);
      if (args.json) writeFileSync(args.json, JSON.stringify({ args, load: readFileSync("/proc/loadavg", "latin1").trim(), all }, null, 1));
    }
  }
}

const EXTRA = [
  ["p50us", "p50 µs"],
  ["p99us", "p99 µs"],
  ["cpu100k", "CPU s/100k (all)"],
  ["cpuClient100k", "client"],
  ["cpuServer100k", "server"],
  ["cpuPerGB", "CPU s/GB"],
  ["clientBytes", "client bytes/stream"],
  ["openMs", "open ms"],
];
export function report(all, floor) {
  const out = [];
  for (const [s, by] of Object.entries(all)) {
    const sc = SCENARIOS[s];
    const ok = (n) => (by[n] ?? []).filter((r) => Number.isFinite(r?.value));
    const extra = EXTRA.filter(([k]) => Object.keys(by).some((n) => ok(n).some((r) => k in r)));
    const rows = [];
    for (const n of Object.keys(by)) {
      const rs = ok(n);
      if (!rs.length) {
        const bad = by[n].find((r) => r?.error);
        if (bad) rows.push({ v: -Infinity, cells: [n, "error", "", bad.error.split("\n")[0].slice(0, 80)] });
        continue;
      }
      // ratio of paired rounds, then the median: noise that slows a whole round cancels out
      const ratios = by[n].map((r, i) => (r?.value ?? NaN) / (by[floor]?.[i]?.value ?? NaN));
      const v = median(rs.map((r) => r.value));
      const spread = rs.length > 1 ? `${fmt(Math.min(...rs.map((r) => r.value)))}–${fmt(Math.max(...rs.map((r) => r.value)))}` : "";
      rows.push({ v, cells: [n, fmt(v), fmt(median(ratios)), spread, ...extra.map(([k]) => fmt(median(rs.map((r) => r[k]))))] });
    }
    if (!rows.length) continue;
    rows.sort((a, b) => (sc.down ? a.v - b.v : b.v - a.v));
    out.push(
      `\n### ${sc.title}\n`,
      table(
        ["contender", sc.metric, `× ${floor}`, "min–max", ...extra.map((e) => e[1])],
        rows.map((r) => r.cells),
      ),
    );
  }
  return out.join("\n");
}
