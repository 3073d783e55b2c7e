/** Keeps one watch of an adapter going, whatever the adapter does. */
import type { Clock, Random } from "../internal/clock.js";
import { MAX_TIMER_MS } from "../internal/timer-limit.js";
import { attempt, oneLine, outcomeOf, sleep } from "./abortable.js";
import { show } from "./checked-event.js";
import type { Discovery, DiscoveryEvent } from "./discovery.js";
import type { Reporter } from "./report.js";
import { retryPauseMs } from "./retry-pause.js";

/** A watch that has said nothing for this long is worth a word. */
const SILENT_MS = 5_000;

export interface WatchLoopOptions {
  readonly discovery: Discovery;
  readonly clock: Clock;
  readonly random: Random;
  readonly reporter: Reporter;
  /** Takes whatever the adapter yields. Returns whether it was any good. Must not throw. */
  readonly onEvent: (event: DiscoveryEvent) => boolean;
}

export class WatchLoop {
  readonly #options: WatchLoopOptions;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  /** Failures since the last good event. */
  #failures = 0;

  constructor(options: WatchLoopOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Aborts the watch and gives the adapter `timeoutMs` to let go of it. */
  async stop(timeoutMs: number): Promise<void> {
    this.#abort.abort();
    if (this.#running === undefined) return;
    await outcomeOf(this.#running, new AbortController().signal, { clock: this.#options.clock, ms: timeoutMs });
  }

  async #run(): Promise<void> {
    const { clock, random, reporter } = this.#options;
    const { signal } = this.#abort;
    while (!signal.aborted) {
      const error = await this.#watch(signal);
      if (signal.aborted) return;
      this.#failures++;
      reporter.warn("watch-failed", `discovery: ${oneLine(error)}; the last members stay, watching again`, error);
      await sleep(clock, retryAfterMs(error) ?? retryPauseMs(this.#failures, random), signal);
    }
  }

  /** One watch, until it fails, ends or is aborted; the reason. */
  async #watch(signal: AbortSignal): Promise<unknown> {
    const { clock, discovery, random, reporter } = this.#options;
    let iterator: AsyncIterator<DiscoveryEvent> | undefined;
    let silence = clock.setTimeout(() => {
      silence = undefined;
      const problem = reporter.standing("watch-failed");
      const last = problem === undefined ? "" : `; before that: ${problem}`;
      reporter.warn("watch-silent", `discovery: watch() has reported nothing for ${SILENT_MS} ms, not even an empty snapshot${last}`);
    }, SILENT_MS);
    try {
      iterator = iterate(discovery, signal);
      for (;;) {
        const outcome = await outcomeOf(Promise.resolve(iterator.next()), signal);
        if (outcome.type === "failed") return outcome.error;
        if (outcome.type !== "done" || signal.aborted) return undefined;
        if (typeof outcome.value !== "object") return new TypeError(`the watch's next() gave ${show(outcome.value)}`);
        if (outcome.value.done) return new Error("the watch ended by itself");
        if (this.#options.onEvent(outcome.value.value)) {
          clock.clearTimeout(silence);
          this.#succeeded();
          // An adapter that always has something to say must not keep everything else from running.
          await new Promise<void>((resolve) => clock.nextTurn(resolve));
        } else {
          await sleep(clock, retryPauseMs(++this.#failures, random), signal); // and nonsense is not worth a busy loop
        }
      }
    } catch (error) {
      return error;
    } finally {
      clock.clearTimeout(silence);
      if (signal.aborted) await attempt(() => iterator?.return?.()).catch(() => undefined); // what a cancelled watch says last is of no interest
    }
  }

  #succeeded(): void {
    const { reporter } = this.#options;
    this.#failures = 0;
    const wasFailing = reporter.over("watch-failed");
    const wasSilent = reporter.over("watch-silent");
    if (wasFailing || wasSilent) reporter.info("watch-recovered", "discovery: the watch works again");
  }
}

function iterate(discovery: Discovery, signal: AbortSignal): AsyncIterator<DiscoveryEvent> {
  const watched: AsyncIterable<DiscoveryEvent> | undefined = discovery.watch(signal);
  if (typeof watched?.[Symbol.asyncIterator] === "function") return watched[Symbol.asyncIterator]();
  throw new TypeError(`watch() must return an async iterable, as "async *watch" does; got ${show(watched)}`);
}

/** An adapter that knows better than our back-off says so on the error that it throws. */
function retryAfterMs(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || !("retryAfterMs" in error)) return undefined;
  const { retryAfterMs: ms } = error;
  return typeof ms === "number" && ms > 0 && ms <= MAX_TIMER_MS ? ms : undefined;
}
