/** A path between two event loops, in arithmetic: what a window lets through, and what stands in front of a small message. */
import { FragmentWindow } from "../../../src/link/fragment-window.js";
import { PIECE_BYTES } from "../../../src/link/large-outflow.js";

export interface PathConditions {
  /** Milliseconds each way. */
  readonly delayMs: number;
  /** What the narrowest part passes on, the event loop that reads included. */
  readonly bytesPerMs: number;
  /** Milliseconds of the sender's own work per fragment. */
  readonly turnMs: number;
  /** Milliseconds that a pong comes later, for instance because the peer is busy. Default none. */
  readonly lateMs?: (() => number) | undefined;
}

export class SimulatedPath {
  readonly window = new FragmentWindow();
  conditions: PathConditions;
  now = 0;
  /** Bytes that the peer has read. */
  readBytes = 0;
  /** When the narrowest part will have passed on all that was sent. */
  #freeAt = 0;
  #pongAt = 0;
  readonly #arrivals: { readonly at: number; readonly bytes: number }[] = [];
  readonly #pongs: { readonly at: number; readonly seq: number }[] = [];

  constructor(conditions: PathConditions) {
    this.conditions = conditions;
  }

  /** Milliseconds that a small message which is sent now waits for fragments in front of it. */
  get queueMs(): number {
    return Math.max(0, this.#freeAt - this.now);
  }

  /** Sends without end for `ms`. Gives the bytes that were read meanwhile, per millisecond. */
  run(ms: number, eachTurn: () => void = () => {}): number {
    const before = this.readBytes;
    const end = this.now + ms;
    while (this.now < end) {
      this.#deliver();
      eachTurn();
      if (this.window.hasRoom) {
        this.#sendPiece();
        this.now += this.conditions.turnMs;
        continue;
      }
      if (this.window.wantsMark(false)) this.#sendMark();
      const next = this.#pongs[0];
      if (next === undefined) throw new Error("it waits for ever: no room and no pong under way");
      this.now = Math.min(end, Math.max(this.now, next.at));
    }
    return (this.readBytes - before) / ms;
  }

  /** Nothing is sent. */
  pause(ms: number): void {
    this.now += ms;
    this.#deliver();
  }

  #sendPiece(): void {
    const { bytesPerMs, delayMs } = this.conditions;
    this.window.sent(PIECE_BYTES, this.now);
    this.#freeAt = Math.max(this.#freeAt, this.now) + PIECE_BYTES / bytesPerMs;
    this.#arrivals.push({ at: this.#freeAt + delayMs, bytes: PIECE_BYTES });
    if (this.window.wantsMark(false)) this.#sendMark();
  }

  #sendMark(): void {
    const { delayMs, lateMs } = this.conditions;
    this.#pongAt = Math.max(this.#pongAt, Math.max(this.#freeAt, this.now) + 2 * delayMs + (lateMs?.() ?? 0));
    this.#pongs.push({ at: this.#pongAt, seq: this.window.mark(this.now) });
  }

  #deliver(): void {
    while (this.#arrivals.length > 0 && this.#arrivals[0]!.at <= this.now) this.readBytes += this.#arrivals.shift()!.bytes;
    while (this.#pongs.length > 0 && this.#pongs[0]!.at <= this.now) this.window.onRead(this.#pongs.shift()!.seq, this.now);
  }
}
