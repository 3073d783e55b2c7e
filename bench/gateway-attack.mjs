/**
 * `node gateway-attack.mjs [--seconds 5] [--only words,words]`: how long the gateway's clients wait while others attack it.
 *
 * For each attack, processes of its own: backend, gateway, clients that were there before (20 of each transport, 10 messages a second each), and two attackers,
 * which have what processor time the others leave (`nice`): they would be elsewhere. The medians of the clients' echoes before and while; what the gateway
 * has counted. Bursts are also aimed at a bare server of node:net in the gateway's place, with TCP clients: what the machine itself makes them wait, all of whose
 * processors a burst takes. Ends with status 1 when a median is more than twice as long (in a burst: and longer than the bare server's), a client was lost, or
 * the gateway's memory grew beyond a bound.
 */
import { setPriority } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ATTACKS, attack } from "./gateway/attacks.mjs";
import { dialMany, echo } from "./gateway/echo.mjs";
import { ask, dialerOf, Place, serve, TRANSPORTS } from "./gateway/place.mjs";
import { describeMachine } from "./lib/machine.mjs";
import { ownRole, startRole, tell } from "./lib/roles.mjs";
import { figure, median, quantile, table } from "./lib/stats.mjs";
import { sleep } from "./scenarios/client.mjs";

const FILE = fileURLToPath(import.meta.url);
const CLIENTS = 20;
const BETWEEN_MS = 100;
const BEFORE_MS = 4_000;
const ATTACKERS = 2;
const MAX_TIMES = 2;
/** Beyond what the clients had before; of what the limits below allow. */
const MAX_GROWTH_BYTES = 128 * 1024 ** 2;
const FLOOR_ATTACK = "5,000 connections in a burst, TCP";
const LIMITS = { maxClients: 560, maxClientsPerAddress: 560 };

const [role, job] = ownRole();
if (role === "server") await serve(job);
else if (role === "client" && job.name !== undefined) {
  setPriority(19);
  tell("RESULT", await attack(job));
  process.exit();
} else if (role === "client") tell("RESULT", await honest(job));
else await run();

/** Those who are served: `{ transport: [[when, milliseconds], ...] }`. */
async function honest({ ports, ms, transports }) {
  const times = {};
  const streams = [];
  for (const transport of transports) {
    times[transport] = [];
    for (const stream of await dialMany(CLIENTS, dialerOf(transport, ports), echo)) streams.push({ stream, of: times[transport] });
  }
  let lost = 0;
  for (const { stream } of streams) stream.once("close", () => lost++);
  const startedAt = performance.now();
  tell("READY");
  await Promise.all(
    streams.map(async ({ stream, of }, index) => {
      for (let turn = 0; turn * BETWEEN_MS < ms && !stream.destroyed; turn++) {
        const at = startedAt + BETWEEN_MS * (turn + index / streams.length);
        await sleep(Math.max(0, at - performance.now()));
        const when = Date.now();
        of.push([when, await Promise.race([echo(stream), sleep(10_000)])]);
      }
    }),
  );
  return { times, lost };
}

