/**
 * The sessions with one peer: dialed when a stream is to be opened and none stands, or dialed by the peer. Both sides may
 * dial at once, and then there are two: a stream lives on the one over which it was opened, and each side opens on the
 * newest that it has.
 */
import { formatAddress, isHarbor, type LogicalAddress } from "../addr/logical-address.js";
import type { LimitHits } from "../events/limit-hits.js";
import { backoffMs } from "../internal/backoff.js";
import type { TimerHandle } from "../internal/clock.js";
import { describeCause } from "../internal/describe-cause.js";
import type { Logger } from "../internal/logger.js";
import type { Resolved } from "../internal/resolved.js";
import { UnsentError } from "../internal/unsent-error.js";
import { within } from "../internal/within.js";
import { DialAttempt, type DialEnvironment } from "../link/dial-attempt.js";
import type { DialLimiter } from "../link/dial-limiter.js";
import { PERMANENT } from "../link/dial-round.js";
import type { PeerHello } from "../link/handshake.js";
import { HandshakeError } from "../link/handshake-error.js";
import type { LinkOptions } from "../link/link-options.js";
import type { PendingPeer } from "../link/opening.js";
import { Reachability } from "../link/reachability.js";
import { Usage } from "../link/usage.js";
import { RESET } from "../stream/reset-code.js";
import { Session, type SessionConnection } from "../stream/session.js";
import type { ResolvedSessionOptions } from "../stream/session-options.js";
import type { SessionRole } from "../stream/stream-ids.js";
import type { YamuxStream } from "../stream/yamux-stream.js";
import { PURPOSE } from "../wire/hello.js";
import type { StreamOptions } from "./stream-options.js";
import type { StreamTally } from "./stream-totals.js";

/** What the sessions of a node share, handed in by the node. */
export interface StreamEnvironment extends DialEnvironment {
  readonly link: Resolved<LinkOptions>;
  readonly stream: Resolved<StreamOptions>;
  readonly session: ResolvedSessionOptions;
  readonly limiter: DialLimiter;
  readonly limits: LimitHits;
  readonly tally: StreamTally;
  readonly logger: Logger;
  /** Where `peer` listens according to discovery. */
  locate(peer: LogicalAddress): string | undefined;
  /** A process of `peer` newer than `incarnation` to which a link stands. */
  newerProcess(peer: LogicalAddress, incarnation: bigint): NewerProcess | undefined;
  /** The sessions are looked at. */
  onSweep(): void;
  /** A peer has opened a stream. */
  onStream(session: PeerSession, stream: YamuxStream): void;
  /** Proven: a newer incarnation of this node's own address is alive. */
  onReplaced(by: LogicalAddress, text: string): void;
}

/** A process to which a connection stands. */
export interface NewerProcess {
  readonly incarnation: bigint;
  /** Rejects when the connection is gone. */
  ping(): Promise<unknown>;
  /** The connection was found silent. */
  destroy(cause: Error): void;
}

/** A session, and with whom. */
export interface PeerSession {
  readonly session: Session;
  readonly peer: Pick<PeerHello, "address" | "incarnation" | "maxPayloadBytes">;
  readonly openedAt: number;
}

/** Somebody who needs a session. One of the two is called, once, never within `reach`. */
export interface SessionWaiter {
  onReady(session: PeerSession): void;
  onFail(cause: Error): void;
  /** Whether to go on waiting after a dial that failed. */
  staysAfterFailure(): boolean;
}

type DialState =
  | { readonly phase: "idle" }
  | { readonly phase: "dialing"; readonly attempt: DialAttempt }
  | { readonly phase: "waiting"; readonly timer: TimerHandle }
  | { readonly phase: "closed"; readonly cause: Error };

/** Streams that a harbor holds for one session until their targets accept them: it takes them for many, of which some may hang. */
export const RELAY_BACKLOG = 16_384;

