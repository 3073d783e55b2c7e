/** What happened last, for the report of a run that failed. Lines are put together only when somebody reads them. */
export type TracePart = string | number | bigint | undefined;

/** Events that are remembered. */
const KEPT = 400;

export class Trace {
  readonly #now: () => number;
  readonly #onLine: ((line: string) => void) | undefined;
  readonly #times = new Float64Array(KEPT);
  readonly #events: (readonly TracePart[] | undefined)[] = new Array(KEPT).fill(undefined);
  #count = 0;

  /** `onLine` gets every event as it happens; without it nothing is formatted before {@link last}. */
  constructor(now: () => number, onLine: ((line: string) => void) | undefined) {
    this.#now = now;
    this.#onLine = onLine;
  }

  get count(): number {
    return this.#count;
  }

  add(...parts: TracePart[]): void {
    const at = this.#count++ % KEPT;
    this.#times[at] = this.#now();
    this.#events[at] = parts;
    this.#onLine?.(lineOf(this.#times[at]!, parts));
  }

  /** The last events, oldest first. */
  last(most = KEPT): string[] {
    const first = Math.max(0, this.#count - Math.min(most, KEPT));
    return Array.from({ length: this.#count - first }, (_, index) => {
      const at = (first + index) % KEPT;
      return lineOf(this.#times[at]!, this.#events[at]!);
    });
  }
}

/** `"   12.345 s  1.2.1 calls ..."` */
function lineOf(atMs: number, parts: readonly TracePart[]): string {
  const text = parts.filter((part) => part !== undefined && part !== "").join(" ");
  return `${(atMs / 1_000).toFixed(6).padStart(13)} s  ${text}`;
}
