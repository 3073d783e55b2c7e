/** The replies of a call, before it is one: whoever begins to iterate them places it. What nobody iterates is never sent. */

export class Replies implements AsyncIterableIterator<unknown> {
  readonly #place: () => Promise<AsyncIterable<unknown>>;
  #iterator: Promise<AsyncIterator<unknown>> | undefined;
  #isOver = false;

  constructor(place: () => Promise<AsyncIterable<unknown>>) {
    this.#place = place;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#isOver) return { done: true, value: undefined };
    this.#iterator ??= this.#begin();
    try {
      const step = await (await this.#iterator).next();
      if (step.done === true) this.#isOver = true;
      return step as IteratorResult<unknown, undefined>;
    } catch (error) {
      this.#isOver = true;
      throw error;
    }
  }

  /** Nothing more is wanted: a call that is under way is cancelled. */
  async return(): Promise<IteratorResult<unknown, undefined>> {
    this.#isOver = true;
    // One that fails while it is placed needs no cancelling.
    const iterator = await this.#iterator?.catch(() => undefined);
    await iterator?.return?.();
    return { done: true, value: undefined };
  }

  async #begin(): Promise<AsyncIterator<unknown>> {
    return (await this.#place())[Symbol.asyncIterator]();
  }
}