/** Sessions that a peer of one incarnation may have at once: new ones come when ids are used up or both dial. */
const MAX_SESSIONS = 8;

interface Held extends PeerSession {
  readonly use: Usage;
  /** Grows with each stream. */
  readonly messageCount: number;
}

export class StreamPeer {
  readonly address: LogicalAddress;
  readonly #env: StreamEnvironment;
  readonly #reach = new Reachability();
  readonly #waiters = new Set<SessionWaiter>();
  /** The newest last. */
  #sessions: Held[] = [];
  #state: DialState = { phase: "idle" };
  #roundAt = 0;

  constructor(address: LogicalAddress, env: StreamEnvironment) {
    this.address = address;
    this.#env = env;
  }

  get sessions(): readonly PeerSession[] {
    return this.#sessions;
  }

  /** Streams that are open, over all sessions. */
  get streamCount(): number {
    return this.#sessions.reduce((sum, { session }) => sum + session.streamCount, 0);
  }

  /** Whether nothing would be lost with it. */
  isForgettable(now: number): boolean {
    const isQuiet = this.#state.phase === "idle" && this.#sessions.length === 0 && this.#waiters.size === 0;
    return isQuiet && now - this.#reach.lastAttemptAt >= this.#env.link.maxBackoffMs;
  }

  /** The session over which streams are opened now; `undefined`: one is to be waited for. */
  get current(): PeerSession | undefined {
    return this.#sessions.findLast(({ session }) => session.phase === "open");
  }

  /** Tells `waiter` when there is a session, or why there is none. Dials where nobody does. */
  reach(waiter: SessionWaiter): void {
    this.#waiters.add(waiter);
    if (this.#state.phase === "closed") {
      const { cause } = this.#state;
      this.#env.clock.nextTurn(() => this.#fail(cause));
    } else if (this.#state.phase === "idle") {
      const { clock, link } = this.#env;
      this.#roundAt = clock.now();
      const since = this.#roundAt - this.#reach.lastAttemptAt;
      const isTooSoon = this.#reach.failures > 0 && since < link.backoffMs;
      this.#reach.restart();
      if (isTooSoon) this.#wait(link.backoffMs - since);
      else this.#dial();
    }
  }

  /** It waits no longer. */
  withdraw(waiter: SessionWaiter): void {
    this.#waiters.delete(waiter);
  }

  /** The peer has dialed for streams, and proved who it is. */
  offer(pending: PendingPeer): void {
    const { incarnation } = pending.peer;
    if (this.#state.phase === "closed") return pending.refuse("draining", this.#state.cause.message);
    const newer = this.#sessions.findLast(({ peer }) => peer.incarnation > incarnation);
    if (newer !== undefined)
      return this.#judge(pending, {
        incarnation: newer.peer.incarnation,
        ping: () => newer.session.ping(),
        destroy: (cause) => newer.session.destroy(cause),
      });
    const linked = this.#env.newerProcess(this.address, incarnation);
    if (linked !== undefined) return this.#judge(pending, linked);
    this.endOlder(incarnation);
    if (this.#sessions.length >= MAX_SESSIONS) return pending.refuse("busy", `${this.#sessions.length} sessions for streams stand`);
    pending.accept();
    this.add(pending.connection, "acceptor", pending.peer, undefined);
  }

