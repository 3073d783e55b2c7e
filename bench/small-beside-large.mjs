/**
 * `node small-beside-large.mjs [--rounds 5] [--seconds 2] [--streams 2] [--pin split]`: what a small call takes beside a
 * stream of 4 MiB replies over the same link, against alone. Ends with status 1 when the median is more than 3 times as
 * long, or the 99th percentile more than 10 ms longer, in the round with the median ratio.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as blob from "./gen/blob.js";
import * as echo from "./gen/echo.js";
import { coresOf, freePort } from "./lib/launch.mjs";
import { describeMachine } from "./lib/machine.mjs";
import { endWithStdin, nodeAmong, ownRole, startRole, tell } from "./lib/roles.mjs";
import { figure, quantile, table } from "./lib/stats.mjs";
import { SMALL } from "./scenarios/client.mjs";

const FILE = fileURLToPath(import.meta.url);
const SERVER = "1.1.1";
const CLIENT = "1.2.1";
const LARGE_BYTES = 4 * 1024 ** 2 - 64; // with its tag and length it is within the default limit
const MAX_RATIO = 3;
const MAX_P99_MORE_MS = 10;

const [role, job] = ownRole();
if (role === "server") await serve(job);
else if (role === "client") tell("RESULT", await measure(job));
else await run();

async function serve({ endpoints }) {
  const node = nodeAmong(endpoints, SERVER);
  const data = Buffer.alloc(LARGE_BYTES, "x");
  echo.Register(node, async ({ msg }) => ({ msg }));
  blob.Register(node, async () => ({ data }));
  await node.start();
  endWithStdin();
  tell("READY");
}

async function measure({ endpoints, seconds, streams }) {
  const node = nodeAmong(endpoints, CLIENT);
  await node.start();
  await smallCalls(node, seconds / 2); // warms up
  const alone = await smallCalls(node, seconds);
  const large = largeReplies(node, streams);
  await smallCalls(node, seconds / 4);
  large.bytes = 0;
  const beside = await smallCalls(node, seconds);
  const bytes = large.bytes;
  const ahead = await bytesAhead(node, seconds / 2);
  await large.stop();
  await node.close();
  return { alone, beside, ahead, megabytesPerSecond: bytes / 1e6 / seconds };
}

/** One small call after another. */
async function smallCalls(node, seconds) {
  const times = [];
  const end = performance.now() + seconds * 1_000;
  for (let before = performance.now(); before < end; ) {
    await echo.Call(node, SERVER, { msg: SMALL });
    const after = performance.now();
    times.push(after - before);
    before = after;
  }
  times.sort((a, b) => a - b);
  return { calls: times.length, p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

/** What came over the link from a small call's request to its reply, median: what the reply stood behind, however busy the machine is. */
async function bytesAhead(node, seconds) {
  const received = () => node.status().links.find((link) => link.peer === SERVER).bytesIn;
  const counts = [];
  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end) {
    const before = received();
    await echo.Call(node, SERVER, { msg: SMALL });
    counts.push(received() - before);
  }
  counts.sort((a, b) => a - b);
  return quantile(counts, 0.5);
}

/** Keeps so many large replies under way. */
function largeReplies(node, streams) {
  let stopped = false;
  const state = { bytes: 0 };
  const loops = Array.from({ length: streams }, async () => {
    while (!stopped) {
      const { data } = await blob.Call(node, SERVER, {});
      state.bytes += data.length;
    }
  });
  state.stop = async () => {
    stopped = true;
    await Promise.all(loops);
  };
  return state;
}

async function run() {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "2" },
      streams: { type: "string", default: "2" },
      pin: { type: "string", default: "split" },
      profile: { type: "boolean", default: false },
    },
  });
  const cores = coresOf(values.pin);
  const flags = values.profile ? ["--cpu-prof"] : [];
  const rounds = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    const endpoints = { [SERVER]: `127.0.0.1:${await freePort()}`, [CLIENT]: `127.0.0.1:${await freePort()}` };
    const server = startRole(FILE, "server", { endpoints }, { cores, flags });
    await server.wait("READY", 10_000);
    const client = startRole(
      FILE,
      "client",
      { endpoints, seconds: Number(values.seconds), streams: Number(values.streams) },
      { cores, flags },
    );
    rounds.push(await client.wait("RESULT", 60_000));
    await Promise.all([client.end(5_000), server.end(5_000)]);
  }
  report(rounds);
}

function report(rounds) {
  const machine = describeMachine();
  console.log(`${machine.cpu}, ${machine.cores} cores, Node.js ${machine.node}, commit ${machine.commit}, load ${machine.load}\n`);
  const ratio = ({ alone, beside }) => beside.p50 / alone.p50;
  const us = (ms) => figure(ms * 1_000);
  const rows = rounds.map((round) => {
    const { alone, beside, ahead, megabytesPerSecond } = round;
    return [
      us(alone.p50),
      us(alone.p99),
      us(beside.p50),
      us(beside.p99),
      figure(ratio(round)),
      figure(megabytesPerSecond),
      figure(ahead / 1024),
    ];
  });
  const head = ["alone p50 us", "p99 us", "beside p50 us", "p99 us", "ratio of p50", "large MB/s", "stood behind KiB"];
  console.log(
    table(
      ["round", ...head],
      rows.map((row, i) => [i + 1, ...row]),
    ),
  );
  const middle = [...rounds].sort((a, b) => ratio(a) - ratio(b))[rounds.length >> 1];
  const more = middle.beside.p99 - middle.alone.p99;
  const holds = ratio(middle) <= MAX_RATIO && more <= MAX_P99_MORE_MS;
  console.log(
    `\n${holds ? "PASS" : "FAIL"}  median ${figure(ratio(middle))} times as long (at most ${MAX_RATIO}), p99 ${figure(more)} ms longer (at most ${MAX_P99_MORE_MS})`,
  );
  process.exitCode = holds ? 0 : 1;
}