async function underAttack(name, seconds, whats = ["backend", "gateway"], transports = TRANSPORTS) {
  const place = await Place.open(FILE, whats, { limits: LIMITS });
  const { ports } = place;
  const isGateway = whats.includes("gateway");
  const clients = startRole(FILE, "client", { ports, transports, ms: BEFORE_MS + 1_000 * (seconds + 6) });
  await clients.wait("READY", 30_000);
  await sleep(BEFORE_MS);
  const before = isGateway ? await ask(ports) : undefined;
  const attackers = Array.from({ length: ATTACKERS }, () => startRole(FILE, "client", { name, ports, seconds }));
  const attacks = await Promise.all(attackers.map((attacker) => attacker.wait("RESULT", 60_000)));
  const after = isGateway ? await ask(ports) : undefined;
  const { times, lost } = await clients.wait("RESULT", 60_000);
  await Promise.all([clients, ...attackers].map((each) => each.kill()));
  await place.close();
  const startedAt = Math.min(...attacks.map((each) => each.startedAt));
  const endedAt = Math.max(...attacks.map((each) => each.endedAt));
  const figures = Object.entries(times).map(([transport, all]) => {
    const of = (from, to) => all.filter(([when]) => when >= from && when < to).map(([, ms]) => ms ?? Number.POSITIVE_INFINITY);
    const quiet = of(startedAt - BEFORE_MS + 1_000, startedAt - 300);
    const during = of(startedAt, endedAt).sort((a, b) => a - b);
    return { transport, quiet: median(quiet), during: median(during), p99: quantile(during, 0.99), count: during.length };
  });
  const done = attacks.reduce((sum, each) => sum + each.done, 0);
  const result = { name, figures, lost, done, ms: endedAt - startedAt };
  if (!isGateway) return result;
  const busyMs = (after.cpu.user + after.cpu.system - before.cpu.user - before.cpu.system) / 1_000;
  return { ...result, busyMs, growth: after.memory.rss - before.memory.rss, status: after.status };
}

/** The counters that tell of it. */
function told({ refused, closed, listeners }) {
  const all = { ...refused, ...Object.fromEntries(Object.entries(closed).map(([cause, count]) => [`closed.${cause}`, count])) };
  for (const listener of listeners) Object.assign(all, listener.refused, pick(listener.counters, ["malformed", "unknown"]));
  const some = Object.entries(all).filter(([, count]) => count > 0);
  return some.map(([name, count]) => `${name} ${count}`).join(", ");
}

function pick(counters, names) {
  return Object.fromEntries(names.filter((name) => counters[name] !== undefined).map((name) => [name, counters[name]]));
}

async function run() {
  const { values } = parseArgs({ options: { seconds: { type: "string", default: "5" }, only: { type: "string", default: "" } } });
  const machine = describeMachine();
  console.log(`${machine.cpu}, ${machine.cores} cores, Node.js ${machine.node}, commit ${machine.commit}\n`);
  const names = Object.keys(ATTACKS).filter((name) => values.only.split(",").some((words) => name.includes(words)));
  const rows = [];
  const verdicts = [];
  for (const name of names) {
    const { figures, lost, done, ms, busyMs, growth, status } = await underAttack(name, Number(values.seconds));
    for (const { transport, quiet, during, p99 } of figures) {
      rows.push([name, transport, ...[quiet, during, during / quiet, p99].map(figure)]);
    }
    let allowed = MAX_TIMES;
    if (ATTACKS[name].burst !== undefined) {
      const floor = await underAttack(FLOOR_ATTACK, Number(values.seconds), ["floor"], ["tcp"]);
      const [{ quiet, during, p99 }] = floor.figures;
      rows.push([`${FLOOR_ATTACK}: a bare server`, "tcp", ...[quiet, during, during / quiet, p99].map(figure)]);
      allowed = Math.max(allowed, during / quiet);
    }
    const worst = Math.max(...figures.map(({ quiet, during }) => during / quiet));
    const holds = worst <= allowed && lost === 0 && growth < MAX_GROWTH_BYTES;
    const counted = told(status);
    console.log(
      `${name}: ${done} in ${(ms / 1_000).toFixed(1)} s, gateway busy for ${(busyMs / 1_000).toFixed(1)} s, memory ${figure(growth / 2 ** 20)} MiB more; ${counted}`,
    );
    verdicts.push([holds, `${name}: medians at most ${figure(worst)} times as long (at most ${figure(allowed)}), ${lost} clients lost`]);
  }
  console.log(`\n${table(["attack", "clients", "median before, ms", "while", "times", "p99 while"], rows)}\n`);
  for (const [holds, text] of verdicts) console.log(`${holds ? "PASS" : "FAIL"}  ${text}`);
  process.exitCode = verdicts.every(([holds]) => holds) ? 0 : 1;
}
