/** Counters by a few labels whose values are words of ours, so that there are only so many. */
import type { Exposition, Labels } from "./exposition.js";

export class Counts {
  readonly #name: string;
  readonly #help: string;
  readonly #counts = new Map<string, { readonly labels: Labels; count: number }>();

  constructor(name: string, help: string) {
    this.#name = name;
    this.#help = help;
  }

  add(labels: Labels): void {
    const key = JSON.stringify(Object.values(labels));
    const there = this.#counts.get(key);
    if (there === undefined) this.#counts.set(key, { labels, count: 1 });
    else there.count++;
  }

  write(page: Exposition): void {
    page.begin(this.#name, "counter", this.#help);
    for (const { labels, count } of this.#counts.values()) page.sample(this.#name, labels, count);
  }
}
