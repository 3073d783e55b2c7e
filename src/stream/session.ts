/**
 * A yamux session: many streams over one connection. Here is what streams, frames, time and the connection mean for each
 * other; each of them by itself is in a file of its own.
 */
import type { DuplexOptions } from "node:stream";
import { asBuffer } from "../internal/as-buffer.js";
import type { Clock, Random, TimerHandle } from "../internal/clock.js";
import { describeCause } from "../internal/describe-cause.js";
import type { Connection, ConnectionHandler } from "../transport/transport.js";
import { ProtocolError } from "../wire/protocol-error.js";
import { FLAG, GO_AWAY, TYPE } from "./frame.js";
import { Inbound, type InboundTarget } from "./inbound.js";
import { describeDeath, type KeepaliveTimes, type KeepaliveVerdict, keepaliveVerdict } from "./keepalive.js";
import { PendingOpens } from "./pending-opens.js";
import { RESET } from "./reset-code.js";
import type { ResolvedSessionOptions } from "./session-options.js";
import { SessionPings } from "./session-pings.js";
import type { SessionPhase, SessionStatus } from "./session-status.js";
import { StreamError } from "./stream-error.js";
import type { StreamHost } from "./stream-host.js";
import { type SessionRole, StreamIds } from "./stream-ids.js";
import { throwLater } from "./throw-later.js";
import { SessionWriter } from "./writer.js";
import { YamuxStream } from "./yamux-stream.js";

/** What a session needs of a connection. */
export type SessionConnection = Pick<Connection, "remote" | "bufferedBytes" | "setHandler" | "write" | "end" | "destroy">;

export interface SessionHandler {
  /** The peer has opened a stream: `accept()` it, use it, or `reset()` it. Until then it counts against the backlog. */
  onStream(stream: YamuxStream): void;
  /** No streams can be opened over this session any more; those that are open go on. Once; not when the session ends first. */
  onUnavailable(why: "peer-left" | "ids-used-up"): void;
  /** Something was over a limit: a stream of the peer was refused, or one of the session was reset. */
  onLimit?(limit: "acceptBacklog" | "maxStreams" | "maxUnreadBytes", reason: string): void;
  /** The connection is closed. Exactly once, last. Without `error` the session was ended in order, by either side. */
  onClose(error: Error | undefined): void;
}

export interface SessionEnvironment {
  readonly clock: Clock;
  readonly random: Random;
  /** Who the peer is, for messages. Default: its network address. */
  readonly peerName?: string | undefined;
}

/** How often a session looks at its times, at most and at least. */
const MIN_LOOK_MS = 10;
const MAX_LOOK_MS = 1_000;

type State =
  | { readonly phase: "open" }
  /** The last bytes are leaving; `timer` ends the waiting for that. */
  | { readonly phase: "ending"; readonly error: Error | undefined; readonly timer: TimerHandle }
  | { readonly phase: "closed"; readonly error: Error | undefined };

export class Session implements ConnectionHandler, InboundTarget, StreamHost<YamuxStream>, AsyncDisposable {
  readonly role: SessionRole;
  /** Who the peer is, for messages. */
  readonly remote: string;
  readonly maxUnreadBytes: number;
  readonly #connection: SessionConnection;
  readonly #handler: SessionHandler;
  readonly #clock: Clock;
  readonly #options: ResolvedSessionOptions;
  readonly #duplexOptions: DuplexOptions;
  readonly #inbound: Inbound;
  readonly #writer: SessionWriter;
  readonly #pings: SessionPings;
  readonly #ids: StreamIds;
  readonly #streams = new Map<number, YamuxStream>();
  /** Own streams without an acknowledgment, and the peer's that were not accepted. */
  readonly #opens: PendingOpens<YamuxStream>;
  readonly #offers: PendingOpens<YamuxStream>;
  #state: State = { phase: "open" };
  /** This side takes no new streams; the peer does not. */
  #isLeaving = false;
  #hasPeerLeft = false;
  #saidUnavailable = false;
  /** Whoever waits for the last stream, or for the end of all. */
  readonly #closing: (() => void)[] = [];
  #lookTimer: TimerHandle;
  #lastReadAt: number;
  #unreadBytes = 0;
  #opened = 0;
  #openedByPeer = 0;
  #resetsOut = 0;
  #overBudget = 0;

