/** Says the same thing seldom: at once, and after that with a count at most every ten seconds. For logs that a peer could flood. */
import type { Clock } from "./clock.js";

const EVERY_MS = 10_000;
/** Different things that are remembered; beyond it the oldest is forgotten. */
const MAX_KEYS = 128;

export class Seldom {
  readonly #clock: Clock;
  readonly #said = new Map<string, { at: number; again: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `say` with what to add to the text: nothing, or how often it has happened unsaid. */
  say(key: string, say: (addition: string) => void): void {
    const now = this.#clock.now();
    const before = this.#said.get(key);
    if (before !== undefined && now - before.at < EVERY_MS) {
      before.again++;
      return;
    }
    this.#said.delete(key);
    if (this.#said.size >= MAX_KEYS) this.#said.delete(this.#said.keys().next().value!);
    this.#said.set(key, { at: now, again: 0 });
    say(before === undefined || before.again === 0 ? "" : ` (and ${before.again} more like it)`);
  }
}
