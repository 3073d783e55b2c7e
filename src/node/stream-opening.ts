/** Opens streams: finds the neighbour and a session with it, asks, and tries another way where that cannot do harm. */
import { formatAddress, type LogicalAddress, toAddress } from "../addr/logical-address.js";
import type { Code } from "../errors.js";
import type { AbortSignal } from "../internal/abort-signal.js";
import type { Clock } from "../internal/clock.js";
import { addressOrText, HINT, targetFault, unsentReason } from "../rpc/failure.js";
import type { MetadataInit, Target } from "../rpc/service.js";
import { readHarborReset } from "../stream/harbor-reset.js";
import { encodeOpenHeader } from "../stream/open-header.js";
import { RESET } from "../stream/reset-code.js";
import { StreamError } from "../stream/stream-error.js";
import type { YamuxStream } from "../stream/yamux-stream.js";
import type { BetweenGroups } from "./between-groups.js";
import type { NodeRouter } from "./node-router.js";
import { ignore } from "./offered-stream.js";
import { invalidTarget, OpenFailure, openFailureOf, STREAM_HINT } from "./stream-failure.js";
import type { PeerSession } from "./stream-peer.js";
import type { StreamSessions } from "./stream-sessions.js";
import { Wait } from "./wait.js";

/** What is to be opened. `first`: bytes that go with the header. */
export interface Opening {
  readonly protocol: string;
  readonly metadata: MetadataInit;
  readonly first: Uint8Array | undefined;
  readonly deadlineAt: number;
  readonly signal: AbortSignal | undefined;
}

export interface Opened {
  readonly stream: YamuxStream;
  readonly to: LogicalAddress;
  /** Largest payload that the peer takes. */
  readonly maxPayloadBytes: number;
}

export class StreamOpener {
  readonly #self: LogicalAddress;
  readonly #clock: Clock;
  readonly #router: NodeRouter;
  readonly #between: BetweenGroups;
  readonly #sessions: StreamSessions;

  constructor(self: LogicalAddress, clock: Clock, router: NodeRouter, between: BetweenGroups, sessions: StreamSessions) {
    this.#self = self;
    this.#clock = clock;
    this.#router = router;
    this.#between = between;
    this.#sessions = sessions;
  }

  /** A stream that its target has accepted; with a picker once more elsewhere when that cannot do harm. @throws {@link OpenFailure} */
  async open(target: Target, opening: Opening): Promise<Opened> {
    const first = this.#resolve(target, undefined);
    try {
      return await this.#openTo(first, opening, target);
    } catch (error) {
      if (!(error instanceof OpenFailure) || error.execution !== "notRun" || typeof target !== "object") throw error;
      if (error.code === "CANCELLED" || error.code === "DEADLINE_EXCEEDED" || error.code === "INVALID_ARGUMENT") throw error;
      const second = this.#resolve(target, first);
      if (second === first) throw error;
      return await this.#openTo(second, opening, undefined);
    }
  }

  /** Over a session that stands; over a new one, or another harbor, when that is left or not reached. */
  async #openTo(to: LogicalAddress, opening: Opening, target: Target | undefined): Promise<Opened> {
    if (opening.signal?.aborted === true) throw cancelled(to, opening.signal, "notRun");
    for (let isAgain = false; ; isAgain = true) {
      const hop = this.#router.nextForStream(to);
      if (typeof hop === "string") throw new OpenFailure(to, "UNAVAILABLE", "notRun", hop);
      const header = this.#header(to, opening);
      const first = opening.first === undefined ? header : Buffer.concat([header, opening.first]);
      let over: PeerSession | undefined;
      try {
        over = await this.#session(to, hop, opening, target);
        const stream = await this.#ask(over, to, first, opening);
        return { stream, to, maxPayloadBytes: over.peer.maxPayloadBytes };
      } catch (error) {
        const isOver = isAgain || !(error instanceof OpenFailure) || error.execution !== "notRun";
        if (isOver || this.#clock.now() >= opening.deadlineAt || !this.#mayRepeat(error, to, hop, over)) throw error;
      }
    }
  }