  /** Takes `connection` over, whose next byte is the first of the session. */
  constructor(
    connection: SessionConnection,
    role: SessionRole,
    handler: SessionHandler,
    options: ResolvedSessionOptions,
    environment: SessionEnvironment,
  ) {
    const { clock, random } = environment;
    const now = clock.now();
    this.role = role;
    this.remote = environment.peerName ?? connection.remote;
    this.maxUnreadBytes = options.maxUnreadBytes;
    this.#connection = connection;
    this.#handler = handler;
    this.#clock = clock;
    this.#options = options;
    // A paused reader holds little in Node.js's own buffer: ours joins small pieces.
    this.#duplexOptions = { allowHalfOpen: true, readableHighWaterMark: 16 * 1024, writableHighWaterMark: options.highWaterBytes };
    this.#writer = new SessionWriter(connection, clock);
    this.#pings = new SessionPings(random, now);
    this.#ids = new StreamIds(role, options.firstStreamId);
    this.#inbound = new Inbound(this, this.#ids);
    this.#opens = new PendingOpens(options.maxUnacknowledged, options.maxHeldOpens);
    this.#offers = new PendingOpens(options.acceptBacklog, 0);
    this.#lastReadAt = now;
    this.#lookLater();
    connection.setHandler(this);
  }

