/**
 * `node idle-links.mjs [--links 1000] [--seconds 20]`: what an idle link costs. One process holds one node, another one as
 * many nodes as there are links, each with a discovery of its own that knows the first. Memory is looked at after a
 * collection, with all nodes started and a few links warm, then with all links; then timers are counted while nothing
 * happens. Ends with status 1 when a link takes more than 16 KiB of resident memory on either side.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as echo from "./gen/echo.js";
import { freePort } from "./lib/launch.mjs";
import { describeMachine } from "./lib/machine.mjs";
import { endWithStdin, memoryInUse, nodeAmong, ownRole, startRole, tell } from "./lib/roles.mjs";
import { figure, table } from "./lib/stats.mjs";
import { sleep } from "./scenarios/client.mjs";

const FILE = fileURLToPath(import.meta.url);
const HUB = "1.1.1";
const MAX_RESIDENT_BYTES = 16 * 1024;
const WARM_LINKS = 100;
/** Calls over each of these: what code and the young generation of the heap come to is not the links' doing. */
const WARM_ROUNDS = 500;
const AT_ONCE = 20;
/** Asks the hub for what {@link look} gives. */
const LOOK = "look";

/** Since {@link countTimers}. */
const timers = { fired: 0, pending: 0 };

const [role, job] = ownRole();
if (role === "server") await serve(job);
else if (role === "client") tell("RESULT", await measure(job));
else await run();

async function serve({ endpoints }) {
  countTimers();
  const hub = nodeAmong(endpoints, HUB);
  echo.Register(hub, async ({ msg }) => ({ msg: msg === LOOK ? JSON.stringify(await look()) : msg }));
  await hub.start();
  endWithStdin();
  tell("READY");
}

async function measure({ endpoints, links, seconds }) {
  countTimers();
  const nodes = Array.from({ length: WARM_LINKS + links }, (_, i) =>
    nodeAmong(endpoints, `1.${2 + (i >> 12)}.${i & 4095}`, { listen: "127.0.0.1:0" }),
  );
  for (const node of nodes) await node.start();
  const [first] = nodes;
  const both = async () => {
    const { msg } = await echo.Call(first, HUB, { msg: LOOK });
    return { hub: JSON.parse(msg), peers: await look() };
  };
  const connect = async (some) => {
    for (let i = 0; i < some.length; i += AT_ONCE) {
      await Promise.all(some.slice(i, i + AT_ONCE).map((node) => echo.Call(node, HUB, { msg: "" })));
    }
  };
  await connect(nodes.slice(0, WARM_LINKS));
  for (let i = 0; i < WARM_ROUNDS; i++) await Promise.all(nodes.slice(0, WARM_LINKS).map((node) => echo.Call(node, HUB, { msg: "" })));
  const before = await both();
  await connect(nodes.slice(WARM_LINKS));
  const after = await both();
  await sleep(seconds * 1_000);
  const later = await both();
  return { before, after, later };
}

/** Memory, timers so far, and CPU time in milliseconds. */
async function look() {
  await sleep(200);
  const { user, system } = process.cpuUsage();
  return { ...memoryInUse(), ...timers, cpuMs: (user + system) / 1_000 };
}

/** From here on all timers of this process are counted, those too that do not keep it alive. */
function countTimers() {
  const { setTimeout, clearTimeout } = globalThis;
  const live = new Set();
  globalThis.setTimeout = (callback, ms, ...args) => {
    const timer = setTimeout(
      (...given) => {
        timers.fired++;
        live.delete(timer);
        timers.pending = live.size;
        callback(...given);
      },
      ms,
      ...args,
    );
    live.add(timer);
    timers.pending = live.size;
    return timer;
  };
  globalThis.clearTimeout = (timer) => {
    live.delete(timer);
    timers.pending = live.size;
    clearTimeout(timer);
  };
}

async function run() {
  const { values } = parseArgs({ options: { links: { type: "string", default: "1000" }, seconds: { type: "string", default: "20" } } });
  const [links, seconds] = [Number(values.links), Number(values.seconds)];
  const endpoints = { [HUB]: `127.0.0.1:${await freePort()}` };
  const server = startRole(FILE, "server", { endpoints });
  await server.wait("READY", 10_000);
  const client = startRole(FILE, "client", { endpoints, links, seconds });
  const result = await client.wait("RESULT", 120_000 + seconds * 1_000);
  await Promise.all([client.kill(), server.end(5_000)]);
  report(result, links, seconds);
}

function report({ before, after, later }, links, seconds) {
  const machine = describeMachine();
  console.log(`${machine.cpu}, ${machine.cores} cores, Node.js ${machine.node}, commit ${machine.commit}; ${links} links\n`);
  const perLink = (side, part) => (after[side][part] - before[side][part]) / links;
  const rows = ["rss", "heapTotal", "heapUsed", "external"].map((part) => [
    `${part}, bytes per link`,
    ...["hub", "peers"].map((side) => figure(perLink(side, part))),
  ]);
  const idle = (what) => ["hub", "peers"].map((side) => figure((later[side][what] - after[side][what]) / seconds));
  rows.push(["timers pending", ...["hub", "peers"].map((side) => later[side].pending)]);
  rows.push(["timers fired per idle second", ...idle("fired")]);
  rows.push(["CPU ms per idle second", ...idle("cpuMs")]);
  console.log(table(["", "one node, all links", "a node per link"], rows));
  const most = Math.max(perLink("hub", "rss"), perLink("peers", "rss"));
  const holds = most <= MAX_RESIDENT_BYTES;
  console.log(`\n${holds ? "PASS" : "FAIL"}  ${figure(most)} bytes resident per link (at most ${figure(MAX_RESIDENT_BYTES)})`);
  process.exitCode = holds ? 0 : 1;
}
