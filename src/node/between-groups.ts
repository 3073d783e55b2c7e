/**
 * All that a node has to do with other groups: the ways out over harbors, what it believes of frames that name another
 * sender, their order, and at a harbor the relay.
 */
import { addressGroup, formatAddress, HARBOR_TYPE, isHarbor, type LogicalAddress } from "../addr/logical-address.js";
import type { Members } from "../discovery/members.js";
import type { LimitHits } from "../events/limit-hits.js";
import { Arrivals } from "../harbor/arrivals.js";
import { denialOf, type ExportRule } from "../harbor/denial.js";
import { HarborChoices } from "../harbor/harbor-choices.js";
import { hasOther, type NoRoute, nextHop, type RouteView } from "../harbor/next-hop.js";
import type { Refusal } from "../harbor/refusals.js";
import { isRelayed, Relay } from "../harbor/relay.js";
import type { RelayCounters } from "../harbor/relay-counts.js";
import { type Vouching, vouch } from "../harbor/vouching.js";
import type { Clock } from "../internal/clock.js";
import type { Logger } from "../internal/logger.js";
import { Seldom } from "../internal/seldom.js";
import { UnsentError } from "../internal/unsent-error.js";
import type { Channel } from "../link/channel.js";
import { FOREIGN, type Foreign } from "../link/channel-events.js";
import type { Link } from "../link/link.js";
import type { Links } from "../link/links.js";
import type { HeldMessage } from "../link/pending-queue.js";
import type { RpcCaller } from "../rpc/caller.js";
import { HINT } from "../rpc/failure.js";
import type { Outbound } from "../rpc/outbound.js";
import { decodeGone, GONE_BYTES } from "../wire/gone.js";
import { HarborWay, type WayEnvironment } from "./harbor-way.js";
import type { ResolvedNodeOptions } from "./options.js";

/** Targets in other groups that are remembered; when there are more, those for which nobody waits are forgotten. */
const MAX_WAYS = 65_536;

export interface BetweenGroupsOptions {
  readonly options: ResolvedNodeOptions;
  /** The nodes of this group. */
  readonly members: Members;
  /** A harbor's view of the other harbors; the same as `members` where one discovery serves both, or this is no harbor. */
  readonly harbors: Members;
  readonly limits: LimitHits;
  /** Made after this. */
  readonly links: () => Links;
  readonly caller: () => RpcCaller;
}

export class BetweenGroups {
  readonly #self: LogicalAddress;
  readonly #members: Members;
  readonly #harbors: Members;
  readonly #links: () => Links;
  readonly #caller: () => RpcCaller;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #seldom: Seldom;
  readonly #view: RouteView;
  readonly #wayEnvironment: WayEnvironment;
  readonly #ways = new Map<LogicalAddress, HarborWay>();
  readonly #choices = new HarborChoices();
  /** The same for streams, whose connections may fail where links do not. */
  readonly #streamChoices = new HarborChoices();
  readonly #exportRule: ExportRule;
  readonly #arrivals = new Arrivals();
  readonly #relay: Relay | undefined;
  #recent: HarborWay | undefined;
  #forged = 0;
  #late = 0;

