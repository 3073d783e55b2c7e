/** How a node looks at the others: the view that it keeps of a discovery, and what follows from a change of it. */
import { type AddressText, formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import type { Discovery, Member } from "../discovery/discovery.js";
import { Members } from "../discovery/members.js";
import type { MembershipChange } from "../discovery/membership.js";
import { discoveryEvents, memberEvents } from "../events/channels.js";
import type { MemberEvent } from "../events/events.js";
import type { NodeParts } from "./node-parts.js";
import type { ResolvedNodeOptions } from "./options.js";

/**
 * A view of `discovery` that tells the log and the events what its owner should hear. Not started.
 *
 * @param probe - dials a node that could not be reached.
 */
export function viewOf(
  discovery: Discovery,
  { address, clock, logger, random }: ResolvedNodeOptions,
  probe: (peer: LogicalAddress) => void,
): Members {
  return new Members({
    self: address,
    discovery,
    clock,
    random,
    probe,
    report: ({ level, text, type }) => {
      logger[level]({ type }, text);
      if (discoveryEvents.hasSubscribers) discoveryEvents.publish({ type, node: formatAddress(address), level, reason: text });
    },
  });
}

/** Tells the links and the ways to other groups who has come, changed and gone. */
export function onMembersChanged({ options, links, between }: NodeParts, change: MembershipChange): void {
  const { added, updated, removed } = change;
  if (memberEvents.hasSubscribers) sayMembers(formatAddress(options.address), change);
  for (const member of added) links.onMemberChanged(member.address, true);
  for (const member of updated) links.onMemberChanged(member.address, true);
  for (const member of removed) links.onMemberChanged(member.address, between.locate(member.address) !== undefined);
  between.onMembersChanged(removed);
}

function sayMembers(node: AddressText, { added, updated, removed }: MembershipChange): void {
  const say = (type: MemberEvent["type"], member: Member): void =>
    memberEvents.publish({ type, node, peer: formatAddress(member.address), member });
  for (const member of removed) say("removed", member);
  for (const member of added) say("added", member);
  for (const member of updated) say("updated", member);
}
