/** What follows at a node from what its links say: for calls and handlers, for streams, for the ways to other groups. */
import { formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { UnsentError } from "../internal/unsent-error.js";
import { isOrdered } from "../link/large-messages.js";
import type { LinkEvents } from "../link/link-environment.js";
import { KIND } from "../wire/header.js";
import type { NodeParts } from "./node-parts.js";
import { sumOf, type Traffic } from "./traffic.js";

/** What links that are gone leave to be counted. */
export interface LinkTally {
  /** Of connections that are gone. */
  pastTraffic: Traffic;
  /** Messages of this node that waited for a link and were not sent. */
  messagesLost: number;
}

/** @param parts - may still be in the making: they are looked up when something happens. */
export function linkEventsOf(parts: NodeParts, onReplaced: LinkEvents["onReplaced"]): LinkEvents {
  const self = parts.options.address;
  const { tally } = parts;
  return {
    onMessage: (channel, kind, flags, _to, from, epoch, seq, remainingMs, body, start, end) => {
      if (from !== channel.peer.address && isOrdered(kind) && !parts.between.takes(from, epoch, seq))
        return parts.sink.onOvertaken(channel, kind, from, epoch, seq, "another harbor");
      if (kind === KIND.gone) return parts.between.onGone(channel, from, body, start, end);
      parts.sink.onMessage(channel, kind, flags, from, epoch, seq, remainingMs, body, start, end);
    },
    onForeign: (channel, frame, start, end, to, from) => parts.between.onForeign(channel, frame, start, end, to, from),
    onOversize: (channel, kind, from, epoch, seq, reason) => parts.sink.onOversize(channel, kind, from, epoch, seq, reason),
    onOvertaken: (channel, kind, from, epoch, seq) => parts.sink.onOvertaken(channel, kind, from, epoch, seq),
    onLost: (channel, cause) => {
      parts.between.onLost(channel);
      tally.pastTraffic = sumOf(tally.pastTraffic, channel.counters);
      for (const { to, first, last } of channel.sent) {
        parts.caller.calls.onLost(to, first, last, cause, to === channel.peer.address ? channel.peerTook : undefined);
      }
      parts.dispatcher.onPathClosed(channel, cause);
    },
    onSent: (messages, peer) => {
      for (const { from, to, seq } of messages) if (from === self) parts.caller.onSent(to, seq);
      parts.between.onSent(messages, peer);
    },
    onUnsent: (messages, cause, peer) => {
      for (const { from, to, seq } of messages) {
        if (from !== self) continue;
        tally.messagesLost++;
        parts.caller.onUnsent(to, seq, to === peer ? cause : overHarbor(cause, peer));
      }
      parts.between.onUnsent(messages, cause, peer);
    },
    onReachable: (peer, reachable) => {
      parts.members.markUnreachable(peer, !reachable);
      parts.harbors.markUnreachable(peer, !reachable);
      if (reachable) return parts.streams.sessions.onIncarnation(peer, parts.links.peek(peer)?.channel?.peer.incarnation ?? 0n);
      parts.between.onUnreachable(peer);
      parts.caller.calls.onUnreachable(peer);
    },
    onDraining: (peer, draining) => {
      parts.members.markDraining(peer, draining);
      parts.harbors.markDraining(peer, draining);
      if (draining) parts.between.onDraining(peer);
    },
    onReplaced,
    callsWait: (peer, over) =>
      (over === undefined ? parts.caller.calls.waitsFor(peer) : parts.caller.calls.waitOver(over.sent)) ||
      parts.between.callsWait(peer, over),
    handlersWork: (channel) => parts.dispatcher.worksFor(channel) || parts.between.relaysFor(channel),
  };
}

/** Why a message for another group was not sent: its harbor was not reached. */
function overHarbor(cause: Error, harbor: LogicalAddress): Error {
  const text = `harbor ${formatAddress(harbor)}: ${cause.message}`;
  return cause instanceof UnsentError ? new UnsentError(cause.reason, text, cause.cause as Error | undefined) : cause;
}
