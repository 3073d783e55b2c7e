/** The pings of one connection: when the last bytes and answers came, and what their absence means. */
import type { Clock } from "../internal/clock.js";
import { nextSeq } from "../wire/header.js";
import { type KeepaliveOptions, keepaliveVerdict } from "./keepalive.js";

export class Heartbeat {
  /** When bytes of the peer came last. */
  lastReadAt: number;
  /** When bytes were last handed to the transport. */
  lastWriteAt: number;
  /** Round-trip time of the last ping in milliseconds. */
  rttMs: number | undefined;
  /** How much had been sent before the ping that was answered last, as `sendPing` gave it. */
  answeredFor = 0;
  readonly #clock: Clock;
  readonly #options: KeepaliveOptions;
  readonly #sendPing: (seq: number) => number;
  #lastPongAt: number;
  #pingSentAt: number | undefined;
  #pingSeq = 0;
  #pingedFor = 0;
  #waiting: ((answered: boolean) => void)[] = [];

  /** `sendPing` gives how much it has been sent behind. */
  constructor(clock: Clock, options: KeepaliveOptions, sendPing: (seq: number) => number) {
    this.#clock = clock;
    this.#options = options;
    this.#sendPing = sendPing;
    const now = clock.now();
    this.lastReadAt = now;
    this.lastWriteAt = now;
    this.#lastPongAt = now;
  }

  /** Pings, unless a ping is out. Calls `onPong` once: with true when the peer answers, with false when the connection is gone. */
  ping(onPong?: (answered: boolean) => void): void {
    if (onPong !== undefined) this.#waiting.push(onPong);
    if (this.#pingSentAt !== undefined) return;
    this.#pingSentAt = this.#clock.now();
    this.#pingSeq = nextSeq(this.#pingSeq);
    this.#pingedFor = this.#sendPing(this.#pingSeq);
  }

  onPong(seq: number): void {
    if (this.#pingSentAt === undefined || seq !== this.#pingSeq) return;
    this.rttMs = this.lastReadAt - this.#pingSentAt;
    this.#pingSentAt = undefined;
    this.answeredFor = this.#pingedFor;
    this.#lastPongAt = this.lastReadAt;
    this.#answer(true);
  }

  /** Pings where it is time to; gives why the connection is dead, when it is. */
  look(now: number, callsWait: boolean): Error | undefined {
    const { lastReadAt, lastWriteAt } = this;
    const state = { lastReadAt, lastWriteAt, pingSentAt: this.#pingSentAt, lastPongAt: this.#lastPongAt, callsWait };
    switch (keepaliveVerdict(state, this.#options, now)) {
      case "fine":
        return undefined;
      case "ping":
        this.ping();
        return undefined;
      case "silent":
        return new Error(`no byte for ${Math.round(now - lastReadAt)} ms and no answer to a ping`);
      case "unanswered":
        return new Error(`bytes arrive but a ping is unanswered for ${Math.round(now - this.#pingSentAt!)} ms`);
    }
  }

  /** The connection is gone. */
  close(): void {
    this.#answer(false);
  }

  #answer(answered: boolean): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const told of waiting) told(answered);
  }
}
