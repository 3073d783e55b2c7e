/**
 * Two nodes may dial each other at once. Which of the two connections stays is a pure function of the two addresses:
 * the one that the lower address dialed. The winner parks the other's connection until its own dial has settled, so
 * that a firewall which lets only one direction through still leaves them a link.
 */
import type { LogicalAddress } from "../addr/logical-address.js";

/** Whether the connection that `self` dials to `peer` wins over the one that `peer` dials to `self`. */
export function ownDialWins(self: LogicalAddress, peer: LogicalAddress): boolean {
  return self < peer;
}

/** What an acceptor knows about its link to a peer that has just proved who it is. */
export interface LinkView {
  readonly phase: "idle" | "dialing" | "settling" | "ready" | "waiting" | "draining" | "closed";
  /** Incarnation of the peer on the present connection. */
  readonly peerIncarnation: bigint | undefined;
}

export type InboundDecision =
  /** Take it, and give up what there is. */
  | "accept"
  /** Wait for the own dial. */
  | "park"
  /** Ask the present connection whether it is alive: if so refuse, else accept. */
  | "probe"
  | "refuse-closed";

/** Pure. An older incarnation loses only against a newer one that is alive, and the same one only against itself. */
export function decideInbound(self: LogicalAddress, peer: LogicalAddress, view: LinkView, incarnation: bigint): InboundDecision {
  switch (view.phase) {
    case "idle":
    case "waiting":
    case "draining":
      return "accept";
    case "dialing":
      return ownDialWins(self, peer) ? "park" : "accept";
    case "settling":
    case "ready":
      return incarnation > view.peerIncarnation! ? "accept" : "probe";
    case "closed":
      return "refuse-closed";
  }
}
