/**
 * A harbor at work: frames of others come in over one connection and go on over another, as they came but for two fields of
 * their header. Nothing is decoded, and what is remembered is counted per pair of nodes, not per message.
 *
 *     sender --inbound port--> [ pair ] --link--> target, or a harbor of its group
 *                 ^                 |
 *                 +---- answers ----+
 */
import { ANONYMOUS, addressGroup, formatAddress, isHarbor, type LogicalAddress } from "../addr/logical-address.js";
import { dropEvents } from "../events/channels.js";
import type { LimitHits } from "../events/limit-hits.js";
import type { Clock } from "../internal/clock.js";
import { COMMIT } from "../internal/commit-result.js";
import type { Resolved } from "../internal/resolved.js";
import { UnsentError } from "../internal/unsent-error.js";
import { decodeGone, encodeGone, GONE_BYTES } from "../wire/gone.js";
import { AT, FLAGS, getU32, KIND } from "../wire/header.js";
import { MAX_HOPS } from "../wire/limits.js";
import { HarborChoices } from "./harbor-choices.js";
import type { HarborOptions } from "./harbor-options.js";
import { nextHop, type RouteView } from "./next-hop.js";
import { type Pair, Pairs } from "./pairs.js";
import type { HeldFrame, RelayLink, RelayPort } from "./ports.js";
import { factsOf, LIMIT_OF, type Refusal, type Refused, refusal, tellCaller } from "./refusals.js";
import { type RelayCounters, RelayCounts } from "./relay-counts.js";
import { begins, completes, ROLE, type Role, roleOf } from "./roles.js";

export interface RelayEnvironment {
  readonly self: LogicalAddress;
  readonly clock: Clock;
  readonly options: Resolved<HarborOptions>;
  readonly limits: LimitHits;
  readonly view: RouteView;
  /** Whether only exported nodes of this group are reached by other groups. */
  readonly enforcesExport: boolean;
  isExported(address: LogicalAddress): boolean;
  /** The link to a neighbour that discovery knows. */
  link(peer: LogicalAddress): RelayLink;
  /** The link, if there is one. */
  peek(peer: LogicalAddress): RelayLink | undefined;
  links(): Iterable<RelayLink>;
  /** Something was not passed on, and nobody else is told. To be said seldom. */
  warn(key: string, text: string): void;
}

/** Bytes after which it is looked anew how many wait in all. */
const LOOK_EVERY_BYTES = 1024 * 1024;

/** What a destination may still have waiting when too much waits in all. */
const LEAST_BYTES = 64 * 1024;

export class Relay {
  readonly #env: RelayEnvironment;
  readonly #pairs: Pairs;
  readonly #choices = new HarborChoices();
  readonly #counts = new RelayCounts();
  /** Those of the last request and of the last answer: most frames in a row belong to one. */
  #asking: Pair | undefined;
  #answering: Pair | undefined;
  /** Goes up when discovery changes what may be reached. */
  #version = 0;
  #unlookedBytes = 0;
  /** Bytes that wait in all, when that is too many. */
  #tooManyBytes: number | undefined;

  constructor(env: RelayEnvironment) {
    this.#env = env;
    this.#pairs = new Pairs(env.options.maxPairs);
  }

  get counters(): RelayCounters {
    return this.#counts.snapshot(this.#pairs.size, waitingBytesOf(this.#env.links()));
  }

  /** Hot path. A frame that is not for this node, from a peer that may say so. */
  pass(port: RelayPort, frame: Buffer, start: number, end: number, to: LogicalAddress, from: LogicalAddress): void {
    const role = roleOf(frame, start, end);
    switch (role) {
      case ROLE.request:
      case ROLE.oneWay:
      case ROLE.cancel:
        return this.#ask(port, frame, start, end, to, from, role);
      case ROLE.answer:
        return this.#answer(port, frame, start, end, to, from);
      case ROLE.gone:
        return this.#passGone(port, frame, start, end, to);
      case ROLE.none: {
        const kind = frame[start + AT.kind]!;
        if ((frame[start + AT.flags]! & FLAGS.ignorable) === 0) this.#refuse(port, factsOf(frame, start), ROLE.request, refusal.kind(kind));
      }
    }
  }

