/** What becomes of links and their connections, told to whoever listens. */
import { formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { linkEvents } from "../events/channels.js";
import type { Channel } from "./channel.js";

export function sayOpened(self: LogicalAddress, { peer, remote }: Channel, dialed: boolean): void {
  if (!linkEvents.hasSubscribers) return;
  const { software } = peer;
  linkEvents.publish({ type: "opened", node: formatAddress(self), peer: formatAddress(peer.address), remote, dialed, software });
}

export function sayLost(self: LogicalAddress, { peer, remote, openedAt }: Channel, cause: Error, now: number): void {
  if (!linkEvents.hasSubscribers) return;
  linkEvents.publish({
    type: "lost",
    node: formatAddress(self),
    peer: formatAddress(peer.address),
    remote,
    reason: cause.message,
    openMs: now - openedAt,
  });
}

/** A dial has failed, the one of number `attempts` in its round. */
export function sayDialFailed(self: LogicalAddress, peer: LogicalAddress, endpoint: string, reason: string, attempts: number): void {
  if (!linkEvents.hasSubscribers) return;
  linkEvents.publish({ type: "dialFailed", node: formatAddress(self), peer: formatAddress(peer), endpoint, reason, attempts });
}

/** That many messages will not be sent. */
export function sayGaveUp(self: LogicalAddress, peer: LogicalAddress, messages: number, cause: Error): void {
  if (!linkEvents.hasSubscribers) return;
  linkEvents.publish({ type: "gaveUp", node: formatAddress(self), peer: formatAddress(peer), messages, reason: cause.message });
}

export function sayDraining(self: LogicalAddress, peer: LogicalAddress, reason: string): void {
  if (!linkEvents.hasSubscribers) return;
  linkEvents.publish({ type: "draining", node: formatAddress(self), peer: formatAddress(peer), reason });
}
