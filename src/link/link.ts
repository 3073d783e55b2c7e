/**
 * The link to one peer: opens on first use, queues meanwhile, opens again when it was lost and there is something to
 * send. At most one connection carries new messages; others only finish what they have begun.
 *
 *     idle --send--> dialing --accepted--> ready --lost--> idle
 *                      |  ^                  |
 *                failed|  |back-off over     | peer says shutdown
 *                      v  |                  v
 *                    waiting              draining --lost--> idle          any --close--> closed
 *
 * Between accepted and ready it is settling, while the peer may not have read yet what was sent over an earlier connection.
 *
 * An inbound connection may take the place of idle, waiting and draining at once, of dialing by the rule of
 * `simultaneous-dial.ts`, and of settling and
 * ready when the present one is older or silent.
 */

import { formatAddress, isHarbor, type LogicalAddress } from "../addr/logical-address.js";
import type { TimerHandle } from "../internal/clock.js";
import { COMMIT, type CommitResult } from "../internal/commit-result.js";
import { UnsentError } from "../internal/unsent-error.js";
import type { BinaryWriter } from "../protobuf/binary-writer.js";
import type { Connection } from "../transport/transport.js";
import { FrameWriter } from "../wire/frame-writer.js";
import { KIND } from "../wire/header.js";
import { PURPOSE } from "../wire/hello.js";
import { HEADER_BYTES } from "../wire/limits.js";
import { Channel } from "./channel.js";
import type { ChannelEvents } from "./channel-events.js";
import { DialAttempt } from "./dial-attempt.js";
import { DialRound } from "./dial-round.js";
import type { GoAwayReason } from "./go-away.js";
import type { PeerHello } from "./handshake.js";
import { HandshakeError } from "./handshake-error.js";
import { isOrdered } from "./large-messages.js";
import type { LinkEnvironment } from "./link-environment.js";
import { LinkQueue } from "./link-queue.js";
import type { PendingPeer } from "./opening.js";
import { tellPeerFault } from "./peer-fault.js";
import type { HeldMessage } from "./pending-queue.js";
import { askPresent, refuseForPresent } from "./present-or-inbound.js";
import { RetiredChannels } from "./retired-channels.js";
import { sayDialFailed, sayDraining, sayLost, sayOpened } from "./say.js";
import { decideInbound } from "./simultaneous-dial.js";
import { Usage } from "./usage.js";

/** What a phase owns lives inside it; the object is its own epoch, so that a late callback sees that it is stale. */
type LinkState =
  | { readonly phase: "idle" }
  | { readonly phase: "dialing"; readonly attempt: DialAttempt; parked: PendingPeer | undefined }
  | { readonly phase: "settling"; readonly channel: Channel }
  | { readonly phase: "ready"; readonly channel: Channel }
  | { readonly phase: "waiting"; readonly timer: TimerHandle }
  | { readonly phase: "draining"; readonly channel: Channel; readonly text: string }
  | { readonly phase: "closed" };

export type LinkPhase = LinkState["phase"];

/** Earlier connections that may still finish what they have begun, calls of an hour for instance, when a busy one becomes too old. */
const MAX_FINISHING = 8;

/** How long the peer has for ending a connection that this side needs no more. */
const PEER_ENDS_MS = 30_000;

export class Link {
  readonly peer: LogicalAddress;
  readonly #env: LinkEnvironment;
  readonly #queue: LinkQueue;
  readonly #round: DialRound;
  /** Bodies for the queue are encoded here first. */
  readonly #scratch = new FrameWriter();
  readonly #retired = new RetiredChannels(() => this.#onSettled());
  readonly #use = new Usage();
  readonly #channelEvents: ChannelEvents;
  #state: LinkState = { phase: "idle" };
  /** What was dialed last. */
  #dialed: string | undefined;

