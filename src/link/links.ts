/**
 * All links of a node: one per peer, made on first use; the connections that come in; anonymous tools, which have a
 * connection and no link; and one sweep that looks after all of them.
 */
import { ANONYMOUS, formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { linkEvents } from "../events/channels.js";
import type { TimerHandle } from "../internal/clock.js";
import type { Connection } from "../transport/transport.js";
import { NONCE_BYTES, PURPOSE } from "../wire/hello.js";
import { Channel } from "./channel.js";
import { AcceptorHandshake, type AcceptorTerms, channelFacts } from "./handshake.js";
import { HandshakeError, type RefusalName } from "./handshake-error.js";
import { keepaliveSweepMs } from "./keepalive.js";
import { Link } from "./link.js";
import type { LinkEnvironment } from "./link-environment.js";
import { openAsAcceptor, type PendingPeer } from "./opening.js";
import { tellPeerFault } from "./peer-fault.js";
import { sayLost, sayOpened } from "./say.js";

export class Links {
  readonly #env: LinkEnvironment;
  readonly #terms: AcceptorTerms;
  readonly #onStreams: ((pending: PendingPeer) => void) | undefined;
  readonly #links = new Map<LogicalAddress, Link>();
  readonly #anonymous = new Set<Channel>();
  /** Openings of strangers under way; each can be given up. */
  readonly #openings = new Set<{ giveUp: (cause: Error) => void }>();
  /** Openings that were refused, by reason: what a scan or a misconfiguration looks like. */
  readonly refusals = new Map<RefusalName | "other", number>();
  readonly #sweepMs: number;
  #sweepTimer: TimerHandle;
  #sweepDueAt = 0;
  #closed = false;

  /** @param onStreams - decides about connections for streams; without it they are not taken. */
  constructor(env: LinkEnvironment, insecure: boolean, onStreams?: (pending: PendingPeer) => void) {
    this.#env = env;
    this.#onStreams = onStreams;
    const { messages, streams, probe } = PURPOSE;
    this.#terms = { insecure, purposes: onStreams === undefined ? [messages, probe] : [messages, streams, probe] };
    this.#sweepMs = keepaliveSweepMs(env.options);
  }

  get(peer: LogicalAddress): Link {
    return this.#links.get(peer) ?? this.#make(peer);
  }

  /** The link if there is one: looking must not make any. */
  peek(peer: LogicalAddress): Link | undefined {
    return this.#links.get(peer);
  }

  [Symbol.iterator](): IterableIterator<Link> {
    return this.#links.values();
  }

  get anonymousCount(): number {
    return this.#anonymous.size;
  }

  /** All connections that stand. */
  *channels(): IterableIterator<Channel> {
    yield* this.#anonymous;
    for (const link of this.#links.values()) yield* link.channels;
  }

  /** A connection has come in at the listener. */
  accept(connection: Connection): void {
    const { clock, identity, keyring, lastWords, logger, options, random, seldom } = this.#env;
    if (this.#closed) {
      this.#refused(connection, "draining", "this node is closed");
      connection.destroy();
      return;
    }
    // Whoever has kept an opening open for longest is not about to finish it: strangers must not shut out peers.
    if (this.#openings.size >= options.maxOpenings) {
      const [oldest] = this.#openings;
      const reason = `more than ${options.maxOpenings} openings are under way`;
      this.#env.limits.hit("link.maxOpenings", reason);
      oldest!.giveUp(new HandshakeError("busy", reason));
    }
    const facts = channelFacts(connection, random.bytes(NONCE_BYTES));
    const handshake = new AcceptorHandshake(identity, keyring, this.#terms, facts);
    const opening = { giveUp: (_cause: Error): void => {} };
    const done = (): void => void this.#openings.delete(opening);
    this.#openings.add(opening);
    opening.giveUp = openAsAcceptor(
      connection,
      handshake,
      clock,
      lastWords,
      options.handshakeTimeoutMs,
      (pending) => {
        done();
        this.#onPeer(pending);
      },
      (error) => {
        done();
        this.#refused(connection, error instanceof HandshakeError ? error.reason : "other", error.message);
        const host = connection.remote.slice(0, connection.remote.lastIndexOf(":"));
        seldom.say(`${host} ${error.message}`, (addition) => {
          logger.warn(
            { remote: connection.remote, cause: error.message },
            `refused a connection from ${connection.remote}: ${error.message}${addition}`,
          );
        });
      },
    );
  }

  onMemberChanged(peer: LogicalAddress, known: boolean): void {
    this.#links.get(peer)?.onMemberChanged(known);
  }

  /** Those that are connected, and whoever connects from now on, are told that this node is closing. */
  announceShutdown(text: string): void {
    this.#env.closingText = text;
    for (const link of this.#links.values()) link.announceShutdown(text);
    for (const channel of this.#anonymous) channel.goAway("shutdown", text);
  }

  /** Flushes and ends all connections. Resolves when they are gone, or were cut off after `timeoutMs`. */
  async close(timeoutMs: number): Promise<void> {
    this.#stop(new Error("this node is closed"));
    for (const link of this.#links.values()) link.close();
    for (const channel of this.#anonymous) {
      channel.goAway("closed", "");
      channel.end();
    }
    const open = [...this.#anonymous, ...[...this.#links.values()].flatMap((link) => link.channels)];
    const timer = this.#env.clock.setTimeout(() => {
      for (const channel of open) channel.destroy(new Error("not flushed in time"));
    }, timeoutMs);
    await Promise.all(open.map((channel) => channel.closed));
    this.#env.clock.clearTimeout(timer);
    this.#env.lastWords.destroy();
  }

  destroy(cause: Error): void {
    this.#stop(cause);
    for (const link of this.#links.values()) link.destroy(cause);
    for (const channel of this.#anonymous) channel.destroy(cause);
    this.#env.lastWords.destroy();
  }

  #stop(cause: Error): void {
    this.#closed = true;
    this.#env.clock.clearTimeout(this.#sweepTimer);
    for (const opening of this.#openings) opening.giveUp(cause);
  }

  #make(peer: LogicalAddress): Link {
    const link = new Link(peer, this.#env);
    if (this.#closed) link.close();
    this.#links.set(peer, link);
    this.#armSweep();
    return link;
  }

  #onPeer(pending: PendingPeer): void {
    const { peer } = pending;
    if (this.#closed) return pending.refuse("draining", "this node is closed");
    if (peer.purpose === PURPOSE.probe) {
      // Whoever asks for this very address learns that it is taken; nothing more is said.
      pending.accept();
      this.#env.lastWords.part(pending.connection);
      return;
    }
    if (peer.purpose === PURPOSE.streams) return this.#onStreams!(pending);
    if (peer.address !== ANONYMOUS) return this.get(peer.address).offer(pending);
    pending.accept();
    const { clock, events, identity, options } = this.#env;
    const channel = new Channel(identity.address, peer, pending.connection, clock, options, identity.maxPayloadBytes, {
      onMessage: events.onMessage,
      onOversize: events.onOversize,
      onForeign: events.onForeign,
      onOvertaken: events.onOvertaken,
      onGoAway: () => {},
      onLimit: (_, limit, reason) => this.#env.limits.hit(limit, reason, ANONYMOUS),
      onClosed: (closed, cause) => {
        this.#anonymous.delete(closed);
        sayLost(identity.address, closed, cause, clock.now());
        tellPeerFault(this.#env, closed, cause);
        events.onLost(closed, cause);
      },
    });
    this.#anonymous.add(channel);
    sayOpened(identity.address, channel, false);
    this.#armSweep();
    if (this.#env.closingText !== undefined) channel.goAway("shutdown", this.#env.closingText);
    channel.open(Buffer.alloc(0));
  }

  #refused(connection: Connection, cause: RefusalName | "other", reason: string): void {
    this.refusals.set(cause, (this.refusals.get(cause) ?? 0) + 1);
    if (!linkEvents.hasSubscribers) return;
    const { remote } = connection;
    linkEvents.publish({ type: "refused", node: formatAddress(this.#env.identity.address), remote, cause, reason });
  }

  #armSweep(): void {
    if (this.#sweepTimer !== undefined || this.#closed) return;
    this.#sweepDueAt = this.#env.clock.now() + this.#sweepMs;
    this.#sweepTimer = this.#env.clock.setTimeout(() => this.#onSweepTimer(), this.#sweepMs);
  }

  /** After a stall of the event loop what has arrived is read before anybody is judged. */
  #onSweepTimer(): void {
    const { clock } = this.#env;
    const late = clock.now() - this.#sweepDueAt;
    if (late > this.#sweepMs) clock.nextTurn(() => clock.nextTurn(() => this.#sweep()));
    else this.#sweep();
  }

  #sweep(): void {
    this.#sweepTimer = undefined;
    if (this.#closed) return;
    const now = this.#env.clock.now();
    for (const [peer, link] of this.#links) {
      link.sweep(now);
      if (link.isForgettable) this.#links.delete(peer);
    }
    for (const channel of this.#anonymous) channel.keepalive(now, false);
    this.#armSweep();
  }
}
