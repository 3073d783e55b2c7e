/** Connections of which nothing more is expected, and over which a last word is still to leave: a refusal, a go-away. */
import type { Clock, TimerHandle } from "../internal/clock.js";
import type { Connection } from "../transport/transport.js";

/** Longest time for the last bytes of a connection to leave. */
const LINGER_MS = 1_000;

export class LastWords {
  readonly #clock: Clock;
  readonly #lingering = new Map<Connection, TimerHandle>();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes the connection over: sends what is buffered, ends it, and destroys it when that takes too long. */
  part(connection: Connection): void {
    if (this.#closed) return connection.destroy();
    this.#lingering.set(
      connection,
      this.#clock.setTimeout(() => connection.destroy(), LINGER_MS),
    );
    connection.setHandler({
      onData: () => {},
      onDrain: () => {},
      onClose: () => {
        this.#clock.clearTimeout(this.#lingering.get(connection));
        this.#lingering.delete(connection);
      },
    });
    connection.end();
  }

  /** Nobody waits any longer, neither for these nor for later ones. */
  destroy(): void {
    this.#closed = true;
    for (const [connection, timer] of this.#lingering) {
      this.#clock.clearTimeout(timer);
      connection.destroy();
    }
    this.#lingering.clear();
  }
}
