/**
 * What the discovery server and those who use it cost, on this machine: `npm run build && node bench/discovery.mjs [join] [loads] [change]`.
 * Prints a line per figure, `ok` or `FAIL` in front; exits with 1 when one is over its bound. Linux only (/proc).
 */
import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { discoveryServer, memory } from "../dist/src/discovery/index.js";
import { makeAddress } from "../dist/src/index.js";
import { internals } from "./lib/internals.mjs";

const { Members, systemClock, systemRandom } = await internals("discovery/members.ts", "internal/system-clock.ts");

const CLOCK_TICKS = 100;
process.setMaxListeners(0); // one per child
process.once("SIGTERM", () => process.exit(1));
const wanted = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "clusterts-bench-"));
try {
  for (const [name, run] of Object.entries({ change: changeAmongMany, join: joinAtOnce, loads: reportLoads })) {
    if (wanted.length === 0 || wanted.includes(name)) await run();
  }
} finally {
  rmSync(folder, { recursive: true });
}

function report(good, text) {
  console.log(`${good ? "ok    " : "FAIL  "}${text}`);
  if (!good) process.exitCode = 1;
}

async function startServer(...args) {
  const cli = new URL("../dist/src/cli/main.js", import.meta.url).pathname;
  const data = join(folder, `${Math.random()}.json`);
  const child = spawn(process.execPath, [cli, "discovery", "--listen", "127.0.0.1:0", "--data", data, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  process.on("exit", () => child.kill("SIGKILL"));
  const [chunk] = await once(child.stdout, "data");
  return { child, endpoint: /listens on (\S+),/.exec(chunk)[1] };
}

/** Seconds of processor time. */
function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
}

function program(name, ...args) {
  const child = fork(new URL(`discovery/${name}`, import.meta.url), args.map(String));
  process.on("exit", () => child.kill("SIGKILL"));
  const heard = [];
  const waiting = [];
  child.on("message", (message) => {
    heard.push(message);
    for (const look of waiting.splice(0)) look();
  });
  child.on("exit", (code) => {
    if (code !== 0) {
      console.error(`${name} ended with ${code}`);
      process.exit(1);
    }
  });
  child.hear = async (type) => {
    for (;;) {
      const index = heard.findIndex((message) => message.type === type);
      if (index >= 0) return heard.splice(index, 1)[0];
      await new Promise((resolve) => waiting.push(resolve));
    }
  };
  return child;
}

/** 500 nodes in 10 processes join; then some changes. */
async function joinAtOnce() {
  const [processes, perProcess] = [10, 50];
  const all = processes * perProcess;
  const { child: server, endpoint } = await startServer();
  const begun = Date.now();
  const children = Array.from({ length: processes }, (_, index) => program("nodes.mjs", endpoint, index * perProcess, perProcess, all));
  const started = Math.max(...(await Promise.all(children.map((child) => child.hear("started")))).map(({ at }) => at)) - begun;
  const complete = Math.max(...(await Promise.all(children.map((child) => child.hear("complete")))).map(({ at }) => at)) - begun;
  report(
    complete < 10_000,
    `${all} nodes in ${processes} processes: all started after ${started} ms, all knew all after ${complete} ms (bound 10,000)`,
  );
  const cpu = children.map((child) => cpuOf(child.pid)).reduce((sum, seconds) => sum + seconds);
  console.log(`      processor time up to here: the server ${cpuOf(server.pid)} s, the nodes ${cpu.toFixed(1)} s`);
  const seen = [];
  for (let change = 0; change < 20; change++) {
    const version = `v${change}`;
    const expected = children.map((child) => {
      child.send({ type: "expect", address: makeAddress(1, 1, 0), version });
      return child.hear("seen");
    });
    const at = Date.now();
    children[0].send({ type: "change", version });
    seen.push(Math.max(...(await Promise.all(expected)).map((message) => message.at)) - at);
  }
  seen.sort((one, other) => one - other);
  report(
    seen.at(-1) < 2_000,
    `a change, until all ${all} nodes have seen it: median ${seen[10]} ms, longest ${seen.at(-1)} ms (bound 2,000)`,
  );
  for (const child of children) child.send({ type: "end" });
  await Promise.all(children.map((child) => once(child, "exit")));
  server.kill("SIGTERM");
  await once(server, "exit");
}

/** 1,000 nodes report their loads every second, and all of them watch. */
async function reportLoads() {
  const [processes, perProcess] = [4, 250];
  const { child: server, endpoint } = await startServer();
  const children = Array.from({ length: processes }, (_, index) => program("reporters.mjs", endpoint, index * perProcess, perProcess));
  await Promise.all(children.map((child) => child.hear("started")));
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const [cpu, at] = [cpuOf(server.pid), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, 15_000));
  const cores = (cpuOf(server.pid) - cpu) / ((performance.now() - at) / 1_000);
  report(
    cores <= 0.5,
    `${processes * perProcess} nodes that report their load every second and watch: the server uses ${cores.toFixed(2)} of a core (bound 0.50)`,
  );
  for (const child of children) child.send("end");
  const loads = await Promise.all(children.map((child) => child.hear("loads")));
  console.log(`      each was told of ${Math.round(loads.reduce((sum, each) => sum + each.loads, 0) / (processes * perProcess))} loads`);
  server.kill("SIGTERM");
  await once(server, "exit");
}

