/**
 * What is checked when a scenario is over: faults end, everything that lives finds everything else again, all nodes
 * close, and nothing of them is left. (What can be broken by a single call is checked as it happens, in `ledger.ts`.)
 */
import { addressGroup, formatAddress, isHarbor, type LogicalAddress } from "../addr/logical-address.js";
import { RpcError } from "../errors.js";
import type { Simulation } from "./sim.js";
import { LEASE_MS } from "./sim-discovery.js";
import type { WatchedNode } from "./watched-node.js";

/** Longest time after the last fault until every node reaches every other one, and sees what the store has. */
const RECOVERY_MS = 45_000;

/** Longest time for a node to close while nothing is broken. */
const CLOSE_MS = 15_000;

/** Called like any other method; nobody handles it, and that very answer shows that the node was reached. */
export async function finish(simulation: Simulation): Promise<void> {
  const { hadFaults, lives } = simulation;
  simulation.trace.add("the scenario is over");
  simulation.heal();
  simulation.discoveryBack();
  for (const { node } of lives) simulation.resume(node);
  if (hadFaults) await recover(simulation);
  await closeAll(simulation);
  for (const { process, node } of lives) if (!process.isGone) checkNothingLeft(simulation, node);
  simulation.ledger.checkAllSettled();
  // What could not be taken out, because the store was away, goes with its lease.
  const left = (): LogicalAddress[] => [...simulation.stores.values()].flatMap((store) => [...store.members().keys()]);
  if (left().length > 0) await simulation.advance(3 * LEASE_MS);
  const entries = left().map(formatAddress);
  if (entries.length > 0) simulation.violated(`all nodes are closed, and the store still has ${entries.join(", ")}`);
}

async function recover(simulation: Simulation): Promise<void> {
  const until = simulation.now + RECOVERY_MS;
  const pairs = livePairs(simulation);
  let missing = await unreached(pairs);
  let strangers = disagreements(simulation);
  while (missing.length > 0 || strangers.length > 0) {
    if (simulation.now > until) {
      simulation.violated(
        `${RECOVERY_MS / 1_000} s after the last fault: ${[...missing.map(([, , why]) => why), ...strangers].slice(0, 5).join("; ")}`,
      );
      return;
    }
    await simulation.advance(1_000);
    missing = await unreached(missing);
    strangers = disagreements(simulation);
  }
}

type Pair = readonly [WatchedNode, WatchedNode, string];

function isLive(node: WatchedNode): boolean {
  return !node.process.isGone && node.status().phase === "running";
}

function livePairs({ lives }: Simulation): Pair[] {
  const live = lives.map(({ node }) => node).filter(isLive);
  const open = new Set(live.filter(({ address }) => isHarbor(address)).map(({ address }) => addressGroup(address)));
  const mayReach = (from: LogicalAddress, to: LogicalAddress): boolean => {
    const [one, other] = [addressGroup(from), addressGroup(to)];
    return from !== to && (one === other || (open.has(one) && open.has(other)));
  };
  return live.flatMap((from) => live.filter((to) => mayReach(from.address, to.address)).map((to): Pair => [from, to, ""]));
}

/** Those pairs of which one does not reach the other. */
async function unreached(pairs: readonly Pair[]): Promise<Pair[]> {
  const tried = await Promise.all(
    pairs.map(async ([from, to]): Promise<Pair | undefined> => {
      if (!isLive(from) || !isLive(to)) return undefined; // replaced meanwhile
      const why = await tryToReach(from, to);
      return why === undefined ? undefined : [from, to, `${from.process.name} does not reach ${to.process.name}: ${why}`];
    }),
  );
  return tried.filter((pair) => pair !== undefined);
}

/** A one-way message would do, if it could be seen to arrive; a request that nobody handles is answered all the same. */
async function tryToReach(from: WatchedNode, to: WatchedNode): Promise<string | undefined> {
  try {
    await from.reach(to.address);
    return undefined;
  } catch (error) {
    if (!RpcError.is(error)) return String(error);
    return error.code === "UNIMPLEMENTED" || error.code === "RESOURCE_EXHAUSTED" ? undefined : error.message;
  }
}

/** What nodes know that the store does not have, and the other way round. */
function disagreements(simulation: Simulation): string[] {
  const { lives } = simulation;
  const nodes = lives.map(({ node }) => node).filter(isLive);
  const addresses = new Set(lives.map(({ process }) => process.address));
  const found = nodes
    .filter((node, index) => nodes.findIndex(({ address }) => address === node.address) < index)
    .map(({ process }) => `two processes of ${formatAddress(process.address)} live beside each other`);
  for (const node of nodes) {
    const group = addressGroup(node.address);
    const known = simulation.storeOf(group).members();
    if (!known.has(node.address)) found.push(`the store has no entry of ${node.process.name}`);
    for (const address of addresses) {
      if (addressGroup(address) !== group) continue;
      const seen = node.member(address)?.incarnation;
      const stored = known.get(address);
      if (seen !== stored)
        found.push(`${node.process.name} sees ${seen ?? "no"} incarnation of ${formatAddress(address)}, the store has ${stored ?? "none"}`);
    }
  }
  return found;
}

async function closeAll(simulation: Simulation): Promise<void> {
  const startedAt = simulation.now;
  await Promise.all(simulation.lives.filter(({ process }) => !process.isGone).map(({ node }) => node.close()));
  const tookMs = simulation.now - startedAt;
  if (tookMs > CLOSE_MS) simulation.violated(`closing took ${tookMs} ms`);
}

/** After close: no timer, no connection, no listener, no entry. */
function checkNothingLeft(simulation: Simulation, node: WatchedNode): void {
  const { process } = node;
  const { callsInFlight, harbor, links, requestsInProgress, sessions, streams } = node.status();
  const left = {
    timers: process.clock.armedTimers,
    connections: simulation.network.connectionsOf(process.host),
    listeners: simulation.network.listenersOf(process.host),
    "calls in flight": callsInFlight,
    "requests in progress": requestsInProgress,
    streams,
    "relayed streams": harbor?.streams.open ?? 0,
    "sessions of streams": sessions.length,
    "queued messages": links.reduce((sum, link) => sum + link.queuedMessages, 0),
  };
  const what = Object.entries(left).filter(([, count]) => count > 0);
  if (what.length > 0)
    simulation.violated(`after close of ${process.name}: ${what.map(([name, count]) => `${count} ${name}`).join(", ")} left`);
}
