/** One conversation with one remote: the core, when it was last heard of, and what is due next. Knows no socket. */
import { formatRemote, type Remote } from "./datagram-socket.js";
import type { Emit } from "./datagram-writer.js";
import type { Scheduled } from "./deadline-heap.js";
import type { InputFault, KcpCore } from "./kcp-core.js";
import { KcpError } from "./kcp-error.js";

export interface ConversationLimits {
  readonly idleTimeoutMs: number | false;
  readonly keepaliveMs: number | false;
  /** For peers that have not proved their address. */
  readonly unprovenTimeoutMs: number;
}

/** Who reads and writes: told after everything that may have changed what it can do. */
export interface ConversationUser {
  onProgress(): void;
}

export class Conversation implements Scheduled {
  readonly key: string;
  readonly core: KcpCore;
  readonly remote: Remote;
  readonly #limits: ConversationLimits;
  /** `undefined` until there is something for the application. */
  user: ConversationUser | undefined;
  heapAt = 0;
  heapIndex = -1;
  /** It waits for the end of the turn, when what is to be sent leaves. */
  isTouched = false;
  #heardAt: number;
  #askedAt: number;

  constructor(key: string, core: KcpCore, remote: Remote, limits: ConversationLimits, now: number) {
    this.key = key;
    this.core = core;
    this.remote = remote;
    this.#limits = limits;
    this.#heardAt = this.#askedAt = now;
  }

  get heardAt(): number {
    return this.#heardAt;
  }

  input(datagram: Buffer, now: number): InputFault | undefined {
    const fault = this.core.input(datagram, now);
    if (fault === undefined || fault === "window") this.#heardAt = now;
    return fault;
  }

  /** Sends what is due, and gives up what has waited too long. */
  flush(now: number, emit: Emit): void {
    const { core } = this;
    if (now >= this.#silentUntil()) return core.fail(this.#silence(now));
    const { keepaliveMs } = this.#limits;
    if (keepaliveMs !== false && now >= Math.max(this.#heardAt, this.#askedAt) + keepaliveMs) {
      this.#askedAt = now;
      core.ask();
    }
    if (core.nextUpdateAt(now) <= now) core.flush(now, emit);
  }

  /** When `flush` is to be called next. */
  dueAt(now: number): number {
    const { keepaliveMs } = this.#limits;
    const askAt = keepaliveMs === false ? Number.POSITIVE_INFINITY : Math.max(this.#heardAt, this.#askedAt) + keepaliveMs;
    return Math.min(this.core.nextUpdateAt(now), this.#silentUntil(), askAt);
  }

  #silentUntil(): number {
    const { idleTimeoutMs, unprovenTimeoutMs } = this.#limits;
    const idle = idleTimeoutMs === false ? Number.POSITIVE_INFINITY : idleTimeoutMs;
    return this.#heardAt + (this.core.isProven ? idle : Math.min(idle, unprovenTimeoutMs));
  }

  #silence(now: number): KcpError {
    const who = formatRemote(this.remote);
    const seconds = Math.round((now - this.#heardAt) / 100) / 10;
    return this.core.isProven
      ? new KcpError("IDLE", `nothing was heard of ${who} for ${seconds} s`)
      : new KcpError("UNPROVEN", `${who} has not proved in time that it receives what is sent there; nothing was heard for ${seconds} s`);
  }
}
