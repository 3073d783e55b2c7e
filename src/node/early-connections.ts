/** Connections that came before a node was registered: only then it knows as whom it answers. */
import type { LimitHits } from "../events/limit-hits.js";
import type { Connection } from "../transport/transport.js";

export class EarlyConnections {
  readonly #max: number;
  readonly #limits: LimitHits;
  #held: Connection[] = [];

  /** @param max - how many are held; what comes beyond is destroyed, and counted in `limits`. */
  constructor(max: number, limits: LimitHits) {
    this.#max = max;
    this.#limits = limits;
  }

  hold(connection: Connection): void {
    if (this.#held.length < this.#max) {
      this.#held.push(connection);
      return;
    }
    this.#limits.hit("link.maxOpenings", `${this.#held.length} connections came before the node was up`);
    connection.destroy();
  }

  /** Those that are held, the oldest first; they are the caller's now. */
  release(): readonly Connection[] {
    const held = this.#held;
    this.#held = [];
    return held;
  }

  drop(): void {
    for (const connection of this.release()) connection.destroy();
  }
}
