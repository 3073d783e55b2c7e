/** One stream that a harbor relays: from its open header, over the opening of the next one, to the end of both. */
import { addressId, isHarbor, type LogicalAddress } from "../addr/logical-address.js";
import type { RefusalReason } from "../harbor/refusal-reason.js";
import type { Clock, TimerHandle } from "../internal/clock.js";
import { MAX_TIMER_MS } from "../internal/timer-limit.js";
import { UnsentError } from "../internal/unsent-error.js";
import { HARBOR_REASON, type HarborReason, harborReset, readHarborReset } from "../stream/harbor-reset.js";
import { type OpenRoute, passOnOpenHeader } from "../stream/open-header.js";
import { RESET } from "../stream/reset-code.js";
import { StreamError } from "../stream/stream-error.js";
import type { YamuxStream } from "../stream/yamux-stream.js";
import { ignore } from "./offered-stream.js";
import type { PeerSession, SessionWaiter, StreamPeer } from "./stream-peer.js";

/** What it needs of whoever relays. */
export interface RelayHost {
  readonly clock: Clock;
  /** The next node of the way to `to`; else why there is none. */
  hop(to: LogicalAddress): LogicalAddress | RefusalReason;
  /** The sessions with a neighbour. */
  sessions(peer: LogicalAddress): StreamPeer;
  /** A neighbour is not reached. True: there is another one to be asked in its place. */
  leave(peer: LogicalAddress): boolean;
  refused(stream: RelayedStream, reason: RefusalReason): void;
  accepted(stream: RelayedStream): void;
  /** `bytes`: that came from either side. */
  over(stream: RelayedStream, inOrder: boolean, bytes: number, wasWaiting: boolean): void;
}

type State =
  /** For a session with the next node. */
  | { readonly phase: "waiting"; readonly peer: StreamPeer; readonly waiter: SessionWaiter; readonly timer: TimerHandle }
  /** The next node was asked. */
  | { readonly phase: "asked"; readonly next: YamuxStream; readonly peer: LogicalAddress }
  | { readonly phase: "open"; readonly next: YamuxStream; readonly peer: LogicalAddress }
  | { readonly phase: "over" };

/** Neighbours that are tried, one after the other. */
const MAX_TRIES = 2;

export class RelayedStream {
  readonly to: LogicalAddress;
  readonly #host: RelayHost;
  /** The one that came, and whom it came from. */
  readonly #near: YamuxStream;
  readonly #nearPeer: LogicalAddress;
  readonly #header: Buffer;
  /** Until when it has to be accepted; `Infinity`: no limit. */
  readonly #deadlineAt: number;
  #state: State | undefined;
  #tries = 0;

  constructor(host: RelayHost, near: YamuxStream, nearPeer: LogicalAddress, header: Buffer, route: OpenRoute, arrivedAt: number) {
    this.to = route.to as LogicalAddress;
    this.#host = host;
    this.#near = near;
    this.#nearPeer = nearPeer;
    this.#header = header;
    this.#deadlineAt = route.remainingMs === 0 ? Number.POSITIVE_INFINITY : arrivedAt + route.remainingMs;
  }

  /** Whether the target has not accepted it. */
  get isWaiting(): boolean {
    return this.#state?.phase !== "open" && this.#state?.phase !== "over";
  }

  /** What came from either side. */
  get bytes(): number {
    const state = this.#state;
    const isAsked = state?.phase === "asked" || state?.phase === "open";
    return this.#near.bytesIn + (isAsked ? state.next.bytesIn : 0);
  }

  /** Bytes that have come from either side and that the other has not taken. */
  get waitingBytes(): number {
    const state = this.#state;
    const isAsked = state?.phase === "asked" || state?.phase === "open";
    return this.#near.unreadBytes + (isAsked ? state.next.unreadBytes : 0);
  }

  start(): void {
    this.#near.on("close", () => this.#nearClosed());
    this.#findNext();
  }

  /** Nothing is passed on any more, for what is over a limit. */
  cut(code: number): void {
    this.#near.reset(code);
  }

