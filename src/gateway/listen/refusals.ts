/** What a listener has refused: counted always, told to whoever wants to know. */
import type { ListenOptions, ListenRefusal } from "./listener.js";

export class Refusals {
  readonly #counts: Partial<Record<ListenRefusal, number>> = {};
  readonly #onRefused: ListenOptions["onRefused"];

  constructor(onRefused: ListenOptions["onRefused"]) {
    this.#onRefused = onRefused;
  }

  get counts(): Readonly<Partial<Record<ListenRefusal, number>>> {
    return { ...this.#counts };
  }

  add(cause: ListenRefusal, remoteAddress: string, reason: string): void {
    this.#counts[cause] = (this.#counts[cause] ?? 0) + 1;
    this.#onRefused?.(cause, remoteAddress, reason);
  }
}
