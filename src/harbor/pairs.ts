/**
 * What a relay remembers: one entry per pair of sender and target, however many messages there are. It says where answers
 * go, what a lost link has carried, and whether anybody waits.
 */
import { addressGroup, isHarbor, type LogicalAddress } from "../addr/logical-address.js";
import { seqBefore } from "../wire/header.js";
import type { RelayLink, RelayPort } from "./ports.js";

export class Pair {
  readonly from: LogicalAddress;
  readonly to: LogicalAddress;
  /** Where the sender's frames come from, and answers to it go. */
  inbound: RelayPort;
  /** Where they came from before, while that is open, and the last number that did: each answer goes back where its request came from. */
  #earlierInbound: RelayPort | undefined;
  #earlierInboundSeq = 0;
  #earlierInboundUntil = Number.NEGATIVE_INFINITY;
  /** Where they go. */
  link: RelayLink | undefined;
  /** Of the sender's incarnation; -1 until something went out. */
  epoch = -1;
  /** The connection that carried the last message, and its number: 0 for none. */
  port: RelayPort | undefined;
  lastSeq = 0;
  /** The same of the connection before, while that is open. */
  #earlierPort: RelayPort | undefined;
  #earlierSeq = 0;
  #earlierUntil = Number.NEGATIVE_INFINITY;
  /** Requests passed on that have no answer yet, as far as a relay can tell: deadlines and cancels that cross an answer are not seen. */
  unanswered = 0;
  #waitsUntil = Number.NEGATIVE_INFINITY;
  isUsed = true;
  /** Bytes that were passed on since more waits at the connection than should. */
  burstBytes = 0;
  /** The large message, and the large reply, that were refused last: of their other pieces nobody is told again. 0: none. */
  refusedSeq = 0;
  refusedReplySeq = 0;
  /** The state of discovery for which it was found that the target may be reached from here. */
  checkedFor = -1;

  constructor(from: LogicalAddress, to: LogicalAddress, inbound: RelayPort) {
    this.from = from;
    this.to = to;
    this.inbound = inbound;
  }

  /** The sender's frames come over another connection from now on. Gives the one that answers go out over no longer. */
  comesFrom(inbound: RelayPort): RelayPort | undefined {
    const dropped = this.#earlierInbound;
    this.#earlierInbound = this.inbound.isClosed ? undefined : this.inbound;
    this.#earlierInboundSeq = this.lastSeq;
    this.#earlierInboundUntil = this.#waitsUntil;
    this.inbound = inbound;
    return dropped;
  }

