/** Runs a world through every order in which its steps can come, each state once. */

/** A step of a world, and which of its parts take part in it: steps of different parts do not see each other's order. */
export interface Step {
  readonly name: string;
  readonly parts: readonly number[];
  /** One that need not come: the world may end without it. */
  readonly isOptional?: boolean;
}

export interface World {
  /** What may happen next. A part is determined by the steps that it took part in and their order. */
  steps(): Step[];
  take(step: Step): Promise<void>;
  /** Nothing must happen any more: lets time pass, and checks how things stand. */
  finish(): Promise<void>;
}

export interface Explored {
  readonly states: number;
  /** Different ways in which everything can happen. */
  readonly ends: number;
}

/** Numbers for histories: the same steps in the same order have the same one. */
class Histories {
  readonly #ids = new Map<string, number>();

  after(history: number, step: string): number {
    const key = `${history} ${step}`;
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.#ids.size + 1;
      this.#ids.set(key, id);
    }
    return id;
  }
}

/**
 * Depth first, by running from the beginning again for each turning. Two orders of steps that differ only in steps of different
 * parts are the same state, and only one of them goes on.
 *
 * @throws what the world throws, with the steps that led there.
 */
export async function explore(parts: number, make: () => Promise<World>): Promise<Explored> {
  const histories = new Histories();
  const seen = new Set<string>();
  const todo: Step[][] = [[]];
  let ends = 0;
  const after = (state: readonly number[], step: Step): number[] =>
    state.map((history, part) => (step.parts.includes(part) ? histories.after(history, step.name) : history));
  for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
    const world = await make();
    try {
      let state: readonly number[] = Array.from({ length: parts }, () => 0);
      for (const step of path) {
        await world.take(step);
        state = after(state, step);
      }
      for (;;) {
        const fresh = world.steps().filter((step) => !seen.has(after(state, step).join()));
        for (const step of fresh) seen.add(after(state, step).join());
        const isEnd = world.steps().every(({ isOptional }) => isOptional);
        const next = isEnd ? undefined : fresh[0];
        for (const step of fresh) if (step !== next) todo.push([...path, step]);
        if (isEnd) {
          ends++;
          await world.finish();
        }
        if (next === undefined) break;
        await world.take(next);
        path.push(next);
        state = after(state, next);
      }
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)}\nby ${path.map(({ name }) => name).join(" ")}`, {
        cause: error,
      });
    }
  }
  return { states: seen.size + 1, ends };
}