  /** A process that followed the one of these sessions is alive: they end, and their streams fail. */
  endOlder(incarnation: bigint): void {
    for (const { session, peer } of [...this.#sessions]) {
      if (peer.incarnation >= incarnation) continue;
      session.destroy(new Error(`incarnation ${incarnation} of ${formatAddress(this.address)} has come, newer than ${peer.incarnation}`));
    }
  }

  /** Takes a connection that is open on both ends. `rest`: what has come on it already. */
  add(connection: SessionConnection, role: SessionRole, peer: PeerSession["peer"], rest: Uint8Array | undefined): PeerSession {
    const { clock, limits, logger, random } = this.#env;
    const name = formatAddress(this.address);
    const session = new Session(
      connection,
      role,
      {
        onStream: (stream) => this.#onStream(held, stream),
        onUnavailable: (why) => logger.debug({ peer: name }, `no new streams over one session with ${name}: ${why}`),
        onLimit: (limit, reason) => limits.hit(`stream.${limit}`, reason, this.address),
        onClose: (error) => {
          this.#sessions = this.#sessions.filter((each) => each !== held);
          this.#env.tally.retire(session.status());
          logger.debug({ peer: name, cause: error?.message }, `the session for streams with ${name} has ended`);
        },
      },
      isHarbor(this.address) ? { ...this.#env.session, maxUnacknowledged: RELAY_BACKLOG } : this.#env.session,
      { clock, random, peerName: name },
    );
    const held: Held = {
      session,
      peer,
      openedAt: clock.now(),
      use: new Usage(),
      get messageCount() {
        return session.streamTotal;
      },
    };
    this.#sessions.push(held);
    this.#reach.succeeded();
    if (this.#state.phase === "waiting") this.#enter({ phase: "idle" });
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    if (rest !== undefined && rest.length > 0) session.onData(rest);
    for (const waiter of waiters) waiter.onReady(held);
    return held;
  }

  /** Ends sessions that have not been used for long, or are old and quiet. */
  sweep(now: number): void {
    for (const held of this.#sessions) {
      const { session, use } = held;
      if (session.phase !== "open") continue;
      if (use.look(held, session.streamCount > 0, now, this.#env.link) === undefined) continue;
      void session.close({ timeoutMs: this.#env.stream.openTimeoutMs });
    }
  }

  /** No new streams, by either side. */
  goAway(cause: Error): void {
    this.#enter({ phase: "closed", cause });
    this.#fail(cause);
    for (const { session } of this.#sessions) session.goAway();
  }

  destroy(cause: Error): void {
    this.goAway(cause);
    for (const { session } of [...this.#sessions]) session.destroy(cause);
  }

  /** What the way there is doing, for the text of an error. */
  describe(): string {
    if (this.current !== undefined) return "its session for streams stands";
    const endpoint = this.#env.locate(this.address) ?? "?";
    return this.#state.phase === "idle" ? "no session for streams" : this.#reach.describe(endpoint, this.#env.clock.now());
  }

  #onStream(held: Held, stream: YamuxStream): void {
    const { limits, onStream, stream: options } = this.#env;
    if (this.streamCount <= options.maxStreams) return onStream(held, stream);
    limits.hit("stream.maxStreams", `${this.streamCount - 1} streams are open`, this.address);
    stream.reset(RESET.busy);
  }

  /** An older process of the peer's dials, while a connection to a newer one stands: which one lives? */
  #judge(pending: PendingPeer, newer: NewerProcess): void {
    const { clock, link } = this.#env;
    const { incarnation } = pending.peer;
    pending.wait(link.keepaliveTimeoutMs);
    const answer = newer.ping().then(
      () => true,
      () => false,
    );
    void within(answer, link.keepaliveTimeoutMs, clock).then(async (inTime) => {
      if (inTime && (await answer)) {
        const name = formatAddress(this.address);
        pending.refuse("replaced", `incarnation ${newer.incarnation} of ${name} is alive, newer than ${incarnation}`);
        return;
      }
      newer.destroy(new Error("silent when the peer dialed again"));
      if (!pending.isGone) this.offer(pending);
    });
  }

  #dial(): void {
    const { clock, limiter, limits, link } = this.#env;
    const endpoint = this.#env.locate(this.address);
    if (endpoint === undefined) return this.#giveUp(new UnsentError("unknown", "discovery does not know it"));
    const heldMs = limiter.take(clock.now());
    if (heldMs > 0) {
      limits.hit("link.maxDialsPerSecond", `dialed in ${heldMs} ms`, this.address);
      return this.#wait(heldMs);
    }
    const attempt = new DialAttempt(this.#env, link, {
      onConnected: () => this.#reach.connected(),
      onOpen: (connection, peer, rest) => {
        if (this.#state !== dialing) return connection.destroy();
        this.#enter({ phase: "idle" });
        this.endOlder(peer.incarnation);
        this.add(connection, "dialer", peer, rest);
      },
      onFail: (cause) => {
        if (this.#state === dialing) this.#onDialFailed(endpoint, cause);
      },
    });
    const dialing: DialState = { phase: "dialing", attempt };
    this.#enter(dialing);
    this.#reach.attempt(clock.now());
    attempt.start(endpoint, this.address, PURPOSE.streams);
  }

  #onDialFailed(endpoint: string, cause: Error): void {
    const { clock, link, limits, logger, onReplaced, random } = this.#env;
    const now = clock.now();
    this.#enter({ phase: "idle" });
    this.#reach.failed(now, cause);
    const name = formatAddress(this.address);
    logger[this.#reach.isNews ? "warn" : "debug"](
      { peer: name },
      `${name} is not reached for streams: ${this.#reach.describe(endpoint, now)}`,
    );
    if (cause instanceof HandshakeError && cause.byPeer && cause.proven && cause.reason === "replaced")
      onReplaced(this.address, cause.message);
    if (this.#state.phase !== "idle") return; // the node has stopped
    if (this.current !== undefined) return; // the peer has dialed meanwhile
    if (cause instanceof HandshakeError && cause.byPeer && cause.reason === "draining")
      return this.#giveUp(new UnsentError("left", describeCause(cause)));
    const isHopeless = cause instanceof HandshakeError && PERMANENT.has(cause.reason);
    const waited = now - this.#roundAt;
    if (isHopeless || waited >= link.reachTimeoutMs) {
      if (!isHopeless) limits.hit("link.reachTimeoutMs", cause.message, this.address);
      return this.#giveUp(cause);
    }
    const unreachable = new UnsentError("unreachable", this.#reach.describe(endpoint, now), cause);
    for (const waiter of [...this.#waiters]) {
      if (waiter.staysAfterFailure() || !this.#waiters.delete(waiter)) continue;
      waiter.onFail(unreachable);
    }
    if (this.#waiters.size === 0) return;
    const pause = backoffMs(this.#reach.failures, link.backoffMs, link.maxBackoffMs, random.next());
    this.#wait(Math.min(pause, Math.max(1, link.reachTimeoutMs - waited)));
  }

  #wait(ms: number): void {
    const timer = this.#env.clock.setTimeout(() => {
      if (this.#state !== waiting) return;
      this.#enter({ phase: "idle" });
      if (this.#waiters.size > 0) this.#dial();
    }, ms);
    const waiting: DialState = { phase: "waiting", timer };
    this.#enter(waiting);
  }

  #giveUp(cause: Error): void {
    const endpoint = this.#env.locate(this.address);
    const text =
      endpoint === undefined || this.#reach.failures === 0 ? cause.message : this.#reach.describe(endpoint, this.#env.clock.now());
    const failure = cause instanceof UnsentError ? cause : new UnsentError("unreachable", text, cause);
    this.#enter({ phase: "idle" });
    this.#env.clock.nextTurn(() => this.#fail(failure)); // whoever caused this dial is not known to its caller yet
  }

  #fail(cause: Error): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter.onFail(cause);
  }

  /** The only assignment of `#state`: releases what the old phase owned. */
  #enter(next: DialState): void {
    const previous = this.#state;
    if (previous.phase === "closed") return;
    this.#state = next;
    if (previous.phase === "dialing")
      previous.attempt.giveUp(); // nothing, when it has settled
    else if (previous.phase === "waiting") this.#env.clock.clearTimeout(previous.timer);
  }
}
