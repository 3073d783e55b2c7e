/** How a node leaves before it ends: others are told, and what has begun finishes. */
import { formatAddress, isHarbor } from "../addr/logical-address.js";
import type { Clock } from "../internal/clock.js";
import { within } from "../internal/within.js";
import type { NodeParts } from "./node-parts.js";
import type { OwnEntries } from "./own-entries.js";

/** Longest time to become unavailable in discovery. */
const ANNOUNCE_TIMEOUT_MS = 2_000;

/** Longest time for streams that a closing harbor relays to be accepted. */
const SETTLE_MS = 1_000;

/** How often a closing harbor looks whether answers are still due. */
const RELAY_LOOK_MS = 10;

/** What came of leaving. */
export interface Leave {
  /** Whether calls or handlers were not done in time. */
  readonly timedOut: boolean;
  /** What is left of the time that it had. */
  readonly leftMs: number;
}

/** Takes `timeoutMs` at most. Never rejects for what others do. */
export async function leave(parts: NodeParts, entries: OwnEntries, timeoutMs: number): Promise<Leave> {
  const { links, options, streams } = parts;
  const { address, clock } = options;
  const text = `${formatAddress(address)} is closing`;
  links.announceShutdown(text);
  const until = clock.now() + timeoutMs;
  // Behind a go-away a stream counts as refused which its target may have accepted in this very moment.
  if (isHarbor(address)) await within(streams.settleRelayed(), Math.min(timeoutMs, SETTLE_MS), clock);
  streams.sessions.announceShutdown(text);
  if (!entries.areNone) await within(entries.announceClosing(), Math.min(timeoutMs, ANNOUNCE_TIMEOUT_MS), clock);
  const isIdle = await within(untilIdle(parts), Math.max(0, until - clock.now()), clock);
  return { timedOut: !isIdle, leftMs: Math.max(0, until - clock.now()) };
}

/** Resolves when neither a call waits nor a handler works, of others that are relayed neither. A handler's calls may outlast it, and the other way round. */
async function untilIdle({ between, caller, dispatcher, options, streamCaller }: NodeParts): Promise<void> {
  while (caller.calls.size + streamCaller.inFlight + dispatcher.inProgress > 0 || between.relaysFor()) {
    await Promise.all([caller.calls.idle(), streamCaller.idle(), dispatcher.idle()]);
    if (between.relaysFor()) await pause(options.clock, RELAY_LOOK_MS);
  }
}

function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimeout(resolve, ms, true);
  });
}
