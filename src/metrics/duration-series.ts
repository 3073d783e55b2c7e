/** Durations as a Prometheus histogram, one series for each combination of labels, and only so many of them. */
import type { Exposition, Labels } from "./exposition.js";

interface Series {
  readonly labels: Labels;
  /** How many fell into each bucket alone; one more than there are bounds. */
  readonly counts: number[];
  sum: number;
}

export class DurationSeries {
  readonly #name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  readonly #maxSeries: number;
  readonly #series = new Map<string, Series>();

  /** @param bounds - upper bounds of the buckets in seconds, rising. */
  constructor(name: string, help: string, bounds: readonly number[], maxSeries: number) {
    this.#name = name;
    this.#help = help;
    this.#bounds = bounds;
    this.#maxSeries = maxSeries;
  }

  /**
   * @param key - of the labels; they are made only when it is new.
   * @param rest - what a new key becomes where there are too many series already.
   */
  add(key: string, labels: () => Labels, rest: () => Labels, seconds: number): void {
    const series = this.#series.get(key) ?? this.#make(key, labels, rest);
    const at = this.#bounds.findIndex((bound) => seconds <= bound);
    const bucket = at < 0 ? this.#bounds.length : at;
    series.counts[bucket] = series.counts[bucket]! + 1;
    series.sum += seconds;
  }

  write(page: Exposition): void {
    page.begin(this.#name, "histogram", this.#help);
    for (const { labels, counts, sum } of this.#series.values()) {
      let total = 0;
      for (const [at, count] of counts.entries()) {
        total += count;
        page.sample(`${this.#name}_bucket`, { ...labels, le: at < this.#bounds.length ? String(this.#bounds[at]) : "+Inf" }, total);
      }
      page.sample(`${this.#name}_sum`, labels, sum);
      page.sample(`${this.#name}_count`, labels, total);
    }
  }

  #make(key: string, labels: () => Labels, rest: () => Labels): Series {
    const isOver = this.#series.size >= this.#maxSeries;
    const made = { labels: isOver ? rest() : labels(), counts: new Array<number>(this.#bounds.length + 1).fill(0), sum: 0 };
    const restKey = isOver ? JSON.stringify(made.labels) : key;
    const there = this.#series.get(restKey);
    if (there !== undefined) return there;
    this.#series.set(restKey, made);
    return made;
  }
}
