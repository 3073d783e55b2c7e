/**
 * Connections of a link that take nothing new and finish what they have begun. What is sent after them waits until the peer
 * has read all that went over them, so that nothing is overtaken: see "Order" in docs/protocol.md.
 */
import type { Channel } from "./channel.js";

export class RetiredChannels {
  /** With the time from which on each may be ended. */
  readonly #channels = new Map<Channel, number>();
  readonly #onSettled: () => void;

  /** `onSettled`: the peer has read what was sent over one of them. */
  constructor(onSettled: () => void) {
    this.#onSettled = onSettled;
  }

  get size(): number {
    return this.#channels.size;
  }

  has(channel: Channel): boolean {
    return this.#channels.has(channel);
  }

  [Symbol.iterator](): IterableIterator<Channel> {
    return this.#channels.keys();
  }

  /** `channel` takes nothing new, and ends from `endAt` on when it is not needed. */
  add(channel: Channel, endAt: number): void {
    const isKnown = this.#channels.has(channel);
    this.#channels.set(channel, endAt);
    if (!isKnown) channel.settle(this.#onSettled);
  }

  /** It is gone. */
  delete(channel: Channel): void {
    this.#channels.delete(channel);
  }

  /** A connection takes their place. What comes over them behind its messages is late. */
  precede(channel: Channel): void {
    for (const earlier of this.#channels.keys()) if (isSameProcess(earlier, channel)) earlier.successor ??= channel;
  }

  /** Whether the process at the other end of `channel` may not have read yet all that was sent to it before. */
  holdUp(channel: Channel): boolean {
    return [...this.#channels.keys()].some((earlier) => isSameProcess(earlier, channel) && !earlier.isSettled);
  }

  /** Ends those that are due and not needed, and judges the others by their silence. */
  sweep(now: number, isNeeded: (channel: Channel) => boolean): void {
    for (const [channel, endAt] of this.#channels) {
      if (now >= endAt && !isNeeded(channel)) channel.end();
      channel.keepalive(now, true);
    }
  }
}

/** Order is kept within one life of a node: another one begins anew. */
function isSameProcess(one: Channel, other: Channel): boolean {
  return one.peer.incarnation === other.peer.incarnation;
}
