/** Connections that come and go, told to whoever listens. */
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