/** A change among 10,000 members: what it costs a node, and what a pick costs there. */
async function changeAmongMany() {
  const count = 10_000;
  const store = memory();
  for (let id = 0; id < count; id++) store.put(memberOf(id, "0"));
  const local = await viewOf(store);
  const changes = 2_000;
  const before = process.cpuUsage();
  for (let change = 0; change < changes; change++) {
    store.put(memberOf((change * 7919) % count, `${change}`));
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const used = process.cpuUsage(before);
  const ms = (used.user + used.system) / 1_000 / changes;
  report(ms < 1, `a change among ${count} members costs a node ${ms.toFixed(3)} ms (bound 1)`);
  const picks = 1_000_000;
  for (const policy of ["random", "round-robin"]) {
    const begun = performance.now();
    for (let pick = 0; pick < picks; pick++) local.tryPick(1, policy);
    const us = ((performance.now() - begun) * 1_000) / picks;
    report(us < 5, `a ${policy} pick among them costs ${us.toFixed(2)} us (bound 5): no scan`);
  }
  await local.close();
  await changeThroughServer(count);
}

/** The same with a server in between: asking for changes, and decoding them. */
async function changeThroughServer(count) {
  const { child: server, endpoint } = await startServer();
  const admin = discoveryServer(endpoint);
  for (let from = 0; from < count; from += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, index) => admin.putNode(memberOf(from + index, "0"))));
  }
  const begun = performance.now();
  const members = await viewOf(discoveryServer(endpoint));
  console.log(`      a node that joins reads ${members.size} members in ${Math.round(performance.now() - begun)} ms`);
  const [warmUp, changes] = [100, 200];
  let before;
  for (let change = 0; change < warmUp + changes; change++) {
    if (change === warmUp) before = [process.cpuUsage(), cpuOf(server.pid)];
    const member = memberOf((change * 7919) % count, `v${change}`);
    const seen = new Promise((resolve) => {
      const stop = members.onChange(({ updated }) => {
        if (!updated.some(({ version }) => version === member.version)) return;
        stop();
        resolve();
      });
    });
    await admin.putNode(member);
    await seen;
  }
  const used = process.cpuUsage(before[0]);
  const ms = (used.user + used.system) / 1_000 / changes;
  report(
    ms < 1,
    `through a server, telling and being told of it costs ${ms.toFixed(3)} ms (bound 1), the server ${(((cpuOf(server.pid) - before[1]) * 1_000) / changes).toFixed(2)} ms`,
  );
  await members.close();
  await admin[Symbol.asyncDispose]();
  server.kill("SIGTERM");
  await once(server, "exit");
}

async function viewOf(discovery) {
  const members = new Members({ self: makeAddress(1, 1, 4095), discovery, clock: systemClock, random: systemRandom, report: () => {} });
  members.start();
  await members.ready({ timeoutMs: 60_000 });
  return members;
}

function memberOf(id, version) {
  return {
    address: makeAddress(1, 1 + Math.floor(id / 4000), id % 4000),
    endpoint: `10.0.${id >> 8}.${id & 255}:8011`,
    version,
    metadata: { zone: "a" },
  };
}