  constructor(peer: LogicalAddress, env: LinkEnvironment) {
    this.peer = peer;
    this.#env = env;
    this.#round = new DialRound(env.options);
    this.#queue = new LinkQueue(peer, env);
    this.#channelEvents = {
      onMessage: env.events.onMessage,
      onOversize: env.events.onOversize,
      onForeign: env.events.onForeign,
      onOvertaken: env.events.onOvertaken,
      onGoAway: (channel, reason, text) => this.#onGoAway(channel, reason, text),
      onLimit: (_, limit, reason) => env.limits.hit(limit, reason, peer),
      onClosed: (channel, cause) => this.#onChannelClosed(channel, cause),
    };
  }

  get phase(): LinkPhase {
    return this.#state.phase;
  }

  /** The connection that carries new messages, or finishes them while the peer drains. */
  get channel(): Channel | undefined {
    return "channel" in this.#state ? this.#state.channel : undefined;
  }

  /** All that are open, those too that only finish. */
  get channels(): readonly Channel[] {
    return this.channel === undefined ? [...this.#retired] : [this.channel, ...this.#retired];
  }

  get queued(): { readonly messages: number; readonly bytes: number } {
    return { messages: this.#queue.length, bytes: this.#queue.bytes };
  }

  /** Bytes that wait for a connection, or for the peer to read them. */
  get waitingBytes(): number {
    return this.#queue.bytes + (this.channel?.bufferedBytes ?? 0);
  }

  get lastError(): Error | undefined {
    return this.#round.reach.lastCause;
  }

  get maxPayloadBytes(): number {
    const state = this.#state;
    return state.phase === "ready" || state.phase === "settling" ? state.channel.maxPayloadBytes : this.#env.identity.maxPayloadBytes;
  }

  get congested(): boolean {
    return this.#state.phase === "ready" && this.#state.channel.congested;
  }

  /** @throws `NestedEncodingError` while another body is open, which stays as it is. */
  begin(maxBodyBytes: number): BinaryWriter {
    if (this.#state.phase === "ready") return this.#state.channel.begin(maxBodyBytes);
    return this.#scratch.begin(maxBodyBytes);
  }

  /** Hot path when ready: straight into this turn's write. */
  commit(
    kind: number,
    flags: number,
    to: LogicalAddress,
    from: LogicalAddress,
    epoch: number,
    seq: number,
    remainingMs: number,
    deadlineAt: number,
  ): CommitResult {
    const state = this.#state;
    if (state.phase === "ready") {
      if (state.channel.overfull) {
        state.channel.abandon();
        return COMMIT.congested;
      }
      if (kind === KIND.cancel && this.#retired.size > 0 && !state.channel.sent.has(to, seq)) {
        state.channel.abandon();
        const frame = Buffer.alloc(HEADER_BYTES + 1);
        return this.#cancelWhereSent({ frame, kind, flags, to, from, epoch, seq, deadlineAt });
      }
      state.channel.commit(kind, flags, to, from, epoch, seq, remainingMs, deadlineAt);
      return COMMIT.sent;
    }
    // The body was begun for a connection that its own encoder has brought down.
    if (!this.#scratch.isOpen) return COMMIT.closed;
    const frame = this.#scratch.extract();
    if (kind === KIND.cancel) return this.#cancelWhereSent({ frame, kind, flags, to, from, epoch, seq, deadlineAt });
    const result = this.#hold({ frame, kind, flags, to, from, epoch, seq, deadlineAt });
    if (result === COMMIT.pendingFull) this.#queue.tellFull();
    return result;
  }

  #hold(message: HeldMessage): CommitResult {
    const { phase } = this.#state;
    if (phase === "closed" || phase === "draining") return COMMIT.closed;
    if (phase !== "settling" && this.#env.locate(this.peer) === undefined) return COMMIT.unknownTarget;
    if (!this.#queue.push(message)) return COMMIT.pendingFull;
    if (phase === "idle") this.#startRound();
    return COMMIT.queued;
  }

  /** Only the connection that carried the request can carry its cancel, and it needs none when that is gone. */
  #cancelWhereSent(cancel: HeldMessage): CommitResult {
    this.channels.find((channel) => channel.sent.has(cancel.to, cancel.seq))?.sendHeld(cancel);
    return COMMIT.sent;
  }

  /** Forgets the body begun last: its encoder failed. */
  abandon(): void {
    if (this.#state.phase === "ready") this.#state.channel.abandon();
    this.#scratch.abandon();
  }

  withdraw(to: LogicalAddress, epoch: number, seq: number): boolean {
    if (this.#queue.remove(to, this.#env.identity.address, seq)) return true;
    if (this.#retired.size === 0) return this.channel?.withdraw(to, epoch, seq) ?? false;
    return this.channels.some((channel) => channel.withdraw(to, epoch, seq));
  }

  /** Hot path of relays. The connection, when it takes new messages. */
  get ready(): Channel | undefined {
    return this.#state.phase === "ready" ? this.#state.channel : undefined;
  }

  /** Takes a message that has memory of its own: of another link's queue, or of others. */
  enqueue(message: HeldMessage): CommitResult {
    const { ready } = this;
    if (ready === undefined) return this.#hold(message);
    if (ready.overfull) return COMMIT.congested;
    ready.sendHeld(message);
    return COMMIT.sent;
  }

  /** Takes out of the queue what is meant, in its order. */
  takeQueued(isMeant: (message: HeldMessage) => boolean): HeldMessage[] {
    return this.#queue.takeWhere(isMeant);
  }

  /** Whether the request went out over a connection that is still open. */
  carried(to: LogicalAddress, seq: number): boolean {
    return this.channels.some((channel) => channel.sent.has(to, seq));
  }

  writable(): Promise<void> {
    return this.#state.phase === "ready" ? this.#state.channel.writable() : Promise.resolve();
  }

  /** Whether nothing is lost with it: unused, and to somebody whom discovery does not know any more. */
  get isForgettable(): boolean {
    return this.#state.phase === "idle" && this.#retired.size === 0 && this.#env.locate(this.peer) === undefined;
  }

  /** What the link is doing, for the text of an error. */
  describe(): string {
    const endpoint = this.#env.locate(this.peer) ?? "?";
    switch (this.#state.phase) {
      case "draining":
        return `it is shutting down${this.#state.text === "" ? "" : `: ${this.#state.text}`}`;
      case "closed":
        return "this node is closed";
      case "settling":
        return `connected to ${this.#state.channel.remote}, it has yet to read what was sent over the connection before`;
      case "ready":
        return `connected to ${this.#state.channel.remote}`;
      case "idle":
      case "dialing":
      case "waiting":
        return this.#round.reach.describe(endpoint, this.#env.clock.now());
    }
  }

  /** A peer that has proved to be `this.peer` wants to be connected. */
  offer(inbound: PendingPeer): void {
    const { incarnation } = inbound.peer;
    const view = { phase: this.#state.phase, peerIncarnation: this.channel?.peer.incarnation };
    switch (decideInbound(this.#env.identity.address, this.peer, view, incarnation)) {
      case "accept":
        return this.#adopt(inbound);
      case "park":
        return this.#park(inbound);
      case "probe":
        return this.#probe(inbound, this.channel!);
      case "refuse-closed":
        return inbound.refuse("draining", "this node is closed");
    }
  }

  /** Discovery's word on the peer changed: an address may be worth trying at once, a removed one is not. */
  onMemberChanged(known: boolean): void {
    const state = this.#state;
    if (!known) {
      // A link that stands stays: the peer may only have lost its entry in the store.
      if (state.phase === "dialing" && state.parked?.isGone === false) this.#adopt(state.parked);
      else if (state.phase === "dialing" || state.phase === "waiting")
        this.#giveUp(new UnsentError("unknown", "discovery no longer knows it"));
      return;
    }
    // A changed load is no reason to dial sooner.
    if (state.phase === "waiting" && this.#env.locate(this.peer) !== this.#dialed) {
      this.#round.reach.restart();
      this.#dial();
    }
  }

  /** Dials though nothing waits, to find out whether the peer can be reached again: `onReachable` says so. */
  probe(): void {
    if (this.#state.phase === "idle" && this.#env.closingText === undefined) this.#startRound();
  }

  /** Judges the link by its silence, and ends connections that are not needed any more. */
  sweep(now: number): void {
    this.channel?.keepalive(now, this.#env.events.callsWait(this.peer));
    this.#retired.sweep(now, (channel) => this.#isNeeded(channel));
    if (this.#state.phase !== "ready") return;
    const { channel } = this.#state;
    const isBusy = this.#isNeeded(channel);
    const outlived = this.#use.look(channel, isBusy, now, this.#env.options);
    // A go-away overtakes large messages, and the peer may end the connection when it has read it.
    if (outlived === undefined || channel.isSending || (isBusy && this.#retired.size >= this.#maxFinishing)) return;
    // The peer ends the connection when it has read this, so that what it sent before is still served.
    channel.goAway(outlived, "");
    this.#retired.add(channel, now + PEER_ENDS_MS);
    this.#enter({ phase: "idle" });
    if (isBusy) this.probe(); // the next message is not far
  }

  /** A harbor remembers two connections of each pair that it relays for. */
  get #maxFinishing(): number {
    return isHarbor(this.peer) || isHarbor(this.#env.identity.address) ? 1 : MAX_FINISHING;
  }

  /** Whether anything is still to go or to come over it. */
  #isNeeded(channel: Channel): boolean {
    const { callsWait, handlersWork } = this.#env.events;
    return callsWait(this.peer, channel) || handlersWork(channel) || channel.isReceiving || channel.isSending;
  }

  /** What waited to follow an earlier connection may go out. */
  #onSettled(): void {
    const state = this.#state;
    if (state.phase !== "settling" || this.#retired.holdUp(state.channel)) return;
    this.#enter({ phase: "ready", channel: state.channel });
    this.#queue.sendOver(state.channel);
  }

  /** Tells the peer that this node takes no new work; what was begun goes on. */
  announceShutdown(text: string): void {
    this.channel?.goAway("shutdown", text);
  }

  /** Flushes and ends; what is queued fails. */
  close(): void {
    const { channel, channels } = this;
    this.#enter({ phase: "closed" });
    this.#queue.fail(new Error("this node is closed"));
    for (const open of channels) {
      open.goAway("closed", "");
      open.end();
    }
    if (channel !== undefined) this.#retired.add(channel, 0);
  }

  destroy(cause: Error): void {
    const { channels } = this;
    this.#enter({ phase: "closed" });
    this.#queue.fail(cause);
    for (const channel of channels) channel.destroy(cause);
  }

  /** The queue has got its first message. */
  #startRound(): void {
    const pause = this.#round.begin(this.#env.clock.now());
    if (pause > 0) this.#wait(pause);
    else this.#dial();
  }

  #dial(): void {
    const { clock, limiter, options } = this.#env;
    const text = this.#env.locate(this.peer);
    if (text === undefined) return this.#giveUp(new UnsentError("unknown", "discovery does not know it"));
    const held = limiter.take(clock.now());
    if (held > 0) {
      this.#env.limits.hit("link.maxDialsPerSecond", `dialed in ${held} ms`, this.peer);
      if (!this.#round.isOver(clock.now())) return this.#wait(held);
      return this.#giveUp(new Error(`not dialed: this node dials more than ${options.maxDialsPerSecond} times a second`));
    }
    this.#dialed = text;
    const attempt = new DialAttempt(this.#env, options, {
      onConnected: () => this.#round.reach.connected(),
      onOpen: (connection, peer, rest) => {
        dialing.parked?.refuse("duplicate", "the connection that the other side dialed stands");
        this.#serve(connection, peer, rest, true);
      },
      onFail: (cause) => this.#onDialFailed(dialing, cause),
    });
    const dialing: LinkState & { phase: "dialing" } = { phase: "dialing", attempt, parked: undefined };
    this.#enter(dialing);
    this.#round.reach.attempt(clock.now());
    // Whatever fails, fails later: the message that caused this dial is not known to its sender yet.
    attempt.start(text, this.peer, PURPOSE.messages);
  }

  #onDialFailed(dialing: LinkState & { phase: "dialing" }, cause: Error): void {
    if (this.#state !== dialing) return;
    const { clock, events, identity, logger, random } = this.#env;
    this.#round.reach.failed(clock.now(), cause);
    const told = this.#round.reach.isNews ? "warn" : "debug";
    const endpoint = this.#env.locate(this.peer) ?? "?";
    const reason = this.#round.reach.describe(endpoint, clock.now());
    const peer = formatAddress(this.peer);
    logger[told]({ peer }, `${peer} is not reached: ${reason}`);
    sayDialFailed(identity.address, this.peer, endpoint, reason, this.#round.reach.failures);
    if (dialing.parked !== undefined && !dialing.parked.isGone) return this.#adopt(dialing.parked);
    events.onReachable(this.peer, false);
    if (this.#state !== dialing) return;
    if (cause instanceof HandshakeError && cause.byPeer && cause.proven && cause.reason === "replaced") {
      events.onReplaced(this.peer, cause.message);
      if (this.#state !== dialing) return; // the node has stopped, and this link with it
    }
    if (this.#queue.length === 0) return this.#enter({ phase: "idle" });
    const next = this.#round.afterFailure(cause, clock.now(), () => random.next());
    if (next.type === "again") return this.#wait(next.inMs);
    if (next.isLate) this.#env.limits.hit("link.reachTimeoutMs", cause.message, this.peer);
    this.#giveUp(cause);
  }

  #wait(ms: number): void {
    const timer = this.#env.clock.setTimeout(() => {
      if (this.#state !== waiting) return;
      if (this.#queue.length > 0) this.#dial();
      else this.#enter({ phase: "idle" }); // all that was queued has been cancelled or has expired
    }, ms);
    const waiting: LinkState = { phase: "waiting", timer };
    this.#enter(waiting);
  }

  /** Nothing more is tried for what is queued; the next message begins a new round. */
  #giveUp(cause: Error): void {
    const endpoint = this.#env.locate(this.peer);
    const text =
      endpoint === undefined || this.#round.reach.failures === 0
        ? cause.message
        : this.#round.reach.describe(endpoint, this.#env.clock.now());
    this.#enter({ phase: "idle" });
    this.#queue.fail(cause instanceof UnsentError ? cause : new UnsentError("unreachable", text, cause));
  }

  #park(inbound: PendingPeer): void {
    if (this.#state.phase !== "dialing") return this.#adopt(inbound);
    const { dialTimeoutMs, handshakeTimeoutMs } = this.#env.options;
    this.#state.parked?.refuse("duplicate", "a newer dial of yours came");
    this.#state.parked = inbound;
    inbound.wait(dialTimeoutMs + handshakeTimeoutMs);
  }

  /** The present connection of the same or a newer incarnation goes only when it turns out to be dead. */
  #probe(inbound: PendingPeer, present: Channel): void {
    const { clock, options } = this.#env;
    askPresent(present, inbound, clock, options.keepaliveTimeoutMs, (isAlive) => {
      if (!isAlive || !refuseForPresent(inbound, present, this.channel === present)) this.offer(inbound);
    });
  }

  #adopt(inbound: PendingPeer): void {
    if (inbound.isGone) return;
    const { incarnation } = inbound.peer;
    const previous = this.channel;
    if (previous !== undefined && previous.peer.incarnation < incarnation) {
      // Its calls fail now: the process that they went to is dead, or will stop as soon as it reads this.
      const text = `incarnation ${incarnation} of ${formatAddress(this.peer)} has come, newer than ${previous.peer.incarnation}`;
      previous.goAway("replaced", text);
      previous.retire(new Error(text), this.#env.lastWords);
    }
    inbound.accept();
    this.#serve(inbound.connection, inbound.peer, Buffer.alloc(0), false);
  }

  #serve(connection: Connection, peer: PeerHello, rest: Buffer, dialed: boolean): void {
    const { clock, events, identity, logger, options } = this.#env;
    const wasDraining = this.#state.phase === "draining";
    if (this.channel !== undefined) this.#retired.add(this.channel, 0);
    const channel = new Channel(identity.address, peer, connection, clock, options, identity.maxPayloadBytes, this.#channelEvents);
    this.#retired.precede(channel);
    const mustWait = this.#retired.holdUp(channel);
    this.#enter({ phase: mustWait ? "settling" : "ready", channel });
    this.#round.reach.succeeded();
    sayOpened(identity.address, channel, dialed);
    events.onReachable(this.peer, true);
    logger.debug({ peer: formatAddress(this.peer), remote: connection.remote }, "link up");
    if (wasDraining) events.onDraining(this.peer, false);
    if (!mustWait) this.#queue.sendOver(channel);
    if (this.#env.closingText !== undefined) channel.goAway("shutdown", this.#env.closingText);
    if (this.channels.includes(channel)) channel.open(rest);
  }

  #onGoAway(channel: Channel, reason: GoAwayReason, text: string): void {
    if (reason === "replaced") this.#env.events.onReplaced(this.peer, text);
    const isCurrent = (this.#state.phase === "ready" || this.#state.phase === "settling") && this.#state.channel === channel;
    if (isCurrent && (reason === "shutdown" || reason === "closed")) {
      this.#enter({ phase: "draining", channel, text });
      sayDraining(this.#env.identity.address, this.peer, text);
      this.#env.events.onDraining(this.peer, true);
      this.#queue.fail(new UnsentError("left", this.describe()));
      return;
    }
    // Both sides may have found it idle at once: then it is retired here already, and either may end it.
    if (!isCurrent && !this.#retired.has(channel)) return;
    this.#retired.add(channel, 0);
    if (isCurrent) this.#enter({ phase: "idle" });
    if (!this.#isNeeded(channel)) channel.end();
    if (isCurrent && this.#queue.length > 0) this.#startRound();
  }

  #onChannelClosed(channel: Channel, cause: Error): void {
    const { events, logger } = this.#env;
    const isCurrent = this.channel === channel;
    logger.debug({ peer: formatAddress(this.peer), cause: cause.message }, "link lost");
    sayLost(this.#env.identity.address, channel, cause, this.#env.clock.now());
    tellPeerFault(this.#env, channel, cause);
    const unsent = channel.takeUnsent().filter((message) => isOrdered(message.kind));
    this.#retired.delete(channel);
    if (isCurrent) {
      // Whoever comes back at this address after a shutdown is another process; discovery tells until then.
      if (this.#state.phase === "draining") events.onDraining(this.peer, false);
      unsent.push(...this.#queue.takeAll()); // what waited to follow an earlier connection; else there is nothing
      this.#enter({ phase: "idle" });
    }
    // Only now: who is told may send again at once, and that must not go to the connection that is gone.
    if (unsent.length > 0) events.onUnsent(unsent, cause, this.peer);
    events.onLost(channel, cause);
    this.#onSettled();
  }

  /** The only assignment of `#state`: releases what the old phase owned. */
  #enter(next: LinkState): void {
    const previous = this.#state;
    this.#state = next;
    switch (previous.phase) {
      case "dialing":
        previous.attempt.giveUp(); // nothing, when it has settled
        if (next.phase !== "ready") previous.parked?.refuse("draining", "this node no longer connects to you");
        break;
      case "waiting":
        this.#env.clock.clearTimeout(previous.timer);
        break;
      case "idle":
      case "settling":
      case "ready":
      case "draining":
      case "closed":
        break;
      default:
        previous satisfies never;
    }
  }
}
