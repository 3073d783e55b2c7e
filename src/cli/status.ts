/** `clusterts status`: what one node is doing. */
import { parseArgs } from "node:util";
import { RpcError } from "../errors.js";
import { askNode } from "../inspector/ask-node.js";
import type { NodeReport } from "../inspector/node-report.js";
import { Cluster, NODE_HELP, NODE_OPTIONS } from "./cluster.js";
import { type Command, type CommandContext, CommandError, UsageError } from "./command.js";
import { table } from "./table.js";

const HELP = `Usage: clusterts status <address> [options]

Prints what a node is doing: its links, calls in flight, limits that were met, connections that it refused.

Options:
${NODE_HELP}
Exit codes: 0 it answered, 1 it did not, 2 wrong use of this command.
`;

export const status: Command = { help: HELP, run };

async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options: NODE_OPTIONS, allowPositionals: true });
  const [address] = positionals;
  if (address === undefined || positionals.length > 1) throw new UsageError("give one address, such as 1.1.1");
  const cluster = new Cluster(values, context);
  const caller = await cluster.connect(address);
  try {
    const report = await askNode(caller, cluster.timeoutMs);
    context.stdout(values.json ? `${JSON.stringify(report, undefined, 2)}\n` : asText(report));
    return 0;
  } catch (error) {
    if (!RpcError.is(error)) throw error;
    throw new CommandError(error.message);
  } finally {
    await caller.close({ timeoutMs: 1 });
  }
}

function asText(report: NodeReport): string {
  const { address, phase, endpoint, incarnation, software, uptimeMs, available, load, members } = report;
  const service = available === undefined ? "not in discovery" : available ? "in service" : "out of service";
  const facts = [
    `${address}  ${phase}, ${service}, up for ${secondsOf(uptimeMs)}, at ${endpoint ?? "?"}`,
    `${software}, incarnation ${incarnation}, knows ${members} members${load === undefined ? "" : `, load ${load}`}`,
    `requests: ${report.requests} came, ${report.requestsInProgress} in progress, ${report.handlersRunning} handlers run, ${report.requestsRefused} refused`,
    `calls in flight: ${report.callsInFlight}; one-way messages: ${report.oneWays} came, ${report.oneWaysDropped} dropped, ${report.oneWaysFailed} failed`,
  ];
  for (const [title, counts] of [
    ["refused connections", report.refusals],
    ["limits met", report.limitHits],
  ] as const) {
    const met = Object.entries(counts).filter(([, count]) => count > 0);
    if (met.length > 0) facts.push(`${title}: ${met.map(([name, count]) => `${name} ${count}`).join(", ")}`);
  }
  const links = report.links.map((link) => [
    link.peer,
    link.phase,
    link.remote ?? "-",
    link.rttMs === undefined ? "-" : `${link.rttMs.toFixed(1)} ms`,
    `${link.queuedMessages}`,
    `${link.bufferedBytes}`,
    `${link.framesIn}`,
    `${link.framesOut}`,
    link.lastError ?? "",
  ]);
  const calls = report.oldestCalls.map((call) => [
    call.method,
    call.peer,
    `${Math.round(call.ageMs)} ms`,
    `${Math.round(call.remainingMs)} ms`,
  ]);
  return [
    `${facts.join("\n")}\n`,
    links.length > 0 && table(["LINK TO", "STATE", "REMOTE", "ROUND TRIP", "WAITING", "UNREAD", "IN", "OUT", "LAST ERROR"], links),
    calls.length > 0 && table(["CALL IN FLIGHT", "TO", "AGE", "LEFT"], calls),
  ]
    .filter((part) => part !== false)
    .join("\n");
}

function secondsOf(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7_200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3_600)} h`;
}
