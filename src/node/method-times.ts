/**
 * How long the calls and handlers of a node take, by method: recorded while somebody asks, because a clock that is read
 * twice per call is not free. Ends by itself a minute after it was asked last.
 */
import type { AddressText } from "../addr/logical-address.js";
import { onEvent } from "../events/channels.js";
import type { CallEvent, HandlerEvent } from "../events/events.js";
import type { Clock, TimerHandle } from "../internal/clock.js";
import { DurationHistogram } from "../internal/duration-histogram.js";

const FORGET_AFTER_MS = 60_000;
/** Methods that are told apart, calls and handlers each for themselves; others are one. */
const MAX_METHODS = 256;
const OTHERS = "(others)";

/** One method, since recording began. */
export interface MethodTimes {
  /** Full name of the method or message. */
  readonly method: string;
  /** `"call"`: of this node to others, or to itself; `"handler"`: run here. */
  readonly side: "call" | "handler";
  readonly count: number;
  /** Of these, those that failed. */
  readonly failed: number;
  /** Milliseconds, to within a tenth; `maxMs` exactly. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

interface Recorded {
  readonly method: string;
  readonly side: MethodTimes["side"];
  readonly durations: DurationHistogram;
  failed: number;
}

export class MethodTimesRecorder {
  readonly #node: AddressText;
  readonly #clock: Clock;
  #methods = new Map<string, Recorded>();
  #stop: (() => void) | undefined;
  #timer: TimerHandle;

  constructor(node: AddressText, clock: Clock) {
    this.#node = node;
    this.#clock = clock;
  }

  /** What was recorded since it was asked first, the slowest by `p99Ms` first; begins to record. */
  ask(): readonly MethodTimes[] {
    if (this.#stop === undefined) this.#start();
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => this.close(), FORGET_AFTER_MS);
    return [...this.#methods.values()].map(timesOf).sort((one, other) => other.p99Ms - one.p99Ms);
  }

  close(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#stop?.();
    this.#stop = undefined;
    this.#methods = new Map();
  }

  #start(): void {
    const record = (side: MethodTimes["side"], event: CallEvent | HandlerEvent): void => {
      if (event.type === "end" && event.node === this.#node) this.#record(side, event.method, event.durationMs, event.code !== "OK");
    };
    const stops = [
      onEvent("clusterts:call", (event) => record("call", event)),
      onEvent("clusterts:handler", (event) => record("handler", event)),
    ];
    this.#stop = () => {
      for (const stop of stops) stop();
    };
  }

  #record(side: MethodTimes["side"], method: string, durationMs: number, hasFailed: boolean): void {
    let recorded = this.#methods.get(`${side} ${method}`);
    if (recorded === undefined) {
      if (this.#methods.size >= MAX_METHODS && method !== OTHERS) return this.#record(side, OTHERS, durationMs, hasFailed);
      recorded = { method, side, durations: new DurationHistogram(), failed: 0 };
      this.#methods.set(`${side} ${method}`, recorded);
    }
    recorded.durations.add(durationMs);
    if (hasFailed) recorded.failed++;
  }
}

function timesOf({ method, side, durations, failed }: Recorded): MethodTimes {
  const { count, maxMs } = durations;
  return { method, side, count, failed, p50Ms: durations.quantile(0.5), p99Ms: durations.quantile(0.99), maxMs };
}