  /** Whether it was the way that failed, not the target, and there may be another. */
  #mayRepeat({ cause, code }: OpenFailure, to: LogicalAddress, hop: LogicalAddress, over: PeerSession | undefined): boolean {
    if (code !== "UNAVAILABLE") return false;
    const isLeft = over !== undefined && over.session.phase !== "open";
    if (hop === to) return isLeft;
    if (over !== undefined && !isLeft) {
      if (!StreamError.is(cause) || cause.reason !== "refused") return false;
      const said = readHarborReset(cause.resetCode);
      if (said?.reason === "closing") return said.id !== undefined || this.#between.leaveForStreams(hop);
      return said === undefined; // who refuses without a word may have been about to leave
    }
    return this.#between.leaveForStreams(hop) || isLeft;
  }

  #header(to: LogicalAddress, { protocol, metadata, deadlineAt }: Opening): Uint8Array {
    const remainingMs = Math.max(1, Math.ceil(deadlineAt - this.#clock.now()));
    try {
      return encodeOpenHeader({ to, from: this.#self, remainingMs, protocol, metadata });
    } catch (cause) {
      throw new OpenFailure(to, "INVALID_ARGUMENT", "notRun", (cause as Error).message, cause);
    }
  }

  #session(
    to: LogicalAddress,
    hop: LogicalAddress,
    { deadlineAt, signal }: Opening,
    target: Target | undefined,
  ): Promise<PeerSession> | PeerSession {
    const current = hop === this.#self ? this.#sessions.local() : this.#sessions.get(hop).current;
    if (current !== undefined) return current;
    const peer = this.#sessions.get(hop);
    return new Promise((resolve, reject) => {
      const wait = new Wait(this.#clock, deadlineAt, signal, (failure) => {
        peer.withdraw(waiter);
        reject(
          failure === "late"
            ? this.#unsent(to, hop, "DEADLINE_EXCEEDED", `${peer.describe()}; ${HINT.deadlineNotRun}`)
            : cancelled(to, signal, "notRun"),
        );
      });
      const waiter = {
        onReady: (session: PeerSession): void => {
          if (wait.settle()) resolve(session);
        },
        onFail: (cause: Error): void => {
          if (!wait.settle()) return;
          reject(this.#unsent(to, hop, "UNAVAILABLE", unsentReason(cause), cause));
        },
        staysAfterFailure: (): boolean =>
          !this.#between.hasOtherHarbor(to, hop) &&
          (typeof target !== "object" || target === null || !this.#router.hasElsewhere(target.type, target.policy, to)),
      };
      if (!wait.isSettled) peer.reach(waiter);
    });
  }

  /** Asks over `from`, and waits for the answer. */
  #ask({ peer, session }: PeerSession, to: LogicalAddress, first: Uint8Array, { deadlineAt, signal }: Opening): Promise<YamuxStream> {
    return new Promise((resolve, reject) => {
      let stream: YamuxStream;
      try {
        stream = session.open();
      } catch (error) {
        return reject(openFailureOf(to, error as Error, peer.address, false));
      }
      stream.on("error", ignore);
      stream.whenOpened((error) => {
        if (!wait.settle()) return;
        if (error === undefined) resolve(stream);
        else reject(openFailureOf(to, error, peer.address, stream.opening !== "held"));
      });
      const wait = new Wait(this.#clock, deadlineAt, signal, (failure) => {
        stream.whenOpened(undefined);
        // Told whether anybody has accepted it, the peer has not.
        const wasAsked = stream.opening !== "held";
        stream.reset(RESET.cancelled);
        const execution = wasAsked ? "unknown" : "notRun";
        const late = `it was not accepted in time; ${STREAM_HINT.timeout}`;
        reject(failure === "late" ? new OpenFailure(to, "DEADLINE_EXCEEDED", execution, late) : cancelled(to, signal, execution));
      });
      if (!wait.isSettled) stream.write(first);
    });
  }

  #resolve(target: Target, not: LogicalAddress | undefined): LogicalAddress {
    let picked: LogicalAddress | undefined;
    try {
      if (target === undefined) throw invalidTarget(target, `no target was given; ${HINT.noTarget}`);
      if (typeof target !== "object") return toAddress(target);
      picked = this.#router.pick(target.type, target.policy, not);
    } catch (cause) {
      if (cause instanceof OpenFailure) throw cause;
      throw new OpenFailure(addressOrText(target), "INVALID_ARGUMENT", "notRun", targetFault(cause), cause);
    }
    if (picked !== undefined) return picked;
    throw new OpenFailure(addressOrText(target), "UNAVAILABLE", "notRun", this.#router.explainNone(target.type));
  }

  /** Nobody was asked; over a harbor its name stands first. */
  #unsent(to: LogicalAddress, hop: LogicalAddress, code: Code, reason: string, cause?: Error): OpenFailure {
    const isDirect = hop === to;
    const text = isDirect ? reason : `harbor ${formatAddress(hop)}: ${reason}`;
    return new OpenFailure(to, code, "notRun", text, cause, isDirect ? [] : [hop]);
  }
}

function cancelled(to: LogicalAddress, signal: AbortSignal | undefined, execution: "notRun" | "unknown"): OpenFailure {
  const reason: unknown = signal?.reason;
  return new OpenFailure(to, "CANCELLED", execution, `cancelled: ${reason instanceof Error ? reason.message : String(reason)}`, reason);
}
