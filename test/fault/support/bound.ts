/** What a handler with a bound must keep: so many at once at most, begun in the order in which they came. */
export class Bound {
  readonly #name: string;
  readonly #most: number;
  readonly #wrong: (what: string) => void;
  #running = 0;
  #arrived = 0;
  #lastBegun = 0;

  constructor(name: string, most: number, wrong: (what: string) => void) {
    this.#name = name;
    this.#most = most;
    this.#wrong = wrong;
  }

  /** Something came; its place in the line. */
  arrive(): number {
    return ++this.#arrived;
  }

  /** It begins, and is over when what `run` gives has settled. */
  begin<T>(place: number, run: () => T | Promise<T>): T | Promise<T> {
    this.#running++;
    if (this.#running > this.#most) this.#wrong(`${this.#running} run in ${this.#name}, which lets ${this.#most} run`);
    if (place <= this.#lastBegun) this.#wrong(`number ${place} in ${this.#name} begins behind number ${this.#lastBegun}`);
    this.#lastBegun = place;
    let result: T | Promise<T>;
    try {
      result = run();
    } catch (error) {
      this.#running--;
      throw error;
    }
    const ended = (): void => void this.#running--;
    if (result instanceof Promise) result.then(ended, ended);
    else ended();
    return result;
  }
}
