/**
 * A harbor at work: frames of others come in over one connection and go on over another, as they came but for two fields of
 * their header. Nothing is decoded, and what is remembered is counted per pair of nodes, not per message.
 *
 *     sender --inbound port--> [ pair ] --link--> target, or a harbor of its group
 *                 ^                 |
 *                 +---- answers ----+
 */
import { addressGroup, isHarbor, type LogicalAddress } from "../addr/logical-address.js";
import { COMMIT } from "../internal/commit-result.js";
import { UnsentError } from "../internal/unsent-error.js";
import { decodeGone, encodeGone, GONE_BYTES } from "../wire/gone.js";
import { AT, FLAGS, getU32, KIND } from "../wire/header.js";
import { MAX_HOPS } from "../wire/limits.js";
import { hasOther } from "./next-hop.js";
import { type Pair, Pairs } from "./pairs.js";
import type { HeldFrame, RelayLink, RelayPort } from "./ports.js";
import { factsOf, type Refusal, refusal } from "./refusals.js";
import { type RelayCounters, RelayCounts } from "./relay-counts.js";
import type { RelayEnvironment } from "./relay-environment.js";
import { RelayRefuser } from "./relay-refuser.js";
import { RelayRoutes } from "./relay-routes.js";
import { begins, completes, ROLE, type Role, roleOf } from "./roles.js";
import { WaitingBytes } from "./waiting-bytes.js";

export class Relay {
  readonly #env: RelayEnvironment;
  readonly #pairs: Pairs;
  readonly #routes: RelayRoutes;
  readonly #counts = new RelayCounts();
  readonly #refuser: RelayRefuser;
  readonly #waiting: WaitingBytes;
  /** Those of the last request and of the last answer: most frames in a row belong to one. */
  #asking: Pair | undefined;
  #answering: Pair | undefined;

  constructor(env: RelayEnvironment) {
    this.#env = env;
    this.#pairs = new Pairs(env.options.maxPairs);
    this.#routes = new RelayRoutes(env, this.#pairs);
    this.#refuser = new RelayRefuser(env, this.#counts);
    this.#waiting = new WaitingBytes(() => env.links(), env.options.maxWaitingBytes);
  }

