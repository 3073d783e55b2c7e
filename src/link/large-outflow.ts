/** The large messages of one connection and the window that their fragments wait for. Small messages never do. */
import type { LogicalAddress } from "../addr/logical-address.js";
import type { FrameWriter } from "../wire/frame-writer.js";
import { KIND } from "../wire/header.js";
import { FRAGMENT_BYTES } from "../wire/limits.js";
import { FragmentWindow } from "./fragment-window.js";
import { LargeMessages } from "./large-messages.js";
import type { HeldMessage } from "./pending-queue.js";

/** Half of what a fragment may have, so that a small message stands behind little. A quarter takes half as much CPU time again. */
export const PIECE_BYTES = FRAGMENT_BYTES / 2;
/** So long after a small message fragments leave room for the next one. */
const SHARED_MS = 1_000;
/** Fragments in one turn, of however many large messages: each stands in front of what the next turn sends. */
const MAX_FRAGMENTS = 1;

export class LargeOutflow {
  readonly messages: LargeMessages;
  readonly #self: LogicalAddress;
  readonly #peer: LogicalAddress;
  readonly #window = new FragmentWindow();
  /** Small messages that had been sent when it was last looked, and when a new one was seen. */
  #smallSent: number | undefined;
  #smallAt = Number.NEGATIVE_INFINITY;

  /** `maxBegunBytes`: as of {@link LargeMessages}. */
  constructor(self: LogicalAddress, peer: LogicalAddress, maxBegunBytes: number) {
    this.#self = self;
    this.#peer = peer;
    this.messages = new LargeMessages(maxBegunBytes, PIECE_BYTES);
  }

  /** Whether another fragment may go; else there is none, or the pong of a mark makes room. */
  get canGoOn(): boolean {
    return !this.messages.isEmpty && this.#window.hasRoom;
  }

  /** Writes what one turn may send; gives and tells what `LargeMessages.pump` does. `smallSent`: how many small messages have been sent. */
  pump(writer: FrameWriter, now: number, smallSent: number, onSent: (message: HeldMessage) => void): HeldMessage[] {
    const window = this.#window;
    if (this.#smallSent !== undefined && smallSent !== this.#smallSent) this.#smallAt = now;
    this.#smallSent = smallSent;
    window.isShared = now - this.#smallAt < SHARED_MS;
    let freed: HeldMessage[] = [];
    if (this.canGoOn) {
      const before = writer.length;
      freed = this.messages.pump(writer, now, MAX_FRAGMENTS, onSent);
      window.sent(writer.length - before, now);
    }
    if (window.wantsMark(this.messages.isEmpty)) {
      writer.begin(0);
      writer.commit(KIND.ping, 0, 0, this.#peer, this.#self, 0, window.mark(now), 0);
    }
    return freed;
  }

  /** The pong of a mark came. */
  onMarkRead(seq: number, now: number): void {
    this.#window.onRead(seq, now);
  }

  /** Now and then: no fragment waits for ever for a pong. */
  expire(now: number): void {
    this.#window.expire(now);
  }
}
