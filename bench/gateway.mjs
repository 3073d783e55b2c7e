/**
 * `node gateway.mjs [--rounds 5] [--clients 5000] [--seconds 10] [--only bulk,small,crowd] [--transports tcp,websocket,kcp]
 * [--receive-buffer bytes]`: what a gateway costs. Three processes: backend, gateway or a plain proxy of two `pipe()`, clients.
 *
 * Bulk and small messages go through the gateway and through the proxy in turn, so that neighbours in time are compared. Then
 * `--clients` of each transport, each with processes of its own, connect, and each says 32 bytes once a second: memory of the gateway per client, echo
 * times. Ends with status 1 when bulk is below 0.7 of the proxy's, or a client was not answered. gateway-attack.mjs is about clients that mean ill.
 */
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { dialTcp } from "clusterts/gateway/client";
import { dialMany, echo, echoEverySecond, echoUntil } from "./gateway/echo.mjs";
import { ask, BULK_BYTES, DOWNLOAD, dialerOf, HOST, Place, serve, TRANSPORTS } from "./gateway/place.mjs";
import { describeMachine } from "./lib/machine.mjs";
import { ownRole, startRole, tell } from "./lib/roles.mjs";
import { figure, median, quantile, range, table } from "./lib/stats.mjs";
import { sleep } from "./scenarios/client.mjs";

const FILE = fileURLToPath(import.meta.url);
const LEAST_BULK_RATIO = 0.7;
const SMALL_CLIENTS = 1_000;
const SMALL_MS = 4_000;
const WARM_UP_CLIENTS = 100;
const NO_LIMITS = {
  limits: { maxClients: 100_000, maxClientsPerAddress: 100_000 },
  ofKcp: { maxSessions: 65_536, maxSessionsPerHost: 65_536 },
};

const [role, job] = ownRole();
if (role === "server") await serve(job);
else if (role === "client") tell("RESULT", await { bulk, small, crowd }[job.scenario](job));
else await run();

/** Bytes per second of one download. */
async function bulk({ port }) {
  const socket = await dialTcp(`${HOST}:${port}`);
  const startedAt = performance.now();
  let bytes = 0;
  socket.on("data", (chunk) => {
    bytes += chunk.length;
  });
  socket.write(Buffer.of(DOWNLOAD));
  await once(socket, "end");
  socket.end();
  if (bytes !== BULK_BYTES) throw new Error(`${bytes} of ${BULK_BYTES} bytes`);
  return { perSecond: (bytes / (performance.now() - startedAt)) * 1_000 };
}

/** Messages per second of many connections, each of which sends the next one when it has the last one back. */
async function small({ port }) {
  const sockets = await dialMany(SMALL_CLIENTS, () => dialTcp(`${HOST}:${port}`));
  const until = performance.now() + SMALL_MS;
  const times = [];
  await Promise.all(sockets.map((socket) => echoUntil(socket, until, times).then(() => socket.end())));
  times.sort((a, b) => a - b);
  return { perSecond: (times.length / SMALL_MS) * 1_000, p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

/** Clients of one transport, each of which says something once a second. */
async function crowd({ transport, ports, clients, seconds }) {
  const dial = dialerOf(transport, ports);
  const warm = await dialMany(WARM_UP_CLIENTS, dial);
  await Promise.all(warm.map((stream) => echoUntil(stream, performance.now() + 1_000, [])));
  for (const stream of warm) stream.destroy();
  await sleep(1_000);
  const before = await ask(ports, "m");
  const openedAt = performance.now();
  const streams = await dialMany(clients, dial, echo);
  const openMs = performance.now() - openedAt;
  await sleep(1_000);
  const after = await ask(ports, "m");
  const times = await echoEverySecond(streams, seconds);
  const end = await ask(ports);
  for (const stream of streams) stream.destroy();
  times.sort((a, b) => a - b);
  const [rss, heapUsed] = ["rss", "heapUsed"].map((part) => (after.memory[part] - before.memory[part]) / clients);
  const busy = (cpu) => cpu.user + cpu.system;
  const core = (busy(end.cpu) - busy(after.cpu)) / (1e6 * seconds);
  const rssAll = after.memory.rss / 2 ** 20;
  return {
    echoes: times.length,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    most: times.at(-1),
    rss,
    heapUsed,
    rssAll,
    openMs,
    core,
  };
}

async function run() {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "5" },
      clients: { type: "string", default: "5000" },
      seconds: { type: "string", default: "10" },
      only: { type: "string", default: "bulk,small,crowd" },
      "receive-buffer": { type: "string" },
      transports: { type: "string", default: TRANSPORTS.join() },
    },
  });
  const [rounds, clients, seconds] = [values.rounds, values.clients, values.seconds].map(Number);
  const only = values.only.split(",");
  const machine = describeMachine();
  console.log(`${machine.cpu}, ${machine.cores} cores, Node.js ${machine.node}, commit ${machine.commit}; ${rounds} rounds\n`);
  const verdicts = [];
  const scenarios = ["bulk", "small"].filter((scenario) => only.includes(scenario));
  if (scenarios.length > 0) verdicts.push(...reportPassage(await passage(scenarios, rounds)));
  if (only.includes("crowd")) {
    const crowds = {};
    for (const transport of values.transports.split(","))
      crowds[transport] = await crowdOf(transport, clients, seconds, values["receive-buffer"]);
    verdicts.push(...reportCrowds(crowds, clients, seconds));
  }
  for (const [holds, text] of verdicts) console.log(`${holds ? "PASS" : "FAIL"}  ${text}`);
  process.exitCode = verdicts.every(([holds]) => holds) ? 0 : 1;
}