  get counters(): RelayCounters {
    return this.#counts.snapshot(this.#pairs.size, this.#waiting.now);
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
        if ((frame[start + AT.flags]! & FLAGS.ignorable) === 0)
          this.#refuser.say(port, factsOf(frame, start), ROLE.request, refusal.kind(kind));
      }
    }
  }

  /** A connection is gone: who sent over it learns what it had carried. */
  onLost(port: RelayPort): void {
    const peer = port.peer.address;
    this.#pairs.forgetPort(port);
    for (const pair of this.#pairs.behind(peer)) {
      const last = pair.lose(port);
      if (last === 0) continue;
      for (const back of pair.waysBack(last)) this.#tellGone(pair, back.port, back.lastSeq);
    }
    if (this.#env.peek(peer)?.ready === undefined) this.#leave(peer);
  }

  /** A harbor takes nothing new. */
  onDraining(peer: LogicalAddress): void {
    this.#leave(peer);
  }

  /** A dial failed. What waits for it goes over another harbor, where there is one; a sender does not wait for the next attempt. */
  onUnreachable(peer: LogicalAddress): void {
    this.#leave(peer);
    const link = this.#env.peek(peer);
    for (const frame of link?.takeQueued(isRelayed) ?? []) this.#refuseHeld(frame, refusal.unreachable(link!.describe()));
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
    this.#routes.version++;
  }

  /** Whether somebody waits for an answer from behind `peer`; with `over`, to what went out over that connection. */
  callsWait(peer: LogicalAddress, over?: RelayPort): boolean {
    const now = this.#env.clock.now();
    for (const pair of this.#pairs.behind(peer)) {
      const isOver = over === undefined ? pair.port?.peer.address === peer && pair.isWaiting(now) : pair.isWaitingOver(over, now);
      if (isOver) return true;
    }
    return false;
  }

  /** Whether an answer is still to go out over `port`; without one, over any. */
  worksFor(port?: RelayPort): boolean {
    const now = this.#env.clock.now();
    if (port === undefined) {
      for (const pair of this.#pairs) if (pair.isWaiting(now)) return true;
      return false;
    }
    for (const pair of this.#pairs.answeredOver(port)) if (pair.isWaitingFor(port, now)) return true;
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
    const isPlain = role !== ROLE.cancel && pair.inbound === port && pair.checkedFor === this.#routes.version;
    if (!isPlain || this.#waiting.isExcessive || out === undefined || hops === 0 || out.congested)
      return this.#askSlowly(port, frame, start, end, to, from, role);
    frame[start + AT.hops] = hops - 1;
    pair.burstBytes = 0;
    pair.sent(out, getU32(frame, start + AT.epoch), getU32(frame, start + AT.seq));
    if (role === ROLE.request) expect(pair, frame, start, end, port.arrivedAt);
    this.#count(end - start);
    out.relay(frame, start, end);
  }

  #askSlowly(port: RelayPort, frame: Buffer, start: number, end: number, to: LogicalAddress, from: LogicalAddress, role: Role): void {
    const known = this.#pairs.get(from, to);
    const hops = frame[start + AT.hops]!;
    if (role === ROLE.cancel) return known === undefined || hops === 0 ? undefined : this.#cancel(known, frame, start, end);
    const facts = factsOf(frame, start);
    const pair = known ?? this.#pairs.add(from, to, port, this.#env.clock.now());
    if (pair === undefined) return this.#refuser.say(port, facts, role, refusal.tooManyPairs(this.#pairs.size));
    if (pair.inbound !== port) this.#pairs.move(pair, port);
    const denied = hops === 0 ? refusal.hops() : this.#routes.denial(port, pair);
    if (denied !== undefined) return this.#refuser.refuse(pair, port, frame, start, role, denied);
    const link = this.#routes.linkTo(pair);
    const no = "reason" in link ? link : this.#fullness(link, pair, end - start);
    if (no !== undefined || "reason" in link) return this.#refuser.refuse(pair, port, frame, start, role, no!);
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

  #fullness(link: RelayLink, pair: Pair, frameBytes: number): Refusal | undefined {
    pair.burstBytes = link.ready?.congested === true ? pair.burstBytes + frameBytes : 0;
    if (link.ready?.overfull === true || pair.burstBytes > this.#env.maxBurstBytes) return refusal.slowTarget(link.peer);
    const bytes = this.#waiting.excessFor(link);
    return bytes === undefined ? undefined : refusal.tooManyBytes(bytes);
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
    const out = back === undefined || back.isClosed ? this.#routes.wayBack(to, back) : back;
    if (pair !== undefined && completes(frame, start, end)) pair.answered();
    if (out === undefined || out === port || hops === 0) {
      this.#counts.answersDropped++;
      return;
    }
    const kind = frame[start + AT.kind]!;
    // What is small anyhow goes on.
    if (out.overfull && (kind === KIND.reply || kind === KIND.fragment)) return this.#refuser.refuseReply(pair, out, frame, start, end);
    frame[start + AT.hops] = hops - 1;
    this.#count(end - start);
    out.relay(frame, start, end);
  }

  /** What goes over `harbor` goes over another one of its group from now on, where there is one, and first what waits for it already. */
  #leave(harbor: LogicalAddress): void {
    if (!isHarbor(harbor) || !hasOther(this.#env.view, harbor)) return;
    this.#routes.leave(harbor);
    for (const frame of this.#env.peek(harbor)?.takeQueued((held) => isRelayed(held) && held.to !== harbor) ?? []) {
      const pair = this.#pairs.get(frame.from, frame.to);
      const next = pair === undefined ? refusal.unknownTarget() : this.#routes.linkTo(pair);
      if ("reason" in next) this.#refuseHeld(frame, next);
      else this.#enqueue(pair!, next, frame);
    }
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
  #cancel(pair: Pair, frame: Buffer, start: number, end: number): void {
    const { epoch, from, seq, to } = factsOf(frame, start);
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
    const back = pair?.wayBack(frame.seq);
    if (back?.isClosed === false) return this.#refuser.refuse(pair!, back, frame.frame, 0, role, why);
    this.#counts.refused(why.reason); // whoever sent it is gone, or has been forgotten: nobody waits
    if (role === ROLE.oneWay) this.#counts.oneWaysDropped++;
  }

  /** Hot path. */
  #count(bytes: number): void {
    this.#counts.frames++;
    this.#counts.bytes += bytes;
    this.#waiting.passed(bytes);
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
