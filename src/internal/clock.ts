/** Time and chance, handed in from outside so that a whole cluster can run on a virtual clock and from a seed. */

/** What a clock gives back for a timer; only good for `clearTimeout`. */
export type TimerHandle = unknown;

export interface Clock {
  /** Milliseconds from an arbitrary start, never backwards: for durations and deadlines. */
  now(): number;
  /** Milliseconds since 1970, may jump: only for incarnations and what people read. */
  wallClock(): number;
  /** Calls `callback` once after `ms`. The timer keeps the process alive only when `keepAlive` is set. */
  setTimeout(callback: () => void, ms: number, keepAlive?: boolean): TimerHandle;
  clearTimeout(handle: TimerHandle): void;
  /** Runs `callback` when the current turn of the event loop has done all its work, promise continuations included. */
  afterTurn(callback: () => void): void;
  /** Runs `callback` in the next turn of the event loop, after what has arrived was read. */
  nextTurn(callback: () => void): void;
}

export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** `length` fresh bytes; unpredictable outside tests: nonces are made of them. */
  bytes(length: number): Uint8Array;
}
