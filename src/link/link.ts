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

import { type AddressText, formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { linkEvents } from "../events/channels.js";
import { backoffMs } from "../internal/backoff.js";
import type { TimerHandle } from "../internal/clock.js";
import { COMMIT, type CommitResult } from "../internal/commit-result.js";
import { UnsentError } from "../internal/unsent-error.js";
import type { BinaryWriter } from "../protobuf/binary-writer.js";
import type { Connection } from "../transport/transport.js";
import { FrameWriter } from "../wire/frame-writer.js";
import { KIND } from "../wire/header.js";
import { PURPOSE } from "../wire/hello.js";
import { HEADER_BYTES } from "../wire/limits.js";
import { Channel, type ChannelEvents } from "./channel.js";
import { DialAttempt } from "./dial-attempt.js";
import type { GoAwayReason } from "./go-away.js";
import type { PeerHello } from "./handshake.js";
import { HandshakeError } from "./handshake-error.js";
import { isOrdered } from "./large-messages.js";
import type { LinkEnvironment } from "./link-environment.js";
import type { PendingPeer } from "./opening.js";
import { tellPeerFault } from "./peer-fault.js";
import { type HeldMessage, PendingQueue } from "./pending-queue.js";
import { Reachability } from "./reachability.js";
import { RetiredChannels } from "./retired-channels.js";
import { sayLost, sayOpened } from "./say.js";
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

/** Refusals that waiting does not mend: messages fail at once. */
export const PERMANENT: ReadonlySet<string> = new Set([
  "version",
  "layout",
  "cluster",
  "noCommonKey",
  "badProof",
  "wrongAddress",
  "insecure",
  "identity",
  "malformed",
  "purpose",
]);

/** How long the peer has for ending a connection that this side needs no more. */
const PEER_ENDS_MS = 30_000;

export class Link {
  readonly peer: LogicalAddress;
  readonly #env: LinkEnvironment;
  readonly #pending: PendingQueue;
  readonly #reach = new Reachability();
  /** Bodies for the queue are encoded here first. */
  readonly #scratch = new FrameWriter();
  readonly #retired = new RetiredChannels(() => this.#onSettled());
  readonly #use = new Usage();
  readonly #channelEvents: ChannelEvents;
  #state: LinkState = { phase: "idle" };
  /** When the present round of dialing began: how long the queue has waited. */
  #roundAt = 0;
  /** What was dialed last. */
  #dialed: string | undefined;

  constructor(peer: LogicalAddress, env: LinkEnvironment) {
    this.peer = peer;
    this.#env = env;
    this.#pending = new PendingQueue(env.options.maxPendingMessages, env.options.maxPendingBytes);
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
    return { messages: this.#pending.length, bytes: this.#pending.bytes };
  }

  /** Bytes that wait for a connection, or for the peer to read them. */
  get waitingBytes(): number {
    return this.#pending.bytes + (this.channel?.bufferedBytes ?? 0);
  }

  get lastError(): Error | undefined {
    return this.#reach.lastCause;
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
    if (state.phase === "closed" || state.phase === "draining") return COMMIT.closed;
    if (state.phase !== "settling" && this.#env.locate(this.peer) === undefined) return COMMIT.unknownTarget;
    if (!this.#pending.hasRoom(frame.length)) return this.#noRoom();
    this.#pending.push({ frame, kind, flags, to, from, epoch, seq, deadlineAt });
    if (state.phase === "idle") this.#startRound();
    return COMMIT.queued;
  }

  #noRoom(): CommitResult {
    const { bytes, fullBy, length } = this.#pending;
    this.#env.limits.hit(fullBy, `${length} messages of ${bytes} bytes wait`, this.peer);
    return COMMIT.pendingFull;
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
    if (this.#pending.remove(to, this.#env.identity.address, seq)) return true;
    if (this.#retired.size === 0) return this.channel?.withdraw(to, epoch, seq) ?? false;
    return this.channels.some((channel) => channel.withdraw(to, epoch, seq));
  }

  /** Hot path of relays. The connection, when it takes new messages. */
  get ready(): Channel | undefined {
    return this.#state.phase === "ready" ? this.#state.channel : undefined;
  }

  /** Takes a message that has memory of its own: of another link's queue, or of others. */
  enqueue(message: HeldMessage): CommitResult {
    const state = this.#state;
    if (state.phase === "ready") {
      if (state.channel.overfull) return COMMIT.congested;
      state.channel.sendHeld(message);
      return COMMIT.sent;
    }
    if (state.phase === "closed" || state.phase === "draining") return COMMIT.closed;
    if (state.phase !== "settling" && this.#env.locate(this.peer) === undefined) return COMMIT.unknownTarget;
    if (!this.#pending.hasRoom(message.frame.length)) return COMMIT.pendingFull;
    this.#pending.push(message);
    if (state.phase === "idle") this.#startRound();
    return COMMIT.queued;
  }

  /** Takes out of the queue what is meant, in its order. */
  takeQueued(isMeant: (message: HeldMessage) => boolean): HeldMessage[] {
    return this.#pending.length === 0 ? [] : this.#pending.takeWhere(isMeant);
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
        return this.#reach.describe(endpoint, this.#env.clock.now());
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
      this.#reach.restart();
      this.#dial();
    }
  }

  /** Judges the link by its silence, and ends connections that are not needed any more. */
  sweep(now: number): void {
    this.channel?.keepalive(now, this.#env.events.callsWait(this.peer));
    this.#retired.sweep(now, (channel) => this.#isNeeded(channel));
    if (this.#state.phase !== "ready") return;
    const { channel } = this.#state;
    const outlived = this.#use.look(channel, this.#isNeeded(channel) || channel.isSending, now, this.#env.options);
    if (outlived === undefined) return;
    // The peer ends the connection when it has read this, so that what it sent before is still served.
    channel.goAway(outlived, "");
    this.#retired.add(channel, now + PEER_ENDS_MS);
    this.#enter({ phase: "idle" });
  }

  /** Whether anything is to come over it. */
  #isNeeded(channel: Channel): boolean {
    const { callsWait, handlersWork } = this.#env.events;
    return callsWait(this.peer) || handlersWork(channel) || channel.isReceiving;
  }

  /** What waited to follow an earlier connection may go out. */
  #onSettled(): void {
    const state = this.#state;
    if (state.phase !== "settling" || this.#retired.holdUp(state.channel)) return;
    this.#enter({ phase: "ready", channel: state.channel });
    this.#sendPending(state.channel);
  }

  /** Tells the peer that this node takes no new work; what was begun goes on. */
  announceShutdown(text: string): void {
    this.channel?.goAway("shutdown", text);
  }

  /** Flushes and ends; what is queued fails. */
  close(): void {
    const { channel, channels } = this;
    this.#enter({ phase: "closed" });
    this.#failPending(new Error("this node is closed"));
    for (const open of channels) {
      open.goAway("closed", "");
      open.end();
    }
    if (channel !== undefined) this.#retired.add(channel, 0);
  }

  destroy(cause: Error): void {
    const { channels } = this;
    this.#enter({ phase: "closed" });
    this.#failPending(cause);
    for (const channel of channels) channel.destroy(cause);
  }

  /** The queue has got its first message. A dial that follows a failure too closely waits for its turn. */
  #startRound(): void {
    const { clock, options } = this.#env;
    const now = clock.now();
    this.#roundAt = now;
    const since = now - this.#reach.lastAttemptAt;
    const tooSoon = this.#reach.failures > 0 && since < options.backoffMs;
    this.#reach.restart();
    if (tooSoon) this.#wait(options.backoffMs - since);
    else this.#dial();
  }

  #dial(): void {
    const { clock, limiter, options } = this.#env;
    const text = this.#env.locate(this.peer);
    if (text === undefined) return this.#giveUp(new UnsentError("unknown", "discovery does not know it"));
    const held = limiter.take(clock.now());
    if (held > 0) {
      this.#env.limits.hit("link.maxDialsPerSecond", `dialed in ${held} ms`, this.peer);
      if (clock.now() - this.#roundAt < options.reachTimeoutMs) return this.#wait(held);
      return this.#giveUp(new Error(`not dialed: this node dials more than ${options.maxDialsPerSecond} times a second`));
    }
    this.#dialed = text;
    const attempt = new DialAttempt(this.#env, options, {
      onConnected: () => this.#reach.connected(),
      onOpen: (connection, peer, rest) => {
        dialing.parked?.refuse("duplicate", "the connection that the other side dialed stands");
        this.#serve(connection, peer, rest, true);
      },
      onFail: (cause) => this.#onDialFailed(dialing, cause),
    });
    const dialing: LinkState & { phase: "dialing" } = { phase: "dialing", attempt, parked: undefined };
    this.#enter(dialing);
    this.#reach.attempt(clock.now());
    // Whatever fails, fails later: the message that caused this dial is not known to its sender yet.
    attempt.start(text, this.peer, PURPOSE.messages);
  }

  #onDialFailed(dialing: LinkState & { phase: "dialing" }, cause: Error): void {
    if (this.#state !== dialing) return;
    const { clock, events, logger, options, random } = this.#env;
    this.#reach.failed(clock.now(), cause);
    const told = this.#reach.isNews ? "warn" : "debug";
    const endpoint = this.#env.locate(this.peer) ?? "?";
    logger[told](
      { peer: formatAddress(this.peer) },
      `${formatAddress(this.peer)} is not reached: ${this.#reach.describe(endpoint, clock.now())}`,
    );
    if (linkEvents.hasSubscribers) this.#sayDialFailed(endpoint);
    if (dialing.parked !== undefined && !dialing.parked.isGone) return this.#adopt(dialing.parked);
    events.onReachable(this.peer, false);
    if (this.#state !== dialing) return;
    if (cause instanceof HandshakeError && cause.byPeer && cause.proven && cause.reason === "replaced") {
      events.onReplaced(this.peer, cause.message);
      if (this.#state !== dialing) return; // the node has stopped, and this link with it
    }
    const waited = clock.now() - this.#roundAt;
    const hopeless = cause instanceof HandshakeError && PERMANENT.has(cause.reason);
    if (this.#pending.length === 0) return this.#enter({ phase: "idle" });
    if (!hopeless && waited >= options.reachTimeoutMs) this.#env.limits.hit("link.reachTimeoutMs", cause.message, this.peer);
    if (hopeless || waited >= options.reachTimeoutMs) return this.#giveUp(cause);
    const pause = backoffMs(this.#reach.failures, options.backoffMs, options.maxBackoffMs, random.next());
    this.#wait(Math.min(pause, Math.max(1, options.reachTimeoutMs - waited)));
  }

  #wait(ms: number): void {
    const timer = this.#env.clock.setTimeout(() => {
      if (this.#state !== waiting) return;
      if (this.#pending.length > 0) this.#dial();
      else this.#enter({ phase: "idle" }); // all that was queued has been cancelled or has expired
    }, ms);
    const waiting: LinkState = { phase: "waiting", timer };
    this.#enter(waiting);
  }

  /** Nothing more is tried for what is queued; the next message begins a new round. */
  #giveUp(cause: Error): void {
    const endpoint = this.#env.locate(this.peer);
    const text =
      endpoint === undefined || this.#reach.failures === 0 ? cause.message : this.#reach.describe(endpoint, this.#env.clock.now());
    this.#enter({ phase: "idle" });
    this.#failPending(cause instanceof UnsentError ? cause : new UnsentError("unreachable", text, cause));
  }

  #failPending(cause: Error): void {
    const messages = this.#pending.takeAll();
    if (messages.length === 0) return;
    if (linkEvents.hasSubscribers) {
      linkEvents.publish({ type: "gaveUp", ...this.#ends(), messages: messages.length, reason: cause.message });
    }
    this.#env.events.onUnsent(messages, cause, this.peer);
  }

  #park(inbound: PendingPeer): void {
    if (this.#state.phase !== "dialing") return this.#adopt(inbound);
    const { dialTimeoutMs, handshakeTimeoutMs } = this.#env.options;
    this.#state.parked?.refuse("duplicate", "a newer dial of yours came");
    this.#state.parked = inbound;
    inbound.wait(dialTimeoutMs + handshakeTimeoutMs);
  }

  /** The present connection of the same or a newer incarnation goes only when it turns out to be dead. */
  #probe(inbound: PendingPeer, channel: Channel): void {
    const { clock, options } = this.#env;
    const { incarnation } = channel.peer;
    inbound.wait(options.keepaliveTimeoutMs);
    const timer = clock.setTimeout(() => channel.destroy(new Error("silent when the peer dialed again")), options.keepaliveTimeoutMs);
    channel.ping((answered) => {
      clock.clearTimeout(timer);
      if (!answered) return this.offer(inbound);
      if (inbound.peer.incarnation < incarnation)
        inbound.refuse(
          "replaced",
          `incarnation ${incarnation} of ${formatAddress(this.peer)} is alive, newer than ${inbound.peer.incarnation}`,
        );
      else if (this.channel === channel) inbound.refuse("duplicate", "the present connection is alive");
      else this.offer(inbound); // the peer had said before that it needs this one no more
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
    this.#reach.succeeded();
    sayOpened(identity.address, channel, dialed);
    events.onReachable(this.peer, true);
    logger.debug({ peer: formatAddress(this.peer), remote: connection.remote }, "link up");
    if (wasDraining) events.onDraining(this.peer, false);
    if (!mustWait) this.#sendPending(channel);
    if (this.#env.closingText !== undefined) channel.goAway("shutdown", this.#env.closingText);
    if (this.channels.includes(channel)) channel.open(rest);
  }

  /** A request whose time is over is left out. */
  #sendPending(channel: Channel): void {
    const { clock, events } = this.#env;
    const now = clock.now();
    const queued = this.#pending.takeAll();
    const due = queued.filter((message) => message.deadlineAt > now);
    for (const message of due) channel.sendHeld(message);
    if (due.length > 0) events.onSent(due, this.peer);
    if (due.length === queued.length) return;
    const late = queued.filter((message) => message.deadlineAt <= now);
    events.onUnsent(late, new Error("its deadline was over when the link came up"), this.peer);
  }

  #onGoAway(channel: Channel, reason: GoAwayReason, text: string): void {
    if (reason === "replaced") this.#env.events.onReplaced(this.peer, text);
    const isCurrent = (this.#state.phase === "ready" || this.#state.phase === "settling") && this.#state.channel === channel;
    if (isCurrent && (reason === "shutdown" || reason === "closed")) {
      this.#enter({ phase: "draining", channel, text });
      if (linkEvents.hasSubscribers) linkEvents.publish({ type: "draining", ...this.#ends(), reason: text });
      this.#env.events.onDraining(this.peer, true);
      this.#failPending(new UnsentError("left", this.describe()));
      return;
    }
    // Both sides may have found it idle at once: then it is retired here already, and either may end it.
    if (!isCurrent && !this.#retired.has(channel)) return;
    this.#retired.add(channel, 0);
    if (isCurrent) this.#enter({ phase: "idle" });
    if (!this.#isNeeded(channel)) channel.end();
    if (isCurrent && this.#pending.length > 0) this.#startRound();
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
      unsent.push(...this.#pending.takeAll()); // what waited to follow an earlier connection; else there is nothing
      this.#enter({ phase: "idle" });
    }
    // Only now: who is told may send again at once, and that must not go to the connection that is gone.
    if (unsent.length > 0) events.onUnsent(unsent, cause, this.peer);
    events.onLost(channel, cause);
    this.#onSettled();
  }

  #ends(): { readonly node: AddressText; readonly peer: AddressText } {
    return { node: formatAddress(this.#env.identity.address), peer: formatAddress(this.peer) };
  }

  #sayDialFailed(endpoint: string): void {
    const { failures } = this.#reach;
    const reason = this.#reach.describe(endpoint, this.#env.clock.now());
    linkEvents.publish({ type: "dialFailed", ...this.#ends(), endpoint, reason, attempts: failures });
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
