/**
 * What is left of sessions that have ended: a peer that did not get our last word says its own again, and must not open a
 * new session with it. A few dozen bytes each, for some seconds, and never more of them than a bound.
 */
import { COMMAND, datagramFault, HEADER_BYTES, readSegment, resetDatagram, Segment, writeHeader } from "./segment.js";

export const KEPT_MS = 5_000;
const MAX_KEPT = 4_096;

/**
 * What the peer hears when it goes on: `"acknowledge"`: all has arrived, both sides had ended. `"reset"`: this side is gone.
 * `"nothing"`, where ends are not told.
 */
export type Farewell = "acknowledge" | "reset" | "nothing";

interface Departed {
  readonly farewell: Farewell;
  readonly conversation: number;
  /** The sequence number that was expected next. */
  readonly next: number;
  readonly until: number;
}

export class Afterlife {
  /** In the order in which they were added, and thus expire. */
  readonly #departed = new Map<string, Departed>();
  readonly #segment = new Segment();

  get size(): number {
    return this.#departed.size;
  }

  add(key: string, conversation: number, next: number, farewell: Farewell, now: number): void {
    this.#departed.delete(key);
    for (const [oldest, { until }] of this.#departed) {
      if (until > now && this.#departed.size < MAX_KEPT) break;
      this.#departed.delete(oldest);
    }
    this.#departed.set(key, { farewell, conversation, next, until: now + KEPT_MS });
  }

  /** Whether a session of this key has ended a short while ago. */
  has(key: string, now: number): boolean {
    const departed = this.#departed.get(key);
    return departed !== undefined && departed.until > now;
  }

  /** What to answer a datagram for an ended session: one segment without payload at most. */
  answer(key: string, datagram: Buffer): Buffer | undefined {
    const departed = this.#departed.get(key);
    if (departed === undefined || departed.farewell === "nothing") return undefined;
    if (datagramFault(datagram, departed.conversation, datagram.length) !== undefined) return undefined;
    const segment = this.#segment;
    for (let offset = 0; offset < datagram.length; offset = segment.end) {
      readSegment(datagram, offset, segment);
      const isWaiting = segment.command === COMMAND.push || segment.command === COMMAND.askWindow;
      if (isWaiting)
        return departed.farewell === "reset" ? resetDatagram(departed.conversation, departed.next) : acknowledgement(departed, segment);
    }
    return undefined;
  }
}

function acknowledgement({ conversation, next }: Departed, { command, timestamp, sequence }: Segment): Buffer {
  const datagram = Buffer.allocUnsafe(HEADER_BYTES);
  const answer = command === COMMAND.push ? COMMAND.ack : COMMAND.tellWindow;
  writeHeader(datagram, 0, conversation, answer, 0, 0, timestamp, sequence, next, 0);
  return datagram;
}
