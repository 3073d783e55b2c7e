/** Counts the timers that are pending in this process, those too that do not keep it alive. One per process. */
export class Timers {
  #live = new Set();

  constructor() {
    const { setTimeout, clearTimeout } = globalThis;
    globalThis.setTimeout = (callback, ms, ...args) => {
      const timer = setTimeout(
        (...given) => {
          this.#live.delete(timer);
          callback(...given);
        },
        ms,
        ...args,
      );
      this.#live.add(timer);
      return timer;
    };
    globalThis.clearTimeout = (timer) => {
      this.#live.delete(timer);
      clearTimeout(timer);
    };
  }

  get pending() {
    return this.#live.size;
  }
}
