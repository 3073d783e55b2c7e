/**
 * `node leaks.mjs [--calls 1000000] [--width 512]`: memory in use after a collection, before and behind so many calls, in
 * the caller's and the handler's process. Ends with status 1 when either heap has grown by more than 2 MiB.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as echo from "./gen/echo.js";
import { freePort } from "./lib/launch.mjs";
import { describeMachine } from "./lib/machine.mjs";
import { endWithStdin, memoryInUse, nodeAmong, ownRole, startRole, tell } from "./lib/roles.mjs";
import { figure, table } from "./lib/stats.mjs";
import { SMALL, sleep } from "./scenarios/client.mjs";

const FILE = fileURLToPath(import.meta.url);
const SERVER = "1.1.1";
const CLIENT = "1.2.1";
const MAX_GROWTH_BYTES = 2 * 1024 ** 2;
/** Until what code and pools come to is reached. */
const WARMUP_CALLS = 100_000;
/** Asks the handler's process for its memory. */
const MEMORY = "memory";

const [role, job] = ownRole();
if (role === "server") await serve(job);
else if (role === "client") tell("RESULT", await measure(job));
else await run();

async function serve({ endpoints }) {
  const node = nodeAmong(endpoints, SERVER);
  echo.Register(node, async ({ msg }) => ({ msg: msg === MEMORY ? JSON.stringify(memoryInUse()) : msg }));
  await node.start();
  endWithStdin();
  tell("READY");
}

async function measure({ endpoints, calls, width }) {
  const node = nodeAmong(endpoints, CLIENT);
  await node.start();
  const look = async () => {
    await sleep(1_000); // idle
    const handler = JSON.parse((await echo.Call(node, SERVER, { msg: MEMORY })).msg);
    return { caller: memoryInUse(), handler };
  };
  await callMany(node, WARMUP_CALLS, width);
  const before = await look();
  const since = performance.now();
  await callMany(node, calls, width);
  const seconds = (performance.now() - since) / 1_000;
  const after = await look();
  const { callsInFlight, links } = node.status();
  await node.close();
  return { before, after, seconds, callsInFlight, bufferedBytes: links[0].bufferedBytes };
}

async function callMany(node, calls, width) {
  let left = calls;
  const loop = async () => {
    while (left-- > 0) await echo.Call(node, SERVER, { msg: SMALL });
  };
  await Promise.all(Array.from({ length: width }, loop));
}

async function run() {
  const { values } = parseArgs({ options: { calls: { type: "string", default: "1000000" }, width: { type: "string", default: "512" } } });
  const endpoints = { [SERVER]: `127.0.0.1:${await freePort()}`, [CLIENT]: `127.0.0.1:${await freePort()}` };
  const server = startRole(FILE, "server", { endpoints });
  await server.wait("READY", 10_000);
  const calls = Number(values.calls);
  const client = startRole(FILE, "client", { endpoints, calls, width: Number(values.width) });
  const result = await client.wait("RESULT", 600_000);
  await Promise.all([client.end(5_000), server.end(5_000)]);
  report(result, calls);
}

function report({ before, after, seconds, callsInFlight, bufferedBytes }, calls) {
  const machine = describeMachine();
  console.log(`${machine.cpu}, ${machine.cores} cores, Node.js ${machine.node}, commit ${machine.commit}`);
  console.log(`${calls} calls in ${figure(seconds)} s; ${callsInFlight} in flight and ${bufferedBytes} bytes buffered at the end\n`);
  const kib = (bytes) => figure(bytes / 1024);
  const rows = ["caller", "handler"].flatMap((side) =>
    ["heapUsed", "external", "rss"].map((part) => {
      const [from, to] = [before[side][part], after[side][part]];
      return [`${side}, ${part}`, kib(from), kib(to), kib(to - from)];
    }),
  );
  console.log(table(["", "before, KiB", "after, KiB", "growth, KiB"], rows));
  const growth = Math.max(...["caller", "handler"].map((side) => after[side].heapUsed - before[side].heapUsed));
  const holds = growth <= MAX_GROWTH_BYTES && callsInFlight === 0 && bufferedBytes === 0;
  console.log(`\n${holds ? "PASS" : "FAIL"}  the heap has grown by ${kib(growth)} KiB (at most ${kib(MAX_GROWTH_BYTES)})`);
  process.exitCode = holds ? 0 : 1;
}