  get phase(): SessionPhase {
    if (this.#state.phase !== "open") return this.#state.phase;
    return this.#isLeaving || this.#hasPeerLeft || this.#ids.isExhausted ? "draining" : "open";
  }

  /** Streams that are open, of both sides. */
  get streamCount(): number {
    return this.#streams.size;
  }

  /** Streams that there have been. */
  get streamTotal(): number {
    return this.#opened + this.#openedByPeer;
  }

  /** Why `open()` would fail now; `undefined`: it would not. */
  get unavailable(): string | undefined {
    if (this.#state.phase !== "open") return "the session is over";
    if (this.#isLeaving) return "this side is closing the session";
    if (this.#hasPeerLeft) return "the peer takes no new streams";
    if (this.#ids.isExhausted) return "all stream ids are used up";
    if (this.#streams.size >= this.#options.maxStreams) return `${this.#streams.size} streams are open (maxStreams)`;
    if (this.#opens.isFull) return `${this.#opens.askedCount + this.#opens.heldCount} streams wait for the peer's acknowledgment`;
    return undefined;
  }

  /**
   * Opens a stream. It can be written to at once; it emits `"acknowledged"` when the peer accepts it, or fails: refused,
   * reset, timeout, or lost. At the latest after `openTimeoutMs` it does either.
   *
   * @throws {@link StreamError} with the reason `"unavailable"`, saying why.
   */
  open(): YamuxStream {
    const why = this.unavailable;
    if (why !== undefined) throw new StreamError("unavailable", `no stream to ${this.remote} can be opened: ${why}`);
    const stream = new YamuxStream(this, this.#ids.take(), "held", this.#options, this.#duplexOptions);
    this.#streams.set(stream.id, stream);
    this.#opened++;
    if (this.#opens.add(stream, this.#clock.now())) this.#ask(stream);
    if (this.#ids.isExhausted) this.#sayUnavailable("ids-used-up");
    return stream;
  }

  /** Asks the peer for an answer. Resolves with the milliseconds that took. @throws Error when the session ends first. */
  async ping(): Promise<number> {
    if (this.#state.phase !== "open") throw new StreamError("lost", `no ping to ${this.remote}: the session is over`);
    this.#sendPing();
    return this.#pings.answered();
  }

  /** From now on no streams are opened, by either side; the peer's that were not accepted are refused. Those that are open go on. */
  goAway(): void {
    if (this.#isLeaving || this.#state.phase !== "open") return;
    this.#isLeaving = true;
    for (const stream of this.#offers.all()) stream.refuse(); // ahead of the go-away, which says of the rest that they are refused
    this.control(TYPE.goAway, 0, 0, GO_AWAY.normal);
  }

  /**
   * Leaves in order: {@link goAway}, waits for all streams to be over, ends the connection. Gives how many streams were cut
   * because `timeoutMs` was over; default 10,000.
   */
  async close({ timeoutMs = 10_000 }: { timeoutMs?: number | undefined } = {}): Promise<{ cutStreams: number }> {
    this.goAway();
    let cutStreams = 0;
    if (this.#unfinished() > 0 && this.#state.phase === "open") {
      const timer = this.#clock.setTimeout(
        () => {
          cutStreams = this.#unfinished();
          this.destroy();
        },
        timeoutMs,
        true,
      );
      await this.#until(() => this.#unfinished() === 0 || this.#state.phase !== "open");
      this.#clock.clearTimeout(timer);
    }
    this.#end(undefined, undefined);
    await this.#until(() => this.#state.phase === "closed");
    return { cutStreams };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Ends at once: every stream fails as lost, here and at the peer, which is told that this was in order, or with `error` that this side failed. */
  destroy(error?: Error): void {
    this.#end(error, error === undefined ? GO_AWAY.normal : GO_AWAY.internalError);
  }

  status(): SessionStatus {
    return {
      phase: this.phase,
      role: this.role,
      remote: this.#connection.remote,
      streams: this.#streams.size,
      unacknowledged: this.#opens.askedCount,
      held: this.#opens.heldCount,
      offered: this.#offers.askedCount,
      unreadBytes: this.#unreadBytes,
      waitingBytes: this.#writer.waitingBytes,
      opened: this.#opened,
      openedByPeer: this.#openedByPeer,
      resetsOut: this.#resetsOut,
      resetsIn: this.#inbound.resets,
      overBudget: this.#overBudget,
      strayFrames: this.#inbound.strayFrames,
      bytesIn: this.#inbound.bytes,
      bytesOut: this.#writer.bytesOut,
      rttMs: this.#pings.rttMs,
    };
  }

  /** The streams that are open, for status pages. */
  streams(): Iterable<YamuxStream> {
    return this.#streams.values();
  }

  // What the connection brings.

  onData(chunk: Uint8Array): void {
    if (this.#state.phase !== "open") return;
    this.#lastReadAt = this.#clock.now();
    try {
      this.#inbound.push(asBuffer(chunk));
    } catch (error) {
      if (!(error instanceof ProtocolError)) {
        this.#end(error as Error, GO_AWAY.internalError);
        throw error;
      }
      this.#end(new ProtocolError(`the peer at ${this.remote} broke the protocol: ${error.message}`), GO_AWAY.protocolError);
    }
  }

  onDrain(): void {
    this.#writer.onDrain();
  }

  onClose(error: Error | undefined): void {
    if (this.#state.phase === "closed") return;
    const reason = this.#state.phase === "ending" ? this.#state.error : error;
    if (this.#state.phase === "ending") this.#clock.clearTimeout(this.#state.timer);
    const wasOpen = this.#state.phase === "open";
    this.#state = { phase: "closed", error: reason };
    this.#stop();
    this.#writer.close();
    if (wasOpen) this.#lose(error === undefined ? "the peer ended the connection" : describeCause(error), error);
    this.#tellClosing();
    this.#handler.onClose(reason);
  }

  // What its frames say.

  find(streamId: number): YamuxStream | undefined {
    return this.#streams.get(streamId);
  }

  acknowledged(stream: YamuxStream): void {
    this.#settleOpen(stream);
    stream.acknowledged();
  }

  onPing(value: number): void {
    this.#answer(TYPE.ping, FLAG.ack, 0, value);
  }

  onPong(value: number): void {
    this.#pings.onPong(value, this.#lastReadAt);
  }

  onGoAway(code: number): void {
    if (code !== GO_AWAY.normal) {
      const why = code === GO_AWAY.protocolError ? "it says that this side broke the protocol" : `its code is ${code}`;
      return this.#end(new Error(`the peer at ${this.remote} ended the session: ${why}`), undefined);
    }
    if (this.#hasPeerLeft) return;
    this.#hasPeerLeft = true;
    const why = "the peer takes no new streams";
    for (const stream of this.#opens.all()) {
      stream.destroy(new StreamError("refused", `stream ${stream.id} to ${this.remote} was refused: ${why}`));
    }
    this.#sayUnavailable("peer-left");
  }

  offer(streamId: number): YamuxStream | undefined {
    if (this.#isLeaving || this.#offers.isFull || this.#streams.size >= this.#options.maxStreams) {
      if (!this.#isLeaving) this.#tellLimit();
      this.#resetsOut++;
      this.#answer(TYPE.windowUpdate, FLAG.rst, streamId, RESET.refused);
      return undefined;
    }
    const stream = new YamuxStream(this, streamId, "offered", this.#options, this.#duplexOptions);
    this.#streams.set(streamId, stream);
    this.#openedByPeer++;
    this.#offers.add(stream, this.#lastReadAt);
    try {
      this.#handler.onStream(stream);
    } catch (thrown) {
      throwLater(thrown);
      stream.reset(RESET.failed);
    }
    return stream.destroyed ? undefined : stream;
  }

  // What streams need.

  get now(): number {
    return this.#clock.now();
  }

  control(type: number, flags: number, streamId: number, length: number): void {
    if (this.#state.phase === "open") this.#writer.control(type, flags, streamId, length);
  }

  ready(stream: YamuxStream): void {
    if (this.#state.phase === "open") this.#writer.ready(stream);
  }

  accepted(stream: YamuxStream): void {
    this.#offers.settle(stream);
  }

  unreadChanged(delta: number): void {
    this.#unreadBytes += delta;
    while (this.#unreadBytes > this.maxUnreadBytes && this.#resetFullest());
  }

  finished(): void {
    if (this.#closing.length > 0) this.#tellClosing();
  }

  over(stream: YamuxStream, resetCode: number | undefined): void {
    if (!this.#streams.delete(stream.id)) return;
    this.#inbound.forget(stream);
    if (resetCode !== undefined && this.#state.phase === "open") {
      this.#resetsOut++;
      this.control(TYPE.windowUpdate, FLAG.rst, stream.id, resetCode);
    }
    this.#offers.settle(stream);
    this.#settleOpen(stream); // behind the reset: the peer has room for the next one then
    this.finished();
  }

  #tellLimit(): void {
    if (this.#offers.isFull) this.#handler.onLimit?.("acceptBacklog", `${this.#offers.askedCount} streams wait to be accepted`);
    else this.#handler.onLimit?.("maxStreams", `${this.#streams.size} streams are open`);
  }

  #ask(stream: YamuxStream): void {
    this.control(TYPE.windowUpdate, FLAG.syn, stream.id, stream.ask());
  }

  #settleOpen(stream: YamuxStream): void {
    const next = this.#opens.settle(stream);
    if (next !== undefined && this.#state.phase === "open") this.#ask(next);
  }

  /** Resets the stream with the most unread bytes, counted by how long nobody has read of them: one that is being read is not the one. */
  #resetFullest(): boolean {
    let fullest: YamuxStream | undefined;
    let most = 0;
    const { now } = this;
    for (const stream of this.#streams.values()) {
      const waiting = stream.unreadBytes * (1 + now - stream.readAt);
      if (waiting <= most) continue;
      fullest = stream;
      most = waiting;
    }
    if (fullest === undefined) return false;
    this.#overBudget++;
    const unread = `${this.#unreadBytes} bytes of the session's streams are unread, more than ${this.maxUnreadBytes} (maxUnreadBytes)`;
    this.#handler.onLimit?.("maxUnreadBytes", unread);
    const text = `stream ${fullest.id} to ${this.remote} was reset here: ${unread}, and ${fullest.unreadBytes} of them are its own`;
    fullest.destroy(new StreamError("over-budget", text));
    return true;
  }

  #answer(type: number, flags: number, streamId: number, length: number): void {
    if (this.#writer.answer(type, flags, streamId, length)) return;
    this.#end(new Error(`the peer at ${this.remote} asks for more and more answers and does not read them`), undefined);
  }

  #sayUnavailable(why: "peer-left" | "ids-used-up"): void {
    if (this.#saidUnavailable) return;
    this.#saidUnavailable = true;
    this.#handler.onUnavailable(why);
  }

  // Time.

  #lookLater(): void {
    const { keepaliveMs, keepaliveTimeoutMs, unansweredMs, openTimeoutMs } = this.#options;
    const shortest = Math.min(keepaliveMs === false ? openTimeoutMs : keepaliveMs, keepaliveTimeoutMs, unansweredMs, openTimeoutMs);
    const ms = Math.max(MIN_LOOK_MS, Math.min(MAX_LOOK_MS, Math.floor(shortest / 4)));
    this.#lookTimer = this.#clock.setTimeout(() => this.#look(), ms);
  }

  #look(): void {
    const verdict = this.#verdict();
    if (verdict === "ping") this.#sendPing();
    // A process that was stopped reads what has come meanwhile before it judges.
    if (verdict === "silent" || verdict === "unanswered") this.#clock.nextTurn(() => this.#judge());
    const late = this.#clock.now() - this.#options.openTimeoutMs;
    for (const stream of this.#opens.since(late)) {
      const text = `stream ${stream.id} to ${this.remote} was not acknowledged within ${this.#options.openTimeoutMs} ms`;
      stream.destroy(new StreamError("timeout", text));
    }
    for (const stream of this.#offers.since(late)) stream.refuse();
    if (this.#state.phase === "open") this.#lookLater();
  }

  get #times(): KeepaliveTimes {
    const { lastPongAt, sentAt } = this.#pings;
    return { lastReadAt: this.#lastReadAt, lastWriteAt: this.#writer.lastWriteAt, pingSentAt: sentAt, lastPongAt };
  }

  #verdict(): KeepaliveVerdict {
    return keepaliveVerdict(this.#times, this.#options, this.#clock.now());
  }

  #judge(): void {
    if (this.#state.phase !== "open") return;
    const verdict = this.#verdict();
    if (verdict !== "silent" && verdict !== "unanswered") return;
    this.#cut(new Error(`the session with ${this.remote} is dead: ${describeDeath(verdict, this.#times, this.#clock.now())}`));
  }

  #sendPing(): void {
    const value = this.#pings.begin(this.#clock.now());
    if (value !== undefined) this.control(TYPE.ping, FLAG.syn, 0, value);
  }

  // The end.

  /** Ends with last words, for which the connection gets `lingerMs`. */
  #end(error: Error | undefined, goAway: number | undefined): void {
    if (this.#state.phase !== "open") return;
    if (goAway !== undefined && !(goAway === GO_AWAY.normal && this.#isLeaving)) this.control(TYPE.goAway, 0, 0, goAway);
    const timer = this.#clock.setTimeout(() => this.#connection.destroy(error), this.#options.lingerMs, true);
    this.#state = { phase: "ending", error, timer };
    this.#stop();
    this.#writer.end();
    this.#lose(error?.message ?? "this side ended the session", error);
    this.#tellClosing();
  }

  /** Ends a connection on which nothing gets through. */
  #cut(error: Error): void {
    this.#end(error, undefined);
    this.#connection.destroy(error);
  }

  #stop(): void {
    this.#clock.clearTimeout(this.#lookTimer);
    this.#inbound.stop();
  }

  /** No stream survives; only what has arrived to its end can still be read. */
  #lose(why: string, cause: Error | undefined): void {
    const streams = [...this.#streams.values()];
    for (const stream of streams) {
      if (stream.isFinished) continue;
      stream.destroy(new StreamError("lost", `stream ${stream.id} to ${this.remote} was lost: ${why}`, { cause }));
    }
    this.#pings.close(new StreamError("lost", `no answer from ${this.remote}: ${why}`, { cause }));
  }

  /** Streams that the connection is still needed for; the others may still have to be read. */
  #unfinished(): number {
    let count = 0;
    for (const stream of this.#streams.values()) if (!stream.isFinished) count++;
    return count;
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#closing.push(resolve));
  }

  #tellClosing(): void {
    for (const resolve of this.#closing.splice(0)) resolve();
  }
}
