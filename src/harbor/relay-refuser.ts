/** Says that something is not passed on: to the caller, and where nobody waits, to whoever listens on this harbor. */
import { formatAddress } from "../addr/logical-address.js";
import { dropEvents } from "../events/channels.js";
import { AT, KIND } from "../wire/header.js";
import type { Pair } from "./pairs.js";
import type { RelayPort } from "./ports.js";
import { factsOf, LIMIT_OF, type Refusal, type Refused, refusal, tellCaller } from "./refusals.js";
import type { RelayCounts } from "./relay-counts.js";
import type { RelayEnvironment } from "./relay-environment.js";
import { begins, ROLE, type Role } from "./roles.js";

export class RelayRefuser {
  readonly #env: RelayEnvironment;
  readonly #counts: RelayCounts;

  constructor(env: RelayEnvironment, counts: RelayCounts) {
    this.#env = env;
    this.#counts = counts;
  }

  /** `frame[start, ...)` is not passed on. Once per message, however many pieces it is in. */
  refuse(pair: Pair, back: RelayPort, frame: Buffer, start: number, role: Role, why: Refusal): void {
    const facts = factsOf(frame, start);
    if (frame[start + AT.kind] === KIND.fragment) {
      if (pair.refusedSeq === facts.seq && !begins(frame, start, frame.length)) return;
      pair.refusedSeq = facts.seq;
    }
    this.say(back, facts, role, why);
  }

  /** A reply is too much for a caller who does not read: it learns that there was one. */
  refuseReply(pair: Pair | undefined, back: RelayPort, frame: Buffer, start: number, end: number): void {
    const { epoch, from, seq, to } = factsOf(frame, start);
    if (pair !== undefined && frame[start + AT.kind] === KIND.fragment) {
      if (pair.refusedReplySeq === seq && !begins(frame, start, end)) return;
      pair.refusedReplySeq = seq;
    }
    this.say(back, { to: from, from: to, epoch, seq }, ROLE.request, refusal.slowCaller(to));
  }

  say(back: RelayPort, message: Refused, role: Role, why: Refusal): void {
    const { limits, self, warn } = this.#env;
    this.#counts.refused(why.reason);
    const limit = LIMIT_OF[why.reason];
    if (limit !== undefined) limits.hit(limit, why.text, message.from);
    if (role === ROLE.request) return tellCaller(self, back, message, why);
    this.#counts.oneWaysDropped++;
    const [from, to] = [formatAddress(message.from), formatAddress(message.to)];
    if (dropEvents.hasSubscribers)
      dropEvents.publish({ type: "dropped", node: formatAddress(self), peer: from, cause: "notRelayed", reason: why.text });
    warn(`${from} ${to} ${why.reason}`, `did not pass on a one-way message of ${from} to ${to}: ${why.text}`);
  }
}
