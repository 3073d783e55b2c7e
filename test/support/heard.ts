/** Events of the library, collected while a test runs. */
import { onEvent } from "../../src/events/channels.js";
import type { Events } from "../../src/events/events.js";

/** All events of one kind until it is disposed. */
export class Heard<K extends keyof Events> implements Disposable {
  readonly events: Events[K][] = [];
  readonly #stop: () => void;

  constructor(name: K) {
    this.#stop = onEvent(name, (event) => void this.events.push(event));
  }

  /** Those of one `type` (and, where there are several, of `node`). */
  of<T extends Events[K]["type"]>(type: T, node?: string): Extract<Events[K], { readonly type: T }>[] {
    const all = this.events.filter((event) => event.type === type) as Extract<Events[K], { readonly type: T }>[];
    return node === undefined ? all : all.filter((event) => event.node === node);
  }

  [Symbol.dispose](): void {
    this.#stop();
  }
}