  /** Hot path. Where the answer to number `seq` goes. */
  wayBack(seq: number): RelayPort {
    const earlier = this.#earlierInbound;
    if (earlier === undefined) return this.inbound;
    if (!earlier.isClosed) return seqBefore(this.#earlierInboundSeq, seq) ? this.inbound : earlier;
    this.#earlierInbound = undefined;
    return this.inbound;
  }

  /** Who is to learn that numbers up to `lastSeq` may be lost: the sender, over each connection that brought some of them. */
  *waysBack(lastSeq: number): IterableIterator<{ readonly port: RelayPort; readonly lastSeq: number }> {
    const [earlier, earlierSeq] = [this.#earlierInbound, this.#earlierInboundSeq];
    if (earlier?.isClosed === false) yield { port: earlier, lastSeq: seqBefore(lastSeq, earlierSeq) ? lastSeq : earlierSeq };
    if (!this.inbound.isClosed) yield { port: this.inbound, lastSeq };
  }

  /** The connections that answers may go out over. */
  get inbounds(): readonly RelayPort[] {
    return this.#earlierInbound === undefined ? [this.inbound] : [this.inbound, this.#earlierInbound];
  }

  /** The connection that carried number `seq`, if it is open. */
  carrier(seq: number): RelayPort | undefined {
    const port = this.#earlierPort !== undefined && !seqBefore(this.#earlierSeq, seq) ? this.#earlierPort : this.port;
    return port?.isClosed === false ? port : undefined;
  }

  /** Hot path. A message goes out over `port`. */
  sent(port: RelayPort, epoch: number, seq: number): void {
    this.isUsed = true;
    if (this.port !== port || this.epoch !== epoch) this.#switch(port, epoch);
    if (this.lastSeq === 0 || seqBefore(this.lastSeq, seq)) this.lastSeq = seq;
  }

  /** Hot path. An answer is due until then. */
  waits(deadlineAt: number): void {
    this.unanswered++;
    if (deadlineAt > this.#waitsUntil) this.#waitsUntil = deadlineAt;
  }

  /** Hot path. */
  answered(): void {
    if (this.unanswered > 0) this.unanswered--;
  }

  /** Whether an answer is still due. */
  isWaiting(now: number): boolean {
    return this.unanswered > 0 && !this.inbound.isClosed && now < this.#waitsUntil;
  }

  /** Whether an answer may still be due to a request that went out over `port`: of an earlier one all deadlines are over some day. */
  isWaitingOver(port: RelayPort, now: number): boolean {
    if (port === this.port) return this.isWaiting(now);
    return port === this.#earlierPort && now < this.#earlierUntil && this.isWaiting(now);
  }

  /** Whether an answer may still have to go out over `port`. */
  isWaitingFor(port: RelayPort, now: number): boolean {
    if (port === this.inbound) return this.isWaiting(now);
    return port === this.#earlierInbound && now < this.#earlierInboundUntil && this.isWaiting(now);
  }

  /** `port` is lost: the last number that it carried, 0 for none. */
  lose(port: RelayPort): number {
    if (this.port === port) {
      this.port = undefined;
      this.unanswered = 0;
      return this.lastSeq;
    }
    if (this.#earlierPort !== port) return 0;
    this.#earlierPort = undefined;
    return this.#earlierSeq;
  }

  #switch(port: RelayPort, epoch: number): void {
    const isSameLife = this.epoch === epoch;
    if (!isSameLife && this.epoch !== -1) this.unanswered = 0;
    this.#earlierPort = isSameLife && this.port !== port && this.port?.isClosed === false ? this.port : undefined;
    this.#earlierSeq = this.lastSeq;
    this.#earlierUntil = this.#waitsUntil;
    this.port = port;
    this.epoch = epoch;
    this.lastSeq = 0;
  }
}

export class Pairs {
  readonly #maxPairs: number;
  readonly #byTarget = new Map<LogicalAddress, Map<LogicalAddress, Pair>>();
  /** Pairs of which answers may go out over a connection, while that is open. */
  readonly #byInbound = new Map<RelayPort, Set<Pair>>();
  #size = 0;

  constructor(maxPairs: number) {
    this.#maxPairs = maxPairs;
  }

  get size(): number {
    return this.#size;
  }

  get(from: LogicalAddress, to: LogicalAddress): Pair | undefined {
    return this.#byTarget.get(to)?.get(from);
  }

  /** `undefined` when there are too many, all of them in use. */
  add(from: LogicalAddress, to: LogicalAddress, inbound: RelayPort, now: number): Pair | undefined {
    if (this.#size >= this.#maxPairs) this.#makeRoom(now);
    if (this.#size >= this.#maxPairs) return undefined;
    const pair = new Pair(from, to, inbound);
    let senders = this.#byTarget.get(to);
    if (senders === undefined) {
      senders = new Map();
      this.#byTarget.set(to, senders);
    }
    senders.set(from, pair);
    this.#size++;
    this.#index(pair, inbound);
    return pair;
  }

  /** The sender's frames come over another connection from now on. */
  move(pair: Pair, inbound: RelayPort): void {
    const dropped = pair.comesFrom(inbound);
    if (dropped !== undefined && dropped !== inbound) this.#byInbound.get(dropped)?.delete(pair);
    this.#index(pair, inbound);
  }

  /** Pairs of which answers may go out over `port`. */
  answeredOver(port: RelayPort): Iterable<Pair> {
    return this.#byInbound.get(port) ?? [];
  }

  /** The connection is gone. */
  forgetPort(port: RelayPort): void {
    this.#byInbound.delete(port);
  }

  /** Pairs whose frames may go over a link to `neighbour`. */
  *behind(neighbour: LogicalAddress): IterableIterator<Pair> {
    const direct = this.#byTarget.get(neighbour);
    if (direct !== undefined) yield* direct.values();
    if (!isHarbor(neighbour)) return;
    for (const [to, senders] of this.#byTarget)
      if (to !== neighbour && addressGroup(to) === addressGroup(neighbour)) yield* senders.values();
  }

  *[Symbol.iterator](): IterableIterator<Pair> {
    for (const senders of this.#byTarget.values()) yield* senders.values();
  }

  /** Forgets pairs for which nobody waits: those that were not used since the last time, or else all of them. */
  #makeRoom(now: number): void {
    this.#forget((pair) => !pair.isUsed && !pair.isWaiting(now));
    if (this.#size >= this.#maxPairs) this.#forget((pair) => !pair.isWaiting(now));
    for (const pair of this) pair.isUsed = false;
  }

  #index(pair: Pair, inbound: RelayPort): void {
    const pairs = this.#byInbound.get(inbound);
    if (pairs === undefined) this.#byInbound.set(inbound, new Set([pair]));
    else pairs.add(pair);
  }

  #forget(isMeant: (pair: Pair) => boolean): void {
    for (const [to, senders] of this.#byTarget) {
      for (const [from, pair] of senders) {
        if (!isMeant(pair)) continue;
        senders.delete(from);
        for (const port of pair.inbounds) this.#byInbound.get(port)?.delete(pair);
        this.#size--;
      }
      if (senders.size === 0) this.#byTarget.delete(to);
    }
  }
}
