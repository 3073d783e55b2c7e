/** Durations in buckets that grow by a quarter of an octave: any quantile to within a tenth, in constant space. */
const FIRST_MS = 0.01;
const PER_OCTAVE = 4;
/** Up to 671 s; what takes longer is in the last one. */
const BUCKETS = 104;

export class DurationHistogram {
  readonly #buckets = new Uint32Array(BUCKETS);
  #count = 0;
  #maxMs = 0;

  get count(): number {
    return this.#count;
  }

  get maxMs(): number {
    return this.#maxMs;
  }

  add(ms: number): void {
    const bucket = ms <= FIRST_MS ? 0 : Math.min(BUCKETS - 1, Math.floor(Math.log2(ms / FIRST_MS) * PER_OCTAVE) + 1);
    this.#buckets[bucket] = this.#buckets[bucket]! + 1;
    this.#count++;
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  /** Milliseconds that a share `q` of all durations did not exceed; 0 when there are none. */
  quantile(q: number): number {
    let left = Math.max(1, Math.ceil(this.#count * q));
    if (this.#count === 0) return 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= this.#buckets[bucket]!;
      if (left <= 0) return Math.min(this.#maxMs, middleOf(bucket));
    }
    return this.#maxMs;
  }
}

/** Geometrically. */
function middleOf(bucket: number): number {
  return bucket === 0 ? FIRST_MS : FIRST_MS * 2 ** ((bucket - 0.5) / PER_OCTAVE);
}