async function measure(scenario, more, timeoutMs) {
  const client = startRole(FILE, "client", { scenario, ...more });
  const result = await client.wait("RESULT", timeoutMs);
  await client.kill();
  return result;
}

/** The gateway beside the proxy. */
async function passage(scenarios, rounds) {
  const place = await Place.open(FILE, ["backend", "proxy", "gateway"], NO_LIMITS);
  const ways = { proxy: place.ports.proxy, gateway: place.ports.tcp };
  const results = Object.fromEntries(scenarios.map((scenario) => [scenario, { proxy: [], gateway: [] }]));
  for (let round = 0; round < rounds; round++) {
    for (const scenario of scenarios) {
      for (const [way, port] of Object.entries(ways)) results[scenario][way].push(await measure(scenario, { port }, 60_000));
    }
  }
  await place.close();
  return results;
}

async function crowdOf(transport, clients, seconds, receiveBuffer) {
  const { limits, ofKcp } = NO_LIMITS;
  const buffer = receiveBuffer === undefined ? {} : { receiveBufferBytes: Number(receiveBuffer) };
  const place = await Place.open(FILE, ["backend", "gateway"], { limits, ofKcp: { ...ofKcp, ...buffer } });
  const result = await measure("crowd", { transport, ports: place.ports, clients, seconds }, 180_000 + 2_000 * seconds);
  await place.close();
  return result;
}

function reportPassage(results) {
  const ratios = (scenario) =>
    results[scenario].gateway.map(({ perSecond }, round) => perSecond / results[scenario].proxy[round].perSecond);
  const of = (scenario, way, part, scale = 1) => results[scenario][way].map((each) => each[part] / scale);
  const shown = (values) => `${figure(median(values))} (${range(values)})`;
  const line = (title, scenario, part, scale) => [title, ...["proxy", "gateway"].map((way) => shown(of(scenario, way, part, scale)))];
  const rows = [];
  if (results.bulk !== undefined) rows.push([...line("bulk, MB/s", "bulk", "perSecond", 1e6), shown(ratios("bulk"))]);
  if (results.small !== undefined) {
    rows.push([...line(`32 bytes, ${SMALL_CLIENTS} connections, messages/s`, "small", "perSecond"), shown(ratios("small"))]);
    for (const part of ["p50", "p99"]) rows.push([...line(`  ${part} ms`, "small", part), ""]);
  }
  console.log(`${table(["", "plain proxy", "gateway", "ratio"], rows)}\n`);
  if (results.bulk === undefined) return [];
  const ratio = median(ratios("bulk"));
  return [[ratio >= LEAST_BULK_RATIO, `bulk at ${figure(ratio)} of the proxy's (at least ${LEAST_BULK_RATIO})`]];
}

function reportCrowds(crowds, clients, seconds) {
  console.log(`${clients} clients of one transport, each 32 bytes once a second for ${seconds} s:\n`);
  const rows = Object.entries(crowds).map(([transport, { p50, p99, most, rss, heapUsed, rssAll, openMs, core }]) => {
    return [transport, ...[p50, p99, most, rss, heapUsed, rssAll, openMs, core].map(figure)];
  });
  const head = [
    "",
    "p50 ms",
    "p99 ms",
    "slowest ms",
    "gateway's rss, bytes per client",
    "heap, bytes per client",
    "rss in all, MiB",
    "opened in ms",
    "gateway's cores",
  ];
  console.log(`${table(head, rows)}\n`);
  return Object.entries(crowds).map(([transport, { echoes }]) => [
    echoes === clients * seconds,
    `${transport}: ${echoes} of ${clients * seconds} echoes`,
  ]);
}