  #findNext(): void {
    const { clock } = this.#host;
    const hop = this.#host.hop(this.to);
    if (typeof hop === "string") return this.#refuse(hop);
    if (this.#deadlineAt <= clock.now()) return this.#refuse("deadline");
    this.#tries++;
    const peer = this.#host.sessions(hop);
    const { current } = peer;
    if (current !== undefined) return this.#ask(current);
    const waiter: SessionWaiter = {
      onReady: (session) => {
        if (this.#isIn(waiting)) this.#ask(session);
      },
      onFail: (cause) => {
        if (this.#isIn(waiting)) this.#notReached(hop, cause);
      },
      staysAfterFailure: () => false, // whoever waits is far away, and may have another way
    };
    const timer = Number.isFinite(this.#deadlineAt)
      ? clock.setTimeout(() => this.#refuse("deadline"), Math.min(this.#deadlineAt - clock.now(), MAX_TIMER_MS))
      : undefined;
    const waiting: State = { phase: "waiting", peer, waiter, timer };
    this.#enter(waiting);
    peer.reach(waiter);
  }

  #notReached(hop: LogicalAddress, cause: Error): void {
    if (hop !== this.to && this.#tries < MAX_TRIES && this.#host.leave(hop)) return this.#findNext();
    const reason = cause instanceof UnsentError ? cause.reason : "unreachable";
    this.#refuse(reason === "left" ? "left" : reason === "unknown" ? "unknownTarget" : "unreachable");
  }

  #ask({ peer, session }: PeerSession): void {
    if (this.#near.destroyed) return; // its end is about to be told
    let next: YamuxStream;
    try {
      next = session.open();
    } catch (error) {
      if (!StreamError.is(error)) throw error;
      return this.#refuse("tooManyStreams");
    }
    const remainingMs = Number.isFinite(this.#deadlineAt) ? Math.max(1, Math.ceil(this.#deadlineAt - this.#host.clock.now())) : 0;
    passOnOpenHeader(this.#header, remainingMs);
    this.#enter({ phase: "asked", next, peer: peer.address });
    next.on("error", ignore);
    next.on("acknowledged", () => this.#accepted(next, peer.address));
    next.on("close", () => this.#nextClosed(next, peer.address));
    this.#near.relayTo(next, this.#header);
  }

  #accepted(next: YamuxStream, peer: LogicalAddress): void {
    if (this.#state?.phase !== "asked") return;
    this.#enter({ phase: "open", next, peer });
    this.#host.accepted(this);
  }

  #nearClosed(): void {
    const state = this.#state;
    if (state?.phase === "over") return;
    const { errored } = this.#near;
    if (state?.phase === "asked" || state?.phase === "open") state.next.reset(passedOnCode(errored, this.#nearPeer));
    this.#end(errored === null);
  }

  #nextClosed(next: YamuxStream, peer: LogicalAddress): void {
    if (this.#state?.phase === "over") return;
    const wasAsked = next.opening !== "held";
    if (StreamError.is(next.errored) && next.errored.resetCode === harborReset("closing")) this.#host.leave(peer);
    this.#near.reset(wasAsked ? passedOnCode(next.errored, peer) : RESET.refused);
    this.#end(next.errored === null);
  }

  #refuse(reason: RefusalReason): void {
    if (this.#state?.phase === "over") return;
    this.#near.reset(refusalCode(reason));
    this.#enter({ phase: "over" });
    this.#host.refused(this, reason);
  }

  #end(inOrder: boolean): void {
    const { bytes, isWaiting } = this;
    this.#enter({ phase: "over" });
    this.#host.over(this, inOrder, bytes, isWaiting);
  }

  #isIn(state: State): boolean {
    return this.#state === state;
  }

  /** The only assignment of `#state`: releases what the old phase owned. */
  #enter(next: State): void {
    const previous = this.#state;
    this.#state = next;
    if (previous?.phase !== "waiting") return;
    previous.peer.withdraw(previous.waiter);
    this.#host.clock.clearTimeout(previous.timer);
  }
}

/** The code for one side of what the other side, `peer`'s, ended with. */
export function passedOnCode(error: Error | null, peer: LogicalAddress): number {
  if (error === null) return RESET.cancelled;
  if (!StreamError.is(error)) return RESET.failed;
  const said = readHarborReset(error.resetCode);
  if (said !== undefined) return isHarbor(peer) ? harborReset(said.reason, said.id ?? addressId(peer)) : RESET.failed;
  if (error.reason === "lost") return harborReset("gone");
  if (error.reason === "timeout") return harborReset("unanswered");
  return error.resetCode;
}

/** The code for what this harbor refuses. */
export function refusalCode(reason: RefusalReason): number {
  return reason in HARBOR_REASON ? harborReset(reason as HarborReason) : RESET.refused;
}
