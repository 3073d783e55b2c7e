/** How long a gateway bears a client that says nothing, or reads nothing. Looked at now and then; no timer of its own. */

export interface PatienceLimits {
  readonly idleTimeoutMs: number | false;
  readonly firstByteTimeoutMs: number | false;
  readonly stallTimeoutMs: number | false;
}

export type Impatience = "idle" | "silent" | "stalled";

export class Patience {
  readonly #startedAt: number;
  #movedAt: number;
  #moved = 0;
  #deliveredAt: number;
  #delivered = 0;

  constructor(now: number) {
    this.#startedAt = now;
    this.#movedAt = now;
    this.#deliveredAt = now;
  }

  /**
   * @param bytesIn - that the client has sent since it came.
   * @param bytesOut - that were handed to its connection.
   * @param waitingBytes - of those, the ones that it has not taken.
   */
  look(now: number, limits: PatienceLimits, bytesIn: number, bytesOut: number, waitingBytes: number): Impatience | undefined {
    const moved = bytesIn + bytesOut - waitingBytes;
    if (moved !== this.#moved) {
      this.#moved = moved;
      this.#movedAt = now;
    }
    const delivered = bytesOut - waitingBytes;
    if (waitingBytes === 0 || delivered !== this.#delivered) {
      this.#delivered = delivered;
      this.#deliveredAt = now;
    }
    if (isOver(now - this.#deliveredAt, limits.stallTimeoutMs)) return "stalled";
    if (bytesIn === 0 && isOver(now - this.#startedAt, limits.firstByteTimeoutMs)) return "silent";
    return isOver(now - this.#movedAt, limits.idleTimeoutMs) ? "idle" : undefined;
  }
}

function isOver(ms: number, limitMs: number | false): boolean {
  return limitMs !== false && ms >= limitMs;
}

/** Milliseconds between two looks: often enough for the shortest time, and at most once a second while all are long. */
export function lookIntervalMs(times: readonly (number | false)[]): number {
  const shortest = Math.min(...times.map((time) => (time === false ? Number.POSITIVE_INFINITY : time)));
  return Math.min(1_000, Math.max(10, shortest / 4));
}