  constructor({ options, members, harbors, limits, links, caller }: BetweenGroupsOptions) {
    const { address, clock, logger } = options;
    this.#self = address;
    this.#members = members;
    this.#harbors = harbors;
    this.#links = links;
    this.#caller = caller;
    this.#clock = clock;
    this.#logger = logger;
    this.#seldom = new Seldom(clock);
    this.#view = {
      knows: (peer) => this.locate(peer) !== undefined,
      harborsOf: (group) => this.#harborsOf(group),
      isUnreachable: (peer) => (this.#isOutside(peer) ? harbors : members).isUnreachable(peer),
    };
    this.#wayEnvironment = {
      chooseLink: (to) => this.#chooseLink(to),
      harborLinks: () => this.#harborLinks(),
      maxPayloadBytes: options.rpc.maxPayloadBytes,
    };
    this.#exportRule = {
      enforcesExport: options.export === "enforced",
      isExported: (target) => members.get(target)?.export === true,
    };
    this.#relay = isHarbor(address) ? this.#makeRelay(options, limits) : undefined;
  }

  /** Where a neighbour listens, whichever discovery says so. */
  locate(peer: LogicalAddress): string | undefined {
    return (this.#isOutside(peer) ? this.#harbors.get(peer) : this.#members.get(peer))?.endpoint;
  }

  get status(): RelayCounters | undefined {
    return this.#relay?.counters;
  }

  /** Frames that named a sender or a receiver which their peer may not name; each cost its connection. */
  get forged(): number {
    return this.#forged;
  }

  /** Messages that came behind later ones of their sender, over another harbor, and were not taken. */
  get late(): number {
    return this.#late;
  }

  /** Hot path. The way to a node of another group; a text when there is none. */
  route(to: LogicalAddress): Outbound | string {
    let way = this.#recent;
    if (way === undefined || way.to !== to) {
      way = this.#ways.get(to) ?? this.#makeWay(to);
      this.#recent = way;
    }
    return way.find() ? way : this.whyNot(to);
  }

  /** What the way to `to` is doing, for the text of an error. */
  describe(to: LogicalAddress): string | undefined {
    const link = this.#ways.get(to)?.link;
    return link && `harbor ${formatAddress(link.peer)}: ${link.describe()}`;
  }

  /** Hot path at harbors. See `ChannelEvents.onForeign`. */
  onForeign(channel: Channel, frame: Buffer, start: number, end: number, to: LogicalAddress, from: LogicalAddress): Foreign {
    switch (this.vouch(channel.peer.address, to, from)) {
      case "here":
        return FOREIGN.ours;
      case "onward":
        this.#relay!.pass(channel, frame, start, end, to, from);
        return FOREIGN.done;
      case "forged":
        return FOREIGN.forged;
    }
  }

  /** Hot path. Whether `peer` may say that something is from `from` and for `to`. What is forged is counted. */
  vouch(peer: LogicalAddress, to: LogicalAddress, from: LogicalAddress): Vouching {
    const vouching = vouch(this.#self, peer, to, from);
    if (vouching === "forged") this.#forged++;
    return vouching;
  }

  /** Why this harbor does not relay a stream that came over `peer`; `undefined`: it does. */
  streamDenial(peer: LogicalAddress, to: LogicalAddress, from: LogicalAddress): Refusal | undefined {
    return denialOf(this.#self, peer, to, from, this.#exportRule);
  }

  /** The neighbour over which streams to `to` go: itself, or a harbor; else why there is none. */
  streamHop(to: LogicalAddress): LogicalAddress | NoRoute {
    const hop = nextHop(this.#self, to, this.#view);
    if (hop.type === "none") return hop.reason;
    if (hop.type === "node") return hop.address;
    const harbors = this.#view.harborsOf(hop.group);
    const harbor = this.#streamChoices.choose(to, harbors);
    if (harbor !== undefined && this.locate(harbor) === undefined) {
      this.#streamChoices.leave(harbor); // gone from discovery
      return this.#streamChoices.choose(to, harbors) ?? "noHarborThere";
    }
    return harbor ?? "noHarborThere";
  }

  /** Whether streams to `to` may go over another node than `hop`. */
  hasOtherHarbor(to: LogicalAddress, hop: LogicalAddress): boolean {
    return hop !== to && hasOther(this.#view, hop);
  }

  /** Streams are not to go over `harbor` for now. False: there is no other one. */
  leaveForStreams(harbor: LogicalAddress): boolean {
    if (!isHarbor(harbor) || !hasOther(this.#view, harbor)) return false;
    this.#streamChoices.leave(harbor);
    return true;
  }

  /** Hot path. Whether a request or one-way message that came over a harbor is in time. */
  takes(from: LogicalAddress, epoch: number, seq: number): boolean {
    if (this.#arrivals.take(from, epoch, seq)) return true;
    this.#late++;
    return false;
  }

  /** A relay's word that it has lost its link to a target. @throws ProtocolError for a body that is cut off. */
  onGone(channel: Channel, from: LogicalAddress, body: Buffer, start: number, end: number): void {
    if (end - start < GONE_BYTES && from !== channel.peer.address) return; // what was relayed costs no connection
    const { target, lastSeq } = decodeGone(body, start, end);
    const sent = channel.sent.of(target);
    if (sent === undefined || lastSeq === 0) return;
    const near = channel.peer.address;
    this.#caller().calls.onGone(target, sent.first, lastSeq, from === near ? [near] : [near, from]);
  }

  onLost(channel: Channel): void {
    this.#relay?.onLost(channel);
    const { address } = channel.peer;
    if (this.#links().peek(address)?.ready === undefined) this.#leave(address);
  }

  onDraining(peer: LogicalAddress): void {
    this.#relay?.onDraining(peer);
    this.#leave(peer);
  }

  /** A dial failed: what waits for this harbor goes over another one, where there is one. */
  onUnreachable(peer: LogicalAddress): void {
    this.#relay?.onUnreachable(peer);
    this.#leave(peer);
  }

  /** Of messages that have left a queue, those of others. */
  onSent(messages: readonly HeldMessage[], peer: LogicalAddress): void {
    this.#relay?.onSent(messages.filter(isRelayed), peer);
  }

  /** Of messages that will not be sent, those of others. */
  onUnsent(messages: readonly HeldMessage[], cause: Error, peer: LogicalAddress): void {
    this.#relay?.onUnsent(messages.filter(isRelayed), cause, peer);
  }

  /** Discovery's word on some nodes changed. */
  onMembersChanged(removed: readonly { readonly address: LogicalAddress }[]): void {
    this.#relay?.onMembersChanged();
    for (const { address } of removed) if (isHarbor(address) && this.#links().peek(address)?.ready === undefined) this.#leave(address);
  }

  /** Whether calls wait for what lies behind `peer`; with `over`, those of others that were passed on over that connection. */
  callsWait(peer: LogicalAddress, over?: Channel): boolean {
    if (this.#relay?.callsWait(peer, over) === true) return true;
    if (!isHarbor(peer) || over !== undefined) return false;
    for (const channel of this.#links().peek(peer)?.channels ?? [])
      for (const { to } of channel.sent) if (this.#caller().calls.waitsFor(to)) return true;
    return false;
  }

  /** Whether answers of others are still to go out over `channel`; without one, over any. */
  relaysFor(channel?: Channel): boolean {
    return this.#relay?.worksFor(channel) === true;
  }

  #isOutside(peer: LogicalAddress): boolean {
    return addressGroup(peer) !== addressGroup(this.#self);
  }

  #harborsOf(group: number): readonly { readonly address: LogicalAddress }[] {
    const members = group === addressGroup(this.#self) ? this.#members : this.#harbors;
    const all = members.candidates(HARBOR_TYPE).filter(({ address }) => addressGroup(address) === group && address !== this.#self);
    const reachable = all.filter(({ address }) => !members.isUnreachable(address));
    return reachable.length > 0 ? reachable : all;
  }

  *#harborLinks(): IterableIterator<Link> {
    for (const link of this.#links()) if (isHarbor(link.peer)) yield link;
  }

  #chooseLink(to: LogicalAddress): Link | undefined {
    const hop = nextHop(this.#self, to, this.#view);
    if (hop.type === "none") return undefined;
    if (hop.type === "node") return this.#links().get(hop.address);
    const harbors = this.#view.harborsOf(hop.group);
    const harbor = this.#choices.choose(to, harbors);
    if (harbor === undefined) return undefined;
    if (this.locate(harbor) !== undefined || this.#links().peek(harbor)?.ready !== undefined) return this.#links().get(harbor);
    this.#choices.leave(harbor);
    const other = this.#choices.choose(to, harbors);
    return other && this.#links().get(other);
  }

  /** Why there is no way to `to`. */
  whyNot(to: LogicalAddress): string {
    const hop = nextHop(this.#self, to, this.#view);
    if (hop.type === "none" && hop.reason === "anonymous") return `0.0.0 is anonymous; ${HINT.anonymous}`;
    if (hop.type === "none" && hop.reason === "unknownTarget") return `discovery does not know it; ${HINT.unknownTarget}`;
    return isHarbor(this.#self) ? `no harbor of group ${addressGroup(to)} is known; ${HINT.noHarborThere}` : HINT.otherGroup;
  }

  #makeWay(to: LogicalAddress): HarborWay {
    if (this.#ways.size >= MAX_WAYS) this.#forgetWay();
    const way = new HarborWay(to, this.#wayEnvironment);
    this.#ways.set(to, way);
    return way;
  }

  /** Forgets the way that was made first among those for which nobody waits. */
  #forgetWay(): void {
    for (const [to] of this.#ways) {
      if (this.#caller().calls.waitsFor(to)) continue;
      this.#ways.delete(to);
      if (this.#recent?.to === to) this.#recent = undefined;
      for (const link of this.#harborLinks()) for (const channel of link.channels) channel.sent.forget(to);
      return;
    }
  }

  /**
   * What goes over `harbor` goes over another one from now on, and first what waits for it already. Without another one that is
   * worth a try it stays, and dialing goes on for as long as messages may wait.
   */
  #leave(harbor: LogicalAddress): void {
    if (!this.leaveForStreams(harbor)) return;
    this.#choices.leave(harbor);
    for (const way of this.#ways.values()) if (way.link?.peer === harbor) way.leave();
    const link = this.#links().peek(harbor);
    for (const message of link?.takeQueued((held) => !isRelayed(held) && held.to !== harbor) ?? []) this.#resend(message, link!);
  }

  #resend(message: HeldMessage, from: Link): void {
    const way = this.#ways.get(message.to);
    const link = way?.find() === true ? way.link! : from;
    const { epoch: _, seq, to } = message;
    const result = link.enqueue(message);
    if (result === 0) this.#caller().onSent(to, seq);
    else if (result > 1)
      this.#caller().onUnsent(to, seq, new UnsentError("unreachable", `harbor ${formatAddress(link.peer)}: ${link.describe()}`));
  }

  #makeRelay({ harbor, link }: ResolvedNodeOptions, limits: LimitHits): Relay {
    return new Relay({
      limits,
      self: this.#self,
      clock: this.#clock,
      options: harbor,
      maxBurstBytes: link.maxBufferedBytes / 2,
      view: this.#view,
      ...this.#exportRule,
      link: (peer) => this.#links().get(peer),
      peek: (peer) => this.#links().peek(peer),
      links: () => this.#links(),
      warn: (key, text) => this.#seldom.say(key, (addition) => this.#logger.warn({}, `${formatAddress(this.#self)} ${text}${addition}`)),
    });
  }
}
