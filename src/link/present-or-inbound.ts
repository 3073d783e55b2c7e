/**
 * A peer dials though it has a connection here that is as new: the present one is asked whether it lives, and the other waits
 * for the answer. So a peer that was cut off comes back at once, and nobody else takes its place.
 */
import { formatAddress } from "../addr/logical-address.js";
import type { Clock } from "../internal/clock.js";
import type { Channel } from "./channel.js";
import type { PendingPeer } from "./opening.js";

/** Calls `onAnswer` once: with false when `present` is gone, after `timeoutMs` of silence at the latest. */
export function askPresent(
  present: Channel,
  inbound: PendingPeer,
  clock: Clock,
  timeoutMs: number,
  onAnswer: (isAlive: boolean) => void,
): void {
  inbound.wait(timeoutMs);
  const timer = clock.setTimeout(() => present.destroy(new Error("silent when the peer dialed again")), timeoutMs);
  present.ping((isAlive) => {
    clock.clearTimeout(timer);
    onAnswer(isAlive);
  });
}

/**
 * Refuses `inbound` because `present` lives. False when that is no reason any more.
 *
 * @param isCurrent - whether `present` still takes new messages; the peer may have said meanwhile that it needs it no more.
 */
export function refuseForPresent(inbound: PendingPeer, present: Channel, isCurrent: boolean): boolean {
  const { address, incarnation } = present.peer;
  const dialer = inbound.peer.incarnation;
  if (dialer < incarnation)
    inbound.refuse("replaced", `incarnation ${incarnation} of ${formatAddress(address)} is alive, newer than ${dialer}`);
  else if (isCurrent) inbound.refuse("duplicate", "the present connection is alive");
  else return false;
  return true;
}