  /** A connection is gone: who sent over it learns what it had carried. */
  onLost(port: RelayPort): void {
    const peer = port.peer.address;
    for (const pair of this.#pairs.behind(peer)) {
      const last = pair.lose(port);
      if (last === 0) continue;
      for (const back of pair.waysBack(last)) this.#tellGone(pair, back.port, back.lastSeq);
    }
    if (isHarbor(peer) && this.#env.peek(peer)?.ready === undefined) this.#leave(peer);
  }

  /** A harbor takes nothing new. */
  onDraining(peer: LogicalAddress): void {
    if (isHarbor(peer)) this.#leave(peer);
  }

  /** A dial failed. What waits for it goes over another harbor, where there is one; a sender does not wait for the next attempt. */
  onUnreachable(peer: LogicalAddress): void {
    const { peek, view } = this.#env;
    const link = peek(peer);
    const hasOther = isHarbor(peer) && view.harborsOf(addressGroup(peer)).some(({ address }) => !view.isUnreachable(address));
    if (hasOther) this.#leave(peer);
    for (const frame of link?.takeQueued(isRelayed) ?? []) {
      const pair = hasOther && frame.to !== peer ? this.#pairs.get(frame.from, frame.to) : undefined;
      const next = pair && this.#linkTo(pair);
      if (next === undefined || "reason" in next) this.#refuseHeld(frame, refusal.unreachable(link!.describe()));
      else this.#enqueue(pair!, next, frame);
    }
  }

  /** These frames, which waited, have gone out. */
  onSent(frames: readonly HeldFrame[], peer: LogicalAddress): void {
    const port = this.#env.peek(peer)?.channel;
    if (port === undefined) return;
    for (const { epoch, frame, from, seq, to } of frames) {
      this.#pairs.get(from, to)?.sent(port, epoch, seq);
      this.#count(frame.length);
    }
  }

  /** These frames, which waited for the link to `peer`, will not go out. */
  onUnsent(frames: readonly HeldFrame[], cause: Error, peer: LogicalAddress): void {
    const now = this.#env.clock.now();
    for (const frame of frames) this.#refuseHeld(frame, frame.deadlineAt <= now ? refusal.deadline(peer) : unsentRefusal(cause));
  }

  onMembersChanged(): void {
    this.#version++;
  }

  /** Whether somebody waits for an answer from behind `peer`. */
  callsWait(peer: LogicalAddress): boolean {
    const now = this.#env.clock.now();
    for (const pair of this.#pairs.behind(peer)) if (pair.port?.peer.address === peer && pair.isWaiting(now)) return true;
    return false;
  }

  /** Whether an answer is still to go out over `port`; without one, over any. */
  worksFor(port?: RelayPort): boolean {
    const now = this.#env.clock.now();
    for (const pair of this.#pairs) if ((port === undefined || pair.answersOver(port)) && pair.isWaiting(now)) return true;
    return false;
  }

  /** Hot path, as long as the link is up and its peer reads. */
  #ask(port: RelayPort, frame: Buffer, start: number, end: number, to: LogicalAddress, from: LogicalAddress, role: Role): void {
    let pair = this.#asking;
    if (pair === undefined || pair.to !== to || pair.from !== from) {
      pair = this.#pairs.get(from, to);
      if (pair === undefined) return this.#askSlowly(port, frame, start, end, to, from, role);
      this.#asking = pair;
    }
    const out = pair.link?.ready;
    const hops = frame[start + AT.hops]!;
    const isPlain = role !== ROLE.cancel && pair.inbound === port && pair.checkedFor === this.#version && this.#tooManyBytes === undefined;
    if (!isPlain || out === undefined || hops === 0 || out.overfull) return this.#askSlowly(port, frame, start, end, to, from, role);
    frame[start + AT.hops] = hops - 1;
    pair.sent(out, getU32(frame, start + AT.epoch), getU32(frame, start + AT.seq));
    if (role === ROLE.request) expect(pair, frame, start, end, port.arrivedAt);
    this.#count(end - start);
    out.relay(frame, start, end);
  }

  #askSlowly(port: RelayPort, frame: Buffer, start: number, end: number, to: LogicalAddress, from: LogicalAddress, role: Role): void {
    const { clock } = this.#env;
    const facts = factsOf(frame, start);
    const pair = this.#pairs.get(from, to) ?? this.#pairs.add(from, to, port, clock.now());
    if (pair === undefined) return this.#refuse(port, facts, role, refusal.tooManyPairs(this.#pairs.size));
    if (pair.inbound !== port && role !== ROLE.cancel) pair.comesFrom(port);
    const hops = frame[start + AT.hops]!;
    if (role === ROLE.cancel) return hops === 0 ? undefined : this.#cancel(pair, facts, frame, start, end);
    const denied = hops === 0 ? refusal.hops() : this.#denial(port, pair);
    if (denied !== undefined) return this.#refuseOnce(pair, port, facts, frame, start, role, denied);
    const link = this.#linkTo(pair);
    const no = "reason" in link ? link : this.#fullness(link);
    if (no !== undefined || "reason" in link) return this.#refuseOnce(pair, port, facts, frame, start, role, no!);
    if (role === ROLE.request) expect(pair, frame, start, end, port.arrivedAt);
    const out = link.ready;
    if (out !== undefined) {
      frame[start + AT.hops] = hops - 1;
      pair.sent(out, facts.epoch, facts.seq);
      this.#count(end - start);
      return out.relay(frame, start, end);
    }
    const remainingMs = getU32(frame, start + AT.remainingMs);
    this.#enqueue(pair, link, {
      ...facts,
      frame: Buffer.from(frame.subarray(start, end)),
      kind: frame[start + AT.kind]!,
      flags: frame[start + AT.flags]!,
      deadlineAt: remainingMs === 0 ? Number.POSITIVE_INFINITY : port.arrivedAt + remainingMs,
      hops: hops - 1,
    });
  }

  /** Why a pair is not relayed for at all. */
  #denial(port: RelayPort, pair: Pair): Refusal | undefined {
    const { enforcesExport, isExported, self } = this.#env;
    const { from, to } = pair;
    const own = addressGroup(self);
    const isFromOutside = addressGroup(from) !== own;
    if (from === ANONYMOUS || (isFromOutside && from === port.peer.address && !isHarbor(from))) return refusal.stranger(self);
    if (isFromOutside && addressGroup(to) !== own) return refusal.notResponsible(to);
    if (!isFromOutside && addressGroup(to) === own) return refusal.stranger(self);
    if (enforcesExport && isFromOutside && !isExported(to)) return refusal.notExported();
    pair.checkedFor = this.#version;
    return undefined;
  }

  /** The link to the next hop; a harbor stays what was chosen for the target as long as it can be reached. */
  #linkTo(pair: Pair): RelayLink | Refusal {
    const { self, view } = this.#env;
    const { to } = pair;
    if (pair.link?.ready !== undefined) return pair.link;
    const hop = nextHop(self, to, view);
    switch (hop.type) {
      case "node":
        pair.link = this.#env.link(hop.address);
        return pair.link;
      case "harborOf": {
        const harbors = view.harborsOf(hop.group);
        let harbor = this.#choices.choose(to, harbors);
        if (harbor !== undefined && !view.knows(harbor) && this.#env.peek(harbor)?.ready === undefined) {
          this.#leave(harbor);
          harbor = this.#choices.choose(to, harbors);
        }
        if (harbor === undefined) return refusal.noHarborThere(to);
        pair.link = this.#env.link(harbor);
        return pair.link;
      }
      case "none":
        return hop.reason === "noHarborThere" ? refusal.noHarborThere(to) : refusal.unknownTarget();
    }
  }

  #fullness(link: RelayLink): Refusal | undefined {
    if (link.ready?.overfull === true) return refusal.slowTarget(link.peer);
    if (this.#tooManyBytes === undefined) return undefined;
    this.#look();
    return this.#tooManyBytes !== undefined && link.waitingBytes > LEAST_BYTES ? refusal.tooManyBytes(this.#tooManyBytes) : undefined;
  }

  #enqueue(pair: Pair, link: RelayLink, frame: HeldFrame): void {
    pair.link = link;
    const result = link.enqueue(frame);
    switch (result) {
      case COMMIT.sent:
        return this.onSent([frame], link.peer);
      case COMMIT.queued:
        return;
      case COMMIT.pendingFull:
        return this.#refuseHeld(frame, refusal.queueFull(link.peer));
      case COMMIT.congested:
        return this.#refuseHeld(frame, refusal.slowTarget(link.peer));
      case COMMIT.unknownTarget:
        return this.#refuseHeld(frame, refusal.unknownTarget());
      case COMMIT.closed:
        return this.#refuseHeld(frame, refusal.left(link.describe()));
    }
  }

  /** Hot path. To where the request came from, and nowhere else: there somebody waits, or was told. */
  #answer(port: RelayPort, frame: Buffer, start: number, end: number, to: LogicalAddress, from: LogicalAddress): void {
    let pair = this.#answering;
    if (pair === undefined || pair.from !== to || pair.to !== from) {
      pair = this.#pairs.get(to, from);
      this.#answering = pair;
    }
    const hops = frame[start + AT.hops]!;
    const back = pair?.wayBack(getU32(frame, start + AT.seq));
    const out = back === undefined || back.isClosed ? this.#wayBack(to, back) : back;
    if (pair !== undefined && completes(frame, start, end)) pair.answered();
    if (out === undefined || out === port || hops === 0) {
      this.#counts.answersDropped++;
      return;
    }
    const kind = frame[start + AT.kind]!;
    if (out.overfull && (kind === KIND.reply || kind === KIND.fragment)) {
      const { epoch, seq } = factsOf(frame, start);
      if (pair !== undefined && kind === KIND.fragment) {
        if (pair.refusedReplySeq === seq && !begins(frame, start, end)) return;
        pair.refusedReplySeq = seq;
      }
      // Not the reply, but that there was one. What is small anyhow goes on.
      return this.#refuse(out, { to: from, from: to, epoch, seq }, ROLE.request, refusal.slowCaller(to));
    }
    frame[start + AT.hops] = hops - 1;
    this.#count(end - start);
    out.relay(frame, start, end);
  }

  /** A pair that was forgotten, or whose connection was closed in order: only where there is a connection. */
  #wayBack(caller: LogicalAddress, closed: RelayPort | undefined): RelayPort | undefined {
    const { peek, self, view } = this.#env;
    if (closed !== undefined) return peek(closed.peer.address)?.channel;
    const hop = nextHop(self, caller, view);
    if (hop.type === "node") return peek(hop.address)?.channel;
    if (hop.type === "none") return undefined;
    const harbor = this.#choices.choose(caller, view.harborsOf(hop.group));
    return harbor === undefined ? undefined : peek(harbor)?.channel;
  }

  #tellGone({ epoch, from, to }: Pair, back: RelayPort, lastSeq: number): void {
    this.#counts.gone++;
    const hops = back.peer.address === from ? 0 : MAX_HOPS;
    back.tell(KIND.gone, FLAGS.ignorable, hops, from, this.#env.self, epoch, 0, encodeGone({ target: to, lastSeq }));
  }

  /** A farther harbor has lost a link: only it can say so, and only of targets of its group. */
  #passGone(port: RelayPort, frame: Buffer, start: number, end: number, sender: LogicalAddress): void {
    const hops = frame[start + AT.hops]!;
    if (end - start < AT.body + GONE_BYTES || hops === 0) return;
    const { target, lastSeq } = decodeGone(frame, start + AT.body, end);
    const pair = this.#pairs.get(sender, target);
    if (pair === undefined || addressGroup(target) !== addressGroup(port.peer.address)) return;
    if (lastSeq === pair.lastSeq) pair.unanswered = 0;
    frame[start + AT.hops] = hops - 1;
    for (const back of pair.waysBack(lastSeq)) back.port.relay(frame, start, end);
  }

  /** A request that still waits here is taken back; else its cancel goes where it went, if that is still open. */
  #cancel(pair: Pair, { epoch, from, seq, to }: Refused, frame: Buffer, start: number, end: number): void {
    const isIt = (held: HeldFrame): boolean =>
      isRelayed(held) && held.seq === seq && held.to === to && held.from === from && held.epoch === epoch;
    pair.answered();
    if (pair.link !== undefined && pair.link.takeQueued(isIt).length > 0) return;
    const port = pair.carrier(seq);
    if (port === undefined) return;
    frame[start + AT.hops]!--;
    this.#count(end - start);
    port.relay(frame, start, end);
  }

  #refuseHeld(frame: HeldFrame, why: Refusal): void {
    const pair = this.#pairs.get(frame.from, frame.to);
    const role = roleOf(frame.frame, 0, frame.frame.length);
    if (role === ROLE.request && begins(frame.frame, 0, frame.frame.length)) pair?.answered();
    if (pair !== undefined && !pair.inbound.isClosed) this.#refuseOnce(pair, pair.wayBack(frame.seq), frame, frame.frame, 0, role, why);
  }

  /** Once per message, however many pieces it is in. */
  #refuseOnce(pair: Pair, back: RelayPort, facts: Refused, frame: Buffer, start: number, role: Role, why: Refusal): void {
    if (frame[start + AT.kind] === KIND.fragment) {
      if (pair.refusedSeq === facts.seq && !begins(frame, start, frame.length)) return;
      pair.refusedSeq = facts.seq;
    }
    this.#refuse(back, facts, role, why);
  }

  #refuse(back: RelayPort, frame: Refused, role: Role, why: Refusal): void {
    if (role === ROLE.cancel) return; // the answer to its request has been given, or will be
    const { limits, self } = this.#env;
    this.#counts.refused(why.reason);
    const limit = LIMIT_OF[why.reason];
    if (limit !== undefined) limits.hit(limit, why.text, frame.from);
    if (role === ROLE.request) return tellCaller(self, back, frame, why);
    this.#counts.oneWaysDropped++;
    const [from, to] = [formatAddress(frame.from), formatAddress(frame.to)];
    if (dropEvents.hasSubscribers)
      dropEvents.publish({ type: "dropped", node: formatAddress(self), peer: from, cause: "notRelayed", reason: why.text });
    this.#env.warn(`${from} ${to} ${why.reason}`, `did not pass on a one-way message of ${from} to ${to}: ${why.text}`);
  }

  #leave(harbor: LogicalAddress): void {
    this.#choices.leave(harbor);
    for (const pair of this.#pairs.behind(harbor)) if (pair.link?.peer === harbor && pair.to !== harbor) pair.link = undefined;
  }

  /** Hot path. */
  #count(bytes: number): void {
    this.#counts.frames++;
    this.#counts.bytes += bytes;
    this.#unlookedBytes += bytes;
    if (this.#unlookedBytes >= LOOK_EVERY_BYTES) this.#look();
  }

  #look(): void {
    this.#unlookedBytes = 0;
    const bytes = waitingBytesOf(this.#env.links());
    this.#tooManyBytes = bytes > this.#env.options.maxWaitingBytes ? bytes : undefined;
  }
}

/** Hot path. An answer is due, once per request. */
function expect(pair: Pair, frame: Buffer, start: number, end: number, now: number): void {
  if (!begins(frame, start, end)) return;
  const remainingMs = getU32(frame, start + AT.remainingMs);
  pair.waits(remainingMs === 0 ? Number.POSITIVE_INFINITY : now + remainingMs);
}

export function isRelayed(frame: Pick<HeldFrame, "hops">): boolean {
  return frame.hops !== undefined;
}

function unsentRefusal(cause: Error): Refusal {
  if (cause instanceof UnsentError && cause.reason === "left") return refusal.left(cause.message);
  if (cause instanceof UnsentError && cause.reason === "unknown") return refusal.unknownTarget();
  return refusal.unreachable(cause.message);
}

function waitingBytesOf(links: Iterable<RelayLink>): number {
  let bytes = 0;
  for (const link of links) bytes += link.waitingBytes;
  return bytes;
}
