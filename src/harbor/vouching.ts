/**
 * Who may say what. A connection shows who the peer is; whether the peer may name another sender in a frame, or another
 * receiver, is decided here. Pure.
 */
import { ANONYMOUS, addressGroup, isHarbor, type LogicalAddress } from "../addr/logical-address.js";

/** `"here"`: for this node, and believed. `"onward"`: this harbor may pass it on. */
export type Vouching = "here" | "onward" | "forged";

/**
 * Judges a frame of `from` for `to` that came from `peer`.
 *
 * - From a plain node, `from` is that node. Only a harbor takes what is not for itself.
 * - At a plain node, its own harbor speaks for all other groups, and for nobody of this one.
 * - Between harbors, each speaks for its own group.
 */
export function vouch(self: LogicalAddress, peer: LogicalAddress, to: LogicalAddress, from: LogicalAddress): Vouching {
  const onward = to === self ? "here" : isHarbor(self) ? "onward" : "forged";
  if (from === peer) return onward;
  if (!isHarbor(peer) || from === ANONYMOUS) return "forged";
  const own = addressGroup(self);
  const theirs = addressGroup(peer);
  const speaker = addressGroup(from);
  if (isHarbor(self)) return theirs !== own && speaker === theirs ? onward : "forged";
  return theirs === own && speaker !== own ? onward : "forged";
}
