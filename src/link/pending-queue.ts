/** Messages that wait for a link: whole frames in the order in which they were sent, bounded in count and bytes. */
import type { LogicalAddress } from "../addr/logical-address.js";

/** A message in memory of its own: room for a header, then the body. */
export interface HeldMessage {
  readonly frame: Buffer;
  readonly kind: number;
  readonly flags: number;
  readonly to: LogicalAddress;
  readonly from: LogicalAddress;
  readonly epoch: number;
  readonly seq: number;
  /** `Infinity` for none. */
  readonly deadlineAt: number;
  /** Of a message of others that is only passed on: relays that may still do so. */
  readonly hops?: number;
}

/** Milliseconds that travel with a message: 0 for no deadline, at least 1 otherwise. */
export function remainingOf(message: HeldMessage, now: number): number {
  return message.deadlineAt === Number.POSITIVE_INFINITY ? 0 : Math.max(1, Math.ceil(message.deadlineAt - now));
}

export class PendingQueue {
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  #messages: HeldMessage[] = [];
  #bytes = 0;

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  get length(): number {
    return this.#messages.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a message of `bytes` has room; an empty queue takes one of any size. */
  hasRoom(bytes: number): boolean {
    if (this.#messages.length === 0) return true;
    return this.#messages.length < this.#maxMessages && this.#bytes + bytes <= this.#maxBytes;
  }

  /** The limit that leaves no room, where {@link hasRoom} said so. */
  get fullBy(): "link.maxPendingMessages" | "link.maxPendingBytes" {
    return this.#messages.length < this.#maxMessages ? "link.maxPendingBytes" : "link.maxPendingMessages";
  }

  push(message: HeldMessage): void {
    this.#messages.push(message);
    this.#bytes += message.frame.length;
  }

  /** Takes one message out; false when it is not there. */
  remove(to: LogicalAddress, from: LogicalAddress, seq: number): boolean {
    const index = this.#messages.findIndex((message) => message.seq === seq && message.to === to && message.from === from);
    if (index < 0) return false;
    this.#bytes -= this.#messages[index]!.frame.length;
    this.#messages.splice(index, 1);
    return true;
  }

  /** Takes out all that are meant, in their order. */
  takeWhere(isMeant: (message: HeldMessage) => boolean): HeldMessage[] {
    const taken = this.#messages.filter(isMeant);
    if (taken.length > 0) this.#messages = this.#messages.filter((message) => !isMeant(message));
    for (const { frame } of taken) this.#bytes -= frame.length;
    return taken;
  }

  /** Empties the queue. */
  takeAll(): HeldMessage[] {
    const messages = this.#messages;
    this.#messages = [];
    this.#bytes = 0;
    return messages;
  }
}
