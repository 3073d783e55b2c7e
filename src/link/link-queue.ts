/** What a link could not send yet: told to the node when it goes out, or when it never will. */
import type { LogicalAddress } from "../addr/logical-address.js";
import type { Channel } from "./channel.js";
import type { LinkEnvironment } from "./link-environment.js";
import { type HeldMessage, PendingQueue } from "./pending-queue.js";
import { sayGaveUp } from "./say.js";

export class LinkQueue {
  readonly #peer: LogicalAddress;
  readonly #env: LinkEnvironment;
  readonly #pending: PendingQueue;

  constructor(peer: LogicalAddress, env: LinkEnvironment) {
    this.#peer = peer;
    this.#env = env;
    this.#pending = new PendingQueue(env.options.maxPendingMessages, env.options.maxPendingBytes);
  }

  get length(): number {
    return this.#pending.length;
  }

  get bytes(): number {
    return this.#pending.bytes;
  }

  /** False when there is no room. */
  push(message: HeldMessage): boolean {
    if (!this.#pending.hasRoom(message.frame.length)) return false;
    this.#pending.push(message);
    return true;
  }

  /** A message of this node's own has found no room. */
  tellFull(): void {
    const { bytes, fullBy, length } = this.#pending;
    this.#env.limits.hit(fullBy, `${length} messages of ${bytes} bytes wait`, this.#peer);
  }

  /** Takes one message out; false when it is not there. */
  remove(to: LogicalAddress, from: LogicalAddress, seq: number): boolean {
    return this.#pending.remove(to, from, seq);
  }

  /** Takes out what is meant, in its order. */
  takeWhere(isMeant: (message: HeldMessage) => boolean): HeldMessage[] {
    return this.#pending.length === 0 ? [] : this.#pending.takeWhere(isMeant);
  }

  takeAll(): HeldMessage[] {
    return this.#pending.takeAll();
  }

  /** All of it over `channel`; a request whose time is over is left out. */
  sendOver(channel: Channel): void {
    const { clock, events } = this.#env;
    const now = clock.now();
    const queued = this.#pending.takeAll();
    const due = queued.filter((message) => message.deadlineAt > now);
    for (const message of due) channel.sendHeld(message);
    if (due.length > 0) events.onSent(due, this.#peer);
    if (due.length === queued.length) return;
    const late = queued.filter((message) => message.deadlineAt <= now);
    events.onUnsent(late, new Error("its deadline was over when the link came up"), this.#peer);
  }

  /** None of it will be sent. */
  fail(cause: Error): void {
    const messages = this.#pending.takeAll();
    if (messages.length === 0) return;
    sayGaveUp(this.#env.identity.address, this.#peer, messages.length, cause);
    this.#env.events.onUnsent(messages, cause, this.#peer);
  }
}
